import { expect, onTestFinished, test } from "vitest";
import { type AttachmentInfo, chatBy } from "../../src/apps/chat/client/entry.ts";
import { connect } from "../../src/endpoint/node-index.ts";
import { ServerProcess, until } from "./server-process.ts";
import { temporaryFolder } from "./support.ts";

const ChatClient = chatBy(connect);

const RUNTIMES = ["node", "deno", "bun"];

test.each(RUNTIMES)(
  "a server that is killed in the middle, time and again, has lost and doubled nothing of what it has confirmed, in %s",
  async (runtime) => {
    // The silence after which clients look for a new server.
    const idleTimeoutMs = 1_000;
    const folder = temporaryFolder();
    let server = await ServerProcess.start(folder, undefined, runtime);
    const { url } = server;
    const auth = await ChatClient.join(server.link, { name: "olga" });
    const olga = await ChatClient.connect(server.link, { auth, idleTimeoutMs });
    onTestFinished(() => olga.close());
    const room = await olga.createRoom("garden");
    const bobsAuth = await ChatClient.join(await olga.invite(), { name: "bob" });
    const bob = await ChatClient.connect(server.link, { auth: bobsAuth, idleTimeoutMs });
    onTestFinished(() => bob.close());
    const bobs = await bob.join(room.id);
    const seen: string[] = [];
    bob.on("message", ({ message }) => seen.push(message.text));

    const stored = new Map<string, number>();
    const total = 300;
    const sending = (async () => {
      for (let i = 0; i < total; i++) {
        // Several at a time, so that there always is one in the middle of something.
        const text = `${i}`;
        const one = room.send(text).then(({ position }) => stored.set(text, position));
        if (i % 5 === 0) await one;
      }
    })();
    for (const after of [40, 120, 200]) {
      await until(() => stored.size >= after);
      await server.kill();
      server = await ServerProcess.start(folder, url, runtime);
    }
    await sending;
    await until(() => stored.size === total && seen.length >= total);

    expect(seen).toEqual(Array.from({ length: total }, (_, i) => `${i}`));
    const positions = new Map<string, number>();
    for (let before: number | undefined, more = true; more; ) {
      const page = await bobs.history({ limit: 100, ...(before === undefined ? {} : { before }) });
      for (const entry of page.entries) {
        if (entry.kind !== "message") continue;
        expect(positions.has(entry.text)).toBe(false);
        positions.set(entry.text, entry.position);
      }
      before = page.entries[0]!.position;
      more = page.more;
    }
    expect(Object.fromEntries(positions)).toEqual(Object.fromEntries(stored));
  },
  120_000,
);

test.each(RUNTIMES)(
  "attachments that a server has confirmed are whole after it was killed, and messages have them, in %s",
  async (runtime) => {
    const idleTimeoutMs = 1_000;
    const folder = temporaryFolder();
    let server = await ServerProcess.start(folder, undefined, runtime);
    const auth = await ChatClient.join(server.link, { name: "olga" });
    const olga = await ChatClient.connect(server.link, { auth, idleTimeoutMs });
    onTestFinished(() => olga.close());
    const room = await olga.createRoom("garden");
    const contentOf = (i: number) => Uint8Array.from({ length: 200_000 }, (_, at) => at * (i + 3));
    const confirmed: { readonly i: number; readonly attachment: AttachmentInfo }[] = [];
    let isOver = false;
    const uploading = (async () => {
      for (let i = 0; !isOver; i++) {
        const content = contentOf(i);
        // What is under way when the server ends fails, and is not confirmed.
        const attachment = await room
          .upload(content, { name: `${i}`, bytes: content.length })
          .catch(() => undefined);
        if (attachment === undefined) {
          await new Promise((resolve) => setTimeout(resolve, 50));
          continue;
        }
        confirmed.push({ i, attachment });
        // Sent again by itself, if need be.
        await room.send("", { attachment });
      }
    })();
    for (const after of [8, 16]) {
      await until(() => confirmed.length >= after);
      await server.kill();
      server = await ServerProcess.start(folder, server.url, runtime);
    }
    await until(() => confirmed.length >= 20);
    isOver = true;
    await uploading;
    const { entries } = await room.history({ limit: 200 });
    const sent = entries.flatMap((entry) => (entry.kind === "message" ? [entry.attachment?.id] : []));
    expect(sent).toEqual(confirmed.map(({ attachment }) => attachment.id));
    for (const { i, attachment } of confirmed) {
      const parts: Uint8Array[] = [];
      for await (const part of (await room.download(attachment)).content) parts.push(part);
      expect(Buffer.concat(parts).equals(contentOf(i)), `${i}`).toBe(true);
    }
  },
  120_000,
);
