import { join } from "node:path";
import { expect, test } from "vitest";
import { chatBy } from "../../src/apps/chat/client/entry.ts";
import { ChatServer } from "../../src/apps/chat/server/server.ts";
import { failure, Party, temporaryFolder, udp } from "./support.ts";

test("a backup of a running server is a server's folder with all that was stored until then", async () => {
  const party = await Party.open(udp);
  const olga = await party.owner();
  const auth = await party.register({ name: "bob", password: "correct horse" });
  const room = await olga.createRoom("general");
  const bob = await party.connect(auth);
  await bob.join(room.id);
  const content = Uint8Array.from({ length: 100_000 }, (_, i) => i * 7);
  const attachment = await room.upload(content, { name: "noise", bytes: content.length });
  await room.send("with a file", { attachment });
  const folder = join(temporaryFolder(), "backup");
  await party.server.backup(folder);
  expect((await failure(party.server.backup(folder))).code).toBe("EEXIST");
  await room.send("later");

  const copy = await ChatServer.open(udp.listen, { folder, url: "udp://127.0.0.1:0" });
  expect(copy.fingerprint).toBe(party.server.fingerprint);
  const there = await chatBy(udp.connect).connect(copy.link(), { auth });
  try {
    const again = [...there.rooms.values()][0]!;
    const messages = (await again.history()).entries.filter((entry) => entry.kind === "message");
    expect(messages.map(({ text }) => text)).toEqual(["with a file"]);
    const parts: Uint8Array[] = [];
    for await (const part of (await again.download(attachment)).content) parts.push(part);
    expect(Buffer.concat(parts).equals(content)).toBe(true);
  } finally {
    await there.close();
    await copy.close();
  }
});
