/** Writers and a peer that decides what has to be kept for it. */
import { expect, test } from "vitest";
import { openFaces } from "../../src/session/web-streams.ts";
import { SessionPair } from "./pair.ts";

const HUGE = { initialBytes: 2 ** 40, maxBytes: 2 ** 40 };

/** Lets time pass in the simulation, and writers go on. */
async function run(pair: SessionPair, ms: number): Promise<void> {
  for (let i = 0; i < ms; i += 5) {
    pair.clock.run(pair.clock.nowMs + 5);
    for (let turn = 0; turn < 8; turn++) await Promise.resolve();
  }
}

function writing(pair: SessionPair): { written: number; stop(): void } {
  const { client } = pair;
  const { engine } = client;
  const owner = {
    streams: engine.streams,
    wake: () => pair.clock.at(pair.clock.nowMs, () => client.flush()),
    get windowBytes() {
      return engine.recovery.windowBytes;
    },
  };
  const writer = openFaces(owner, engine.streams.open(true, 0)!).writable!.getWriter();
  let isStopped = false;
  const progress = {
    written: 0,
    stop() {
      isStopped = true;
    },
  };
  void (async () => {
    while (!isStopped) {
      await writer.write(new Uint8Array(50_000));
      progress.written += 50_000;
    }
  })();
  return progress;
}

test("a peer that never acknowledges a stream's beginning stops the writer, whatever its window", async () => {
  const pair = new SessionPair({
    link: { delayMs: 0.5 },
    server: { streamWindow: HUGE, sessionWindow: HUGE },
  }).ready();
  // A STREAM frame without an offset begins at 0.
  pair.client.filter = (packet) => !packet.some((_, i) => i < 40 && isStart(packet, i));
  const progress = writing(pair);
  await run(pair, 10_000);
  const before = progress.written;
  await run(pair, 10_000);
  expect(progress.written).toBe(before);
  expect(before).toBeLessThan(2_000_000);
  expect(before).toBeGreaterThan(500_000);
  // Once it is acknowledged, all goes on.
  pair.client.filter = undefined;
  await run(pair, 5000);
  expect(progress.written).toBeGreaterThan(2 * before);
  progress.stop();
});

/** Whether a STREAM frame of stream 2 with offset 0, a length or none, begins there. */
function isStart(packet: Uint8Array, at: number): boolean {
  return (packet[at] === 0x08 || packet[at] === 0x0a) && packet[at + 1] === 2;
}
