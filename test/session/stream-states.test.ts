/** What a stream's state forbids to be sent, and asks for (RFC 9000 §2 and §3). */
import { describe, expect, test } from "vitest";
import { FrameType } from "../../src/session/frames.ts";
import { control, stream } from "./packets.ts";
import { SessionPair } from "./pair.ts";
import { ScriptedServer } from "./scripted.ts";

const resetStream = (id: number, errorCode: number, finalSize: number) =>
  control(FrameType.reset_stream, id, errorCode, finalSize);
const stopSending = (id: number, errorCode: number) => control(FrameType.stop_sending, id, errorCode);
const maxData = (limit: number) => control(FrameType.max_data, limit);
const maxStreamData = (id: number, limit: number) => control(FrameType.max_stream_data, id, limit);

/** What it has sent on streams. */
const ofStreams = (server: ScriptedServer) =>
  server.packets.flat().filter(([name]) => ["stream", "resetStream", "blocked"].includes(name));

describe("STOP_SENDING (§3.5)", () => {
  test("goes out while the peer may have something left to send, or to send again", () => {
    const server = new ScriptedServer();
    const stop = () => {
      server.engine.streams.stop(server.opened.at(-1)!, 9);
      server.flush();
      return server.take("stopSending");
    };
    // "Recv"
    server.give(stream(0, 0, 10));
    expect(stop()).toEqual([[0, 9]]);
    // "Size Known"
    server.give(stream(4, 5, 5, true));
    expect(stop()).toEqual([[4, 9]]);
    // "Data Recvd"
    server.give(stream(8, 0, 10, true));
    expect(stop()).toEqual([]);
    server.give(stream(12, 0, 0, true));
    expect(stop()).toEqual([]);
    // "Reset Recvd"
    server.give(resetStream(16, 1, 10));
    expect(stop()).toEqual([]);
  });

  test("is sent again when it gets lost, but not once the peer has reset the stream", () => {
    const server = new ScriptedServer();
    for (const id of [0, 4]) server.give(stream(id, 0, 10));
    for (const each of server.opened) server.engine.streams.stop(each, 9);
    server.flush();
    server.give(resetStream(0, 1, 10));
    server.take("stopSending");
    // Probe time-outs repeat what is in flight.
    server.pass(1000);
    const again = server.take("stopSending");
    expect(again.length).toBeGreaterThan(0);
    expect(again.every(([id]) => id === 4)).toBe(true);
  });

  test("is answered with RESET_STREAM of the same code, unless the peer has everything", () => {
    const server = new ScriptedServer();
    const { streams } = server.engine;
    // "Ready", "Send", "Data Sent"
    const [ready, sending, finished, done] = [0, 1, 2, 3].map(() => streams.open(true, 0)!);
    for (const each of [sending, finished, done]) streams.write(each!, new Uint8Array(10));
    for (const each of [finished, done]) streams.finish(each!);
    server.flush();
    server.acknowledge();
    // "Data Recvd"
    expect(done!.send!.state).toBe("acknowledged");
    const late = streams.open(true, 0)!;
    streams.write(late, new Uint8Array(10));
    streams.finish(late);
    server.flush();
    server.packets.length = 0;
    for (const each of [ready, sending, finished, done, late]) server.give(stopSending(each!.id, 77));
    expect(server.take("resetStream")).toEqual([
      [ready!.id, 77, 0],
      [sending!.id, 77, 10],
      [late.id, 77, 10],
    ]);
    expect(server.fault).toBeUndefined();
  });

  test("makes this side ignore the error code of the RESET_STREAM that answers it", () => {
    const server = new ScriptedServer();
    server.give(stream(0, 0, 10));
    server.engine.streams.stop(server.opened[0]!, 9);
    server.give(resetStream(0, 1234, 10));
    expect(server.opened[0]!.receive).toMatchObject({ state: "reset", errorCode: 9 });
  });
});

