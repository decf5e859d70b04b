/** What a stream's state forbids to be sent, and asks for (RFC 9000 §3). */
import { describe, expect, test } from "vitest";
import { FrameType } from "../../src/session/frames.ts";
import type { Stream } from "../../src/session/stream.ts";
import { ack, control, type FrameCall, framesOf, read, stream } from "./packets.ts";
import { SessionPair } from "./pair.ts";

/** A server whose client is in the test's hands, and all frames that it has sent since. */
function server(): { pair: SessionPair; sent: FrameCall[]; opened: Stream[] } {
  const pair = new SessionPair().ready();
  pair.clock.run(pair.clock.nowMs + 2000);
  const sent: FrameCall[] = [];
  const opened: Stream[] = [];
  pair.server.filter = (packet) => {
    sent.push(...read(packet).log);
    return false;
  };
  pair.server.onincoming = (each) => {
    pair.server.engine.streams.accept(each);
    opened.push(each);
  };
  return { pair, sent, opened };
}

const named = (frames: readonly FrameCall[], name: FrameCall[0]): unknown[][] =>
  frames.filter(([each]) => each === name).map(([, ...values]) => values);

/** Acknowledges all that the server has sent, and lets its answer go. */
function acknowledge({ client, server, clock }: SessionPair): void {
  const { nextSequenceNumber, epoch } = server;
  // It leaves a number out at times.
  for (let number = nextSequenceNumber - 1; number >= 0; number--) {
    if (server.engine.recovery.bytesInFlight === 0) return;
    if (server.sentNumbers.has(number)) client.inject(ack(epoch, number, number));
  }
  clock.run(clock.nowMs + 1);
}

describe("STOP_SENDING (§3.5)", () => {
  test("goes out while the peer may have something left to send, or to send again", () => {
    const { pair, sent, opened } = server();
    const { engine } = pair.server;
    const stop = () => {
      engine.streams.stop(opened.at(-1)!, 9);
      pair.server.flush();
      return named(sent.splice(0), "stopSending");
    };
    // "Recv"
    pair.client.inject(stream(0, 0, 10));
    expect(stop()).toEqual([[0, 9]]);
    // "Size Known"
    pair.client.inject(stream(4, 5, 5, true));
    expect(stop()).toEqual([[4, 9]]);
    // "Data Recvd"
    pair.client.inject(stream(8, 0, 10, true));
    expect(stop()).toEqual([]);
    pair.client.inject(stream(12, 0, 0, true));
    expect(stop()).toEqual([]);
    // "Reset Recvd"
    pair.client.inject(control(FrameType.reset_stream, 16, 1, 10));
    expect(stop()).toEqual([]);
  });

  test("is sent again when it gets lost, but not once the peer has reset the stream", () => {
    const { pair, sent, opened } = server();
    const { engine } = pair.server;
    for (const id of [0, 4]) pair.client.inject(stream(id, 0, 10));
    for (const each of opened) engine.streams.stop(each, 9);
    pair.server.flush();
    pair.client.inject(control(FrameType.reset_stream, 0, 1, 10));
    pair.clock.run(pair.clock.nowMs + 60);
    sent.length = 0;
    // A probe time-out repeats what is in flight.
    pair.clock.run(pair.clock.nowMs + 1000);
    const again = named(sent, "stopSending");
    expect(again.length).toBeGreaterThan(0);
    expect(again.every(([id]) => id === 4)).toBe(true);
  });

  test("is answered with RESET_STREAM of the same code, unless the peer has everything", () => {
    const { pair, sent } = server();
    const { streams } = pair.server.engine;
    // "Ready", "Send", "Data Sent"
    const ready = streams.open(true, 0)!;
    const sending = streams.open(true, 0)!;
    streams.write(sending, new Uint8Array(10));
    const finished = streams.open(true, 0)!;
    streams.write(finished, new Uint8Array(10));
    streams.finish(finished);
    pair.server.flush();
    sent.length = 0;
    for (const { id } of [ready, sending, finished])
      pair.client.inject(control(FrameType.stop_sending, id, 77));
    expect(named(sent, "resetStream")).toEqual([
      [ready.id, 77, 0],
      [sending.id, 77, 10],
      [finished.id, 77, 10],
    ]);
    // "Data Recvd"
    const done = streams.open(true, 0)!;
    streams.write(done, new Uint8Array(10));
    streams.finish(done);
    pair.server.flush();
    acknowledge(pair);
    expect(done.send!.state).toBe("acknowledged");
    sent.length = 0;
    pair.client.inject(control(FrameType.stop_sending, done.id, 77));
    expect(named(sent, "resetStream")).toEqual([]);
    expect(pair.server.end).toBeUndefined();
  });

  test("makes this side ignore the error code of the RESET_STREAM that answers it", () => {
    const { pair, opened } = server();
    pair.client.inject(stream(0, 0, 10));
    pair.server.engine.streams.stop(opened[0]!, 9);
    pair.client.inject(control(FrameType.reset_stream, 0, 1234, 10));
    expect(opened[0]!.receive).toMatchObject({ state: "reset", errorCode: 9 });
  });
});

