import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FrameType, writeTransportParameters } from "../../src/session/frames.ts";
import { ack, control, packet, stream } from "./packets.ts";
import { type PairOptions, SessionPair } from "./pair.ts";

/** How a server ends that gets these packets from a client with the keys. Its answers go nowhere. */
function fate(packets: readonly Uint8Array[], options: PairOptions = {}): string | undefined {
  const pair = new SessionPair(options).ready();
  pair.server.filter = () => false;
  for (const each of packets) pair.client.inject(each);
  pair.clock.run(pair.clock.nowMs + 10_000);
  expect(pair.server.isCarrierClosed).toBe(pair.server.end !== undefined);
  return pair.server.end?.error?.code;
}

function expectFault(packets: readonly Uint8Array[], code: string, options?: PairOptions): void {
  expect(fate(packets, options)).toBe(code);
}

const windows = {
  streamWindow: { initialBytes: 1000, maxBytes: 1000 },
  sessionWindow: { initialBytes: 1500, maxBytes: 1500 },
};

describe("a peer that breaks the rules", () => {
  test("is told which one, and both ends close", () => {
    const pair = new SessionPair().ready();
    pair.client.inject(stream(4 * 128, 0, 1));
    pair.clock.run(pair.clock.nowMs + 10_000);
    const ends = [pair.server.end, pair.client.end].map((end) => end?.error?.code);
    expect(ends).toEqual(["stream_limit_error", "stream_limit_error"]);
    expect([pair.server.isCarrierClosed, pair.client.isCarrierClosed]).toEqual([true, true]);
  });

  test("a packet without frames", () => expectFault([new Uint8Array(0)], "protocol_violation"));
  test("a frame of no known type", () => expectFault([Uint8Array.of(0x3f)], "frame_encoding_error"));

  test("an ACK of packets that were never sent", () => {
    expectFault([ack(3, 0, 1000)], "protocol_violation");
    expectFault([ack(9, 0, 0)], "protocol_violation");
  });

  test("counts of ECN marks change nothing, whatever they say: none was set (RFC 9000 §13.4.2)", () => {
    const pair = new SessionPair({ server: { random: () => 0.99 } }).ready();
    pair.clock.run(1000);
    const { server, client } = pair;
    const { windowBytes } = server.engine.recovery;
    server.filter = () => false;
    server.engine.sendDatagram(new Uint8Array(100));
    server.flush();
    expect(server.engine.recovery.bytesInFlight).toBeGreaterThan(0);
    const newest = server.nextSequenceNumber - 1;
    client.inject([FrameType.ack_ecn, ...ack(3, newest, newest).subarray(1), 63, 0, 63]);
    expect(server.engine.recovery.bytesInFlight).toBe(0);
    expect(server.engine.recovery.windowBytes).toBeGreaterThanOrEqual(windowBytes);
    expect(server.engine.recovery.statistics.congestionEvents).toBe(0);
    expect(server.end).toBeUndefined();
  });

  test("an ACK of a packet number that was left out: acknowledged without having been received", () => {
    const pair = new SessionPair({ server: { random: () => 0 } }).ready();
    // Its first packet had number 1, as number 0 was left out.
    pair.client.inject(ack(3, 0, pair.server.nextSequenceNumber - 1));
    expect(pair.server.end?.error?.code).toBe("protocol_violation");
  });

  test("more streams than were allowed", () => {
    expectFault([stream(4 * 128, 0, 1)], "stream_limit_error");
    expectFault([stream(4 * 128 + 2, 0, 1)], "stream_limit_error");
    expectFault([stream(Number.MAX_SAFE_INTEGER - 3, 0, 1)], "stream_limit_error");
  });

  test("frames on streams that this side has not opened", () => {
    expectFault([stream(1, 0, 1)], "stream_state_error");
    expectFault([control(FrameType.stop_sending, 1, 0)], "stream_state_error");
    expectFault([control(FrameType.max_stream_data, 3, 0)], "stream_state_error");
  });

  test("frames against the direction of a stream", () => {
    expectFault([stream(3, 0, 1)], "stream_state_error");
    expectFault([control(FrameType.reset_stream, 3, 0, 0)], "stream_state_error");
    expectFault([control(FrameType.stream_data_blocked, 3, 0)], "stream_state_error");
    expectFault([control(FrameType.max_stream_data, 2, 0)], "stream_state_error");
    expectFault([stream(2, 0, 1), control(FrameType.stop_sending, 2, 0)], "stream_state_error");
  });

  test("more data than a stream or the session allows", () => {
    expectFault([stream(0, 0, 1001)], "flow_control_error", { server: windows });
    expectFault([stream(0, 1000, 1)], "flow_control_error", { server: windows });
    expectFault([stream(0, 0, 1000), stream(4, 0, 501)], "flow_control_error", { server: windows });
    expectFault([control(FrameType.reset_stream, 0, 0, 1001)], "flow_control_error", { server: windows });
    expect(fate([stream(0, 0, 1000), stream(4, 0, 500)], { server: windows })).toBeUndefined();
  });

  test("a final size that changes", () => {
    expectFault([stream(0, 0, 10, true), stream(0, 10, 1)], "final_size_error");
    expectFault([stream(0, 0, 10, true), stream(0, 0, 9, true)], "final_size_error");
    expectFault([stream(0, 0, 10), stream(0, 0, 9, true)], "final_size_error");
    expectFault([stream(0, 0, 10), control(FrameType.reset_stream, 0, 0, 9)], "final_size_error");
    expectFault([stream(0, 0, 10, true), control(FrameType.reset_stream, 0, 0, 11)], "final_size_error");
    expectFault([control(FrameType.reset_stream, 0, 0, 11), stream(0, 0, 10, true)], "final_size_error");
  });

  test("data that contradicts what came before", () => {
    expectFault([stream(0, 0, [1, 2, 3]), stream(0, 1, [9])], "protocol_violation");
    expectFault([stream(0, 5, [1, 2, 3]), stream(0, 0, [0, 0, 0, 0, 0, 1, 2, 4])], "protocol_violation");
    expect(fate([stream(0, 5, [1, 2, 3]), stream(0, 0, [0, 0, 0, 0, 0, 1, 2])])).toBeUndefined();
  });

  test("transport parameters that are wrong, or change", () => {
    const parameters = (...bytes: number[]) =>
      packet((writer) => writeTransportParameters(writer, Uint8Array.from(bytes)));
    expectFault([parameters(4, 1, 9)], "transport_parameter_error");
    const first = (bytes: Uint8Array) => {
      const pair = new SessionPair();
      pair.client.filter = () => false;
      pair.client.inject(bytes);
      return pair.server.end?.error?.code;
    };
    expect(first(parameters(4, 1, 9, 4, 1, 9))).toBe("transport_parameter_error");
    expect(first(parameters(0x0a, 1, 21))).toBe("transport_parameter_error");
    expect(first(parameters(0x0b, 4, 0x80, 0, 0x40, 0))).toBe("transport_parameter_error");
    expect(first(parameters(3, 2, 0x44, 0xaf))).toBe("transport_parameter_error");
    expect(first(parameters(4, 2, 9))).toBe("transport_parameter_error");
    expect(first(parameters(4, 2, 9, 9))).toBe("transport_parameter_error");
    // Of QUIC's own handshake, connection IDs and migration.
    for (const id of [0, 2, 0x0c, 0x0d, 0x0e, 0x0f, 0x10]) {
      expect(first(parameters(id, 1, 9))).toBe("transport_parameter_error");
    }
    // More streams than stream IDs can name.
    for (const id of [8, 9]) {
      expect(first(parameters(id, 8, 0xd0, 0, 0, 0, 0, 0, 0, 1))).toBe("transport_parameter_error");
      expect(first(parameters(id, 8, 0xd0, 0, 0, 0, 0, 0, 0, 0))).toBeUndefined();
    }
    expect(first(parameters(0x40, 0x99, 1, 9))).toBeUndefined();
    expect(first(Uint8Array.of(1))).toBe("transport_parameter_error");
    expect(first(stream(0, 0, 1))).toBe("transport_parameter_error");
    expect(first(ack(3, 0, 0))).toBe("transport_parameter_error");
  });
});

