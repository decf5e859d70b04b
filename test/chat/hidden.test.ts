/** Clients whose timers are held back, as those of hidden pages are: what comes keeps them alive, and is there at once. */
import { expect, onTestFinished, test } from "vitest";
import { chatBy } from "../../src/apps/chat/client/entry.ts";
import { ServerProcess } from "./server-process.ts";
import { event, temporaryFolder, udp } from "./support.ts";

const IDLE_MS = 2_000;

/** From now on no timer fires, until all that are due do at once. */
function holdTimers(): { realTimeout: typeof setTimeout; release(): void } {
  const { setTimeout: realTimeout, clearTimeout: realClear } = globalThis;
  const held = new Map<object, () => void>();
  const hold = (act: (...args: unknown[]) => void, _ms?: number, ...args: unknown[]) => {
    const timer = { ref: () => timer, unref: () => timer, hasRef: () => true };
    held.set(timer, () => act(...args));
    return timer;
  };
  globalThis.setTimeout = hold as never;
  globalThis.clearTimeout = ((timer: object) => {
    if (!held.delete(timer)) realClear(timer as never);
  }) as never;
  const release = () => {
    globalThis.setTimeout = realTimeout;
    for (const [timer, act] of [...held]) if (held.has(timer)) act();
    globalThis.clearTimeout = realClear;
  };
  return { realTimeout, release };
}

test("clients whose timers are held back for long stay connected, and get at once what is said", async () => {
  const server = await ServerProcess.start(temporaryFolder());
  const chat = chatBy(udp.connect);
  const auth = await chat.join(server.link, { name: "olga" });
  const olga = await chat.connect(server.link, { auth, idleTimeoutMs: IDLE_MS });
  onTestFinished(() => olga.close());
  const link = await olga.invite();
  const bob = await chat.connect(link, {
    auth: await chat.join(link, { name: "bob" }),
    idleTimeoutMs: IDLE_MS,
  });
  onTestFinished(() => bob.close());
  const room = await olga.createRoom("general");
  await bob.join(room.id);
  const lost: unknown[] = [];
  for (const client of [olga, bob]) client.on("disconnected", ({ error }) => lost.push(error));
  const { realTimeout, release } = holdTimers();
  try {
    for (let i = 0; i < 3; i++) {
      // Longer than silence may last.
      await new Promise((resolve) => realTimeout(resolve, 1.5 * IDLE_MS));
      const come = event(bob, "message", ({ message }) => message.text === `${i}`);
      await room.send(`${i}`);
      await come;
    }
  } finally {
    release();
  }
  // Nor does it end by what is late.
  expect((await room.history()).entries.length).toBeGreaterThan(3);
  expect(lost).toEqual([]);
});