describe("after RESET_STREAM (§3.3, §13.3)", () => {
  test("no STREAM and no STREAM_DATA_BLOCKED frame goes out, and the RESET_STREAM stays the same", () => {
    const { pair, sent } = server();
    const { streams } = pair.server.engine;
    const each = streams.open(true, 0)!;
    streams.write(each, new Uint8Array(2_000_000));
    pair.server.flush();
    const { sent: finalSize } = each.send!;
    expect(finalSize).toBeGreaterThan(0);
    sent.length = 0;
    streams.reset(each, 5);
    streams.reset(each, 6);
    pair.server.flush();
    // The stream's limit, the session's and all of their losses come after it.
    pair.client.inject(control(FrameType.max_stream_data, each.id, 2 ** 40));
    pair.client.inject(control(FrameType.max_data, 2 ** 40));
    pair.client.inject(control(FrameType.stop_sending, each.id, 7));
    pair.clock.run(pair.clock.nowMs + 5000);
    expect(named(sent, "stream")).toEqual([]);
    expect(named(sent, "blocked")).toEqual([]);
    const resets = named(sent, "resetStream");
    expect(resets.length).toBeGreaterThan(1);
    expect(new Set(resets.map(String))).toEqual(new Set([`${each.id},5,${finalSize}`]));
  });

  test("nothing at all goes out on the stream once that is acknowledged", () => {
    const { pair, sent } = server();
    const { streams } = pair.server.engine;
    const each = streams.open(true, 0)!;
    streams.write(each, new Uint8Array(1000));
    streams.reset(each, 5);
    pair.server.flush();
    acknowledge(pair);
    expect(each.send!.state).toBe("reset_acknowledged");
    sent.length = 0;
    pair.client.inject(control(FrameType.max_stream_data, each.id, 2 ** 40));
    pair.client.inject(control(FrameType.stop_sending, each.id, 7));
    pair.clock.run(pair.clock.nowMs + 5000);
    expect([...named(sent, "stream"), ...named(sent, "resetStream")]).toEqual([]);
  });
});

test("nothing more is told of a stream's limit once its end is known (§13.3)", () => {
  const { pair, sent, opened } = server();
  const { streams } = pair.server.engine;
  const { windowBytes } = pair.server.engine.streams.window;
  const read = (id: number, isKnown: boolean): number => {
    pair.client.inject(stream(id, 0, 1000));
    const each = opened.at(-1)!;
    const most = each.receive!.window.windowBytes;
    for (let at = 1000; at < most - 1000; at += 10_000) {
      pair.client.inject(stream(id, at, Math.min(10_000, most - 1000 - at)));
    }
    if (isKnown) pair.client.inject(stream(id, most, 0, true));
    sent.length = 0;
    while (each.receive!.readableBytes > 0) streams.read(each, 65_536);
    pair.server.flush();
    return named(sent, "maxStreamData").length;
  };
  expect(windowBytes).toBeGreaterThan(600_000);
  expect(read(2, false)).toBe(1);
  expect(read(6, true)).toBe(0);
});

test("a stream ID that is used out of order opens all streams of its type below it (§3.2)", () => {
  const { pair, opened } = server();
  pair.client.inject(stream(4 * 3 + 2, 0, 1));
  expect(opened.map(({ id }) => id)).toEqual([2, 6, 10, 14]);
  pair.client.inject(control(FrameType.stream_data_blocked, 4 * 2, 0));
  expect(opened.slice(4).map(({ id }) => id)).toEqual([0, 4, 8]);
});

test("no stream ID is used twice, nor one left out (§2.1)", () => {
  const { server, client } = new SessionPair().ready();
  const ids = ({ engine }: typeof client, unidirectional: boolean) =>
    Array.from({ length: 20 }, () => {
      const { id } = engine.streams.open(unidirectional, 0)!;
      const each = engine.streams.get(id)!;
      engine.streams.reset(each, 0);
      return id;
    });
  for (const [side, unidirectional, first] of [
    [client, false, 0],
    [server, false, 1],
    [client, true, 2],
    [server, true, 3],
  ] as const) {
    expect(ids(side, unidirectional)).toEqual(Array.from({ length: 20 }, (_, i) => first + 4 * i));
  }
});

test("DATA_BLOCKED, STREAM_DATA_BLOCKED and STREAMS_BLOCKED tell what holds this side up, once each (§4.1, §4.6)", () => {
  const limits = {
    streamWindow: { initialBytes: 1000, maxBytes: 1000 },
    sessionWindow: { initialBytes: 1500, maxBytes: 1500 },
    maxIncomingBidi: 2,
    maxIncomingUni: 1,
  };
  const pair = new SessionPair({ client: limits }).ready();
  const blocked: unknown[][] = [];
  pair.server.filter = (packet) => {
    blocked.push(...framesOf(packet, "blocked").map(([, ...values]) => values));
    return true;
  };
  const { streams } = pair.server.engine;
  const [first, second] = [streams.open(false, 0)!, streams.open(false, 0)!];
  streams.write(first, new Uint8Array(1200));
  streams.write(second, new Uint8Array(700));
  streams.open(true, 0);
  pair.server.flush();
  for (let i = 0; i < 2; i++) {
    expect(streams.open(false, 0)).toBeUndefined();
    expect(streams.open(true, 0)).toBeUndefined();
    pair.server.flush();
  }
  pair.clock.run(pair.clock.nowMs + 100);
  expect(blocked.sort()).toEqual([
    [FrameType.data_blocked, 0, 1500],
    [FrameType.stream_data_blocked, first.id, 1000],
    [FrameType.streams_blocked_bidi, 0, 2],
    [FrameType.streams_blocked_uni, 0, 1],
  ]);
});

test("limits that do not grow are ignored (§4.1, §4.6)", () => {
  const { pair } = server();
  const { streams } = pair.server.engine;
  const { limit } = streams.credit;
  const each = streams.open(true, 0)!;
  const ofStream = each.send!.limit;
  pair.client.inject(control(FrameType.max_data, limit - 1));
  pair.client.inject(control(FrameType.max_stream_data, each.id, ofStream - 1));
  pair.client.inject(control(FrameType.max_streams_uni, 1));
  expect([streams.credit.limit, each.send!.limit]).toEqual([limit, ofStream]);
  expect(streams.open(true, 0)).toBeDefined();
  expect(pair.server.end).toBeUndefined();
});