describe("after RESET_STREAM (§3.3, §13.3)", () => {
  test("no STREAM and no STREAM_DATA_BLOCKED frame goes out, and the RESET_STREAM stays the same", () => {
    const server = new ScriptedServer();
    const { streams } = server.engine;
    const each = streams.open(true, 0)!;
    streams.write(each, new Uint8Array(2_000_000));
    server.flush();
    const { sent: finalSize } = each.send!;
    expect(finalSize).toBeGreaterThan(0);
    server.packets.length = 0;
    streams.reset(each, 5);
    streams.reset(each, 6);
    server.flush();
    // Room from flow control, a wish of the peer's, and all the losses come after it.
    server.give(maxStreamData(each.id, 2 ** 40), maxData(2 ** 40), stopSending(each.id, 7));
    server.pass(5000);
    const names = new Set(server.packets.flat().map(([name]) => name));
    expect([names.has("stream"), names.has("blocked")]).toEqual([false, false]);
    const resets = server.take("resetStream");
    expect(resets.length).toBeGreaterThan(1);
    expect(new Set(resets.map(String))).toEqual(new Set([`${each.id},5,${finalSize}`]));
  });

  test("nothing at all goes out on the stream once that is acknowledged", () => {
    const server = new ScriptedServer();
    const { streams } = server.engine;
    const each = streams.open(true, 0)!;
    streams.write(each, new Uint8Array(1000));
    streams.reset(each, 5);
    server.flush();
    server.acknowledge();
    expect(each.send!.state).toBe("reset_acknowledged");
    server.packets.length = 0;
    server.give(maxStreamData(each.id, 2 ** 40), stopSending(each.id, 7));
    server.pass(5000);
    expect(ofStreams(server)).toEqual([]);
  });
});

test("nothing goes out on a stream behind its end, nor once all of it is acknowledged (§3.3, §4.5)", () => {
  const server = new ScriptedServer();
  const { streams } = server.engine;
  const each = streams.open(true, 0)!;
  streams.write(each, new Uint8Array(100));
  streams.finish(each);
  expect(() => streams.write(each, new Uint8Array(1))).toThrow(TypeError);
  server.flush();
  const ends = () => server.take("stream").map(([, offset, , length]) => Number(offset) + Number(length));
  server.pass(1000);
  expect(new Set(ends())).toEqual(new Set([100]));
  server.acknowledge();
  server.packets.length = 0;
  server.give(maxStreamData(each.id, 2 ** 40), stopSending(each.id, 7));
  server.pass(5000);
  expect(ofStreams(server)).toEqual([]);
});

test("what was lost goes before what is new (§13.3)", () => {
  const server = new ScriptedServer();
  const { streams } = server.engine;
  const each = streams.open(true, 0)!;
  streams.write(each, new Uint8Array(1000));
  server.flush();
  server.pair.server.hasRoom = false;
  streams.lost({
    type: FrameType.stream,
    stream: each,
    range: { start: 0, end: 1000, fin: false },
    next: undefined,
  });
  streams.write(each, new Uint8Array(300));
  server.pair.server.hasRoom = true;
  server.packets.length = 0;
  server.flush();
  expect(server.take("stream").map(([, offset]) => offset)).toEqual([0, 1000]);
});

test("a stream ID that is used out of order opens all streams of its type below it (§3.2)", () => {
  const server = new ScriptedServer();
  server.give(stream(4 * 3 + 2, 0, 1));
  server.give(control(FrameType.stream_data_blocked, 4 * 2, 0));
  expect(server.opened.map(({ id }) => id)).toEqual([2, 6, 10, 14, 0, 4, 8]);
});

test("no stream ID is used twice, nor one left out (§2.1)", () => {
  const { server, client } = new SessionPair().ready();
  for (const [{ engine }, unidirectional, first] of [
    [client, false, 0],
    [server, false, 1],
    [client, true, 2],
    [server, true, 3],
  ] as const) {
    const ids = Array.from({ length: 20 }, () => {
      const each = engine.streams.open(unidirectional, 0)!;
      engine.streams.reset(each, 0);
      return each.id;
    });
    expect(ids).toEqual(Array.from({ length: 20 }, (_, i) => first + 4 * i));
  }
});