describe("a peer that keeps this side busy", () => {
  const flood = (frame: Uint8Array, packets = 20) => {
    const count = Math.floor(1100 / frame.length);
    const one = new Uint8Array(count * frame.length);
    for (let i = 0; i < count; i++) one.set(frame, i * frame.length);
    return Array.from({ length: packets }, () => one);
  };

  test.each<[string, Uint8Array, number]>([
    ["PING", Uint8Array.of(1), 10],
    ["MAX_DATA", control(FrameType.max_data, 1), 40],
    ["MAX_STREAMS", control(FrameType.max_streams_bidi, 1), 40],
    ["STREAM without data", stream(0, 0, 0), 50],
    ["the same byte of a stream", stream(0, 0, 1), 100],
    ["RESET_STREAM", control(FrameType.reset_stream, 0, 1, 0), 60],
    ["STOP_SENDING", control(FrameType.stop_sending, 0, 1), 60],
    ["DATA_BLOCKED", control(FrameType.data_blocked, 1), 40],
    ["STREAMS_BLOCKED", control(FrameType.streams_blocked_uni, 1), 40],
    ["ACK", ack(3, 1, 1), 20],
  ])("a flood of %s ends in protocol_violation", (_, frame, packets) => {
    expectFault(flood(frame, packets), "protocol_violation", { server: { random: () => 0.99 } });
  });

  test("streams that are opened and reset at once do not make room for more before the application has seen them", () => {
    const opened = Array.from({ length: 128 }, (_, i) => control(FrameType.reset_stream, 4 * i, 0, 0));
    const next = control(FrameType.reset_stream, 4 * 128, 0, 0);
    expectFault([...opened, next], "stream_limit_error");
    const pair = new SessionPair().ready();
    pair.server.filter = () => false;
    for (const each of opened) pair.client.inject(each);
    for (const each of pair.server.incoming) {
      pair.server.engine.streams.accept(each);
      pair.server.engine.streams.reset(each, 0);
    }
    pair.server.flush();
    pair.client.inject(next);
    // Its own side of them is not acknowledged yet.
    expect(pair.server.end?.error?.code).toBe("stream_limit_error");
  });

  test("every other byte of a stream", () => {
    const bytes = Array.from({ length: 5000 }, (_, i) => stream(0, 2 * i, [7]));
    expectFault(bytes, "protocol_violation");
  });

  test("packets of any bytes end the session with an error that says what is wrong, and nothing else", () => {
    const codes = new Set<string | undefined>();
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 80 }), { minLength: 1, maxLength: 6 }),
        fc.integer(),
        (packets, seed) => {
          const code = fate(packets, { seed });
          codes.add(code);
          expect(code).not.toBe("internal_error");
        },
      ),
      { numRuns: 500 },
    );
    expect(codes.size).toBeGreaterThan(2);
  });

  test("packets of well-formed frames in any order, too", () => {
    const id = fc.constantFrom(0, 1, 2, 3, 4, 5, 6, 7, 40, 4 * 127, 4 * 128);
    const small = fc.nat(3000);
    const frame = fc.oneof(
      fc
        .record({ id, offset: small, length: fc.nat(50), fin: fc.boolean() })
        .map(({ id, offset, length, fin }) => stream(id, offset, length, fin)),
      fc
        .tuple(fc.constantFrom(0x10, 0x12, 0x13, 0x14, 0x16, 0x17), small)
        .map(([type, a]) => control(type, a)),
      fc.tuple(fc.constantFrom(0x05, 0x11, 0x15), id, small).map(([type, a, b]) => control(type, a, b)),
      fc.tuple(id, small, small).map(([a, b, c]) => control(0x04, a, b, c)),
      fc.tuple(fc.nat(5), fc.nat(5)).map(([a, b]) => ack(3, a, a + b)),
      fc.constant(Uint8Array.of(0x31, 2, 1, 2)),
    );
    fc.assert(
      fc.property(fc.array(frame, { minLength: 1, maxLength: 30 }), fc.nat(), (frames, seed) => {
        expect(fate(frames, { seed, server: windows })).not.toBe("internal_error");
      }),
      { numRuns: 500 },
    );
  });
});
