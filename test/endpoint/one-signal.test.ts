import { getEventListeners } from "node:events";
import process from "node:process";
import { expect, onTestFinished, test, vi } from "vitest";
import { onAbort, unlessAborted } from "../../src/abort.ts";
import { gatewayHashes } from "../../src/endpoint/node-index.ts";
import { openGateway } from "../../src/gateway/node-index.ts";
import { pause } from "../../src/pause.ts";
import { race } from "../../src/race.ts";
import { dial, echoServer, failure, utf8 } from "./support.ts";

// An application may have one signal for all that it does. Node takes more than ten listeners for a leak, and says so.

/** More than Node puts up with. */
const MANY = 25;
const times = <T>(make: (index: number) => T): T[] => Array.from({ length: MANY }, (_, i) => make(i));
const countOf = (signal: AbortSignal) => getEventListeners(signal, "abort").length;

/** All that Node has warned of meanwhile. */
function warnings(): string[] {
  const names: string[] = [];
  const add = ({ name }: Error) => void names.push(name);
  process.on("warning", add);
  onTestFinished(() => void process.off("warning", add));
  return names;
}

test("many sessions, servers, gateways and requests on one signal: one listener, and none when they are done", async () => {
  const warned = warnings();
  const { signal } = new AbortController();
  const servers = await Promise.all(times(() => echoServer({ signal })));
  const gateways = await Promise.all(
    times(() => openGateway("http://127.0.0.1:0", { targets: { echo: servers[0]!.url }, signal })),
  );
  expect(countOf(signal)).toBe(1);
  const dialing = times((i) => dial(servers[i]!, { signal }));
  expect(countOf(signal)).toBe(1);
  const sessions = await Promise.all(dialing);
  const requests = times(() => sessions[0]!.request(utf8("nobody answers"), { signal }));
  await sessions[0]!.ready;
  expect(countOf(signal)).toBe(1);
  for (const session of sessions) session.close();
  await Promise.all(requests.map((request) => failure(request)));
  await Promise.all([...servers, ...gateways].map((each) => each.close()));
  await vi.waitFor(() => expect(countOf(signal)).toBe(0));
  expect(warned).toEqual([]);
});

test("many ways in one race: one listener on the signal of each", async () => {
  const warned = warnings();
  const stop = new AbortController();
  const inner: AbortSignal[] = [];
  const lost = race(times(String), {
    signal: stop.signal,
    nextMs: 1,
    begin: (_, signal) => {
      inner.push(signal);
      return unlessAborted(signal, new Promise<string>(() => {}));
    },
    isFinal: () => false,
    blame: () => undefined,
    discard: () => {},
  });
  await vi.waitFor(() => expect(inner.length).toBe(MANY));
  expect([countOf(stop.signal), countOf(inner[0]!)]).toEqual([1, 1]);
  stop.abort("enough");
  await expect(lost).rejects.toBe("enough");
  expect([countOf(stop.signal), countOf(inner[0]!)]).toEqual([0, 0]);
  expect(warned).toEqual([]);
});

test("an abort reaches all that wait, and nothing that does not wait any more", async () => {
  const controller = new AbortController();
  const { signal } = controller;
  const called: string[] = [];
  const ignoreLast = () => last();
  onAbort(signal, () => {
    called.push("first");
    ignoreLast();
  });
  const again = () => void called.push("twice");
  const ignored = onAbort(signal, again);
  onAbort(signal, again);
  const last = onAbort(signal, () => void called.push("last"));
  ignored();
  ignored();
  const paused = pause(1_000_000, signal);
  const outcome = unlessAborted(signal, new Promise(() => {}));
  controller.abort("reason");
  expect(called).toEqual(["first", "twice"]);
  await paused;
  await expect(outcome).rejects.toBe("reason");
  // What comes later is told at once, and the signal is left alone.
  onAbort(signal, () => void called.push("late"))();
  expect(called.at(-1)).toBe("late");
  await pause(1_000_000, signal);
  await expect(gatewayHashes("http://127.0.0.1:1", { signal })).rejects.toBe("reason");
  expect(countOf(signal)).toBe(0);
});

test("what has ended leaves no listener", async () => {
  const { signal } = new AbortController();
  await Promise.all(times(() => pause(1, signal)));
  expect(await unlessAborted(signal, Promise.resolve(7))).toBe(7);
  expect(await unlessAborted(undefined, Promise.resolve(8))).toBe(8);
  await vi.waitFor(() => expect(countOf(signal)).toBe(0));
});
