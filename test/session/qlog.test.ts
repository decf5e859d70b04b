/** Events as draft-ietf-quic-qlog-quic-events-13 has them. */
import { expect, test } from "vitest";
import { FrameType, writeAck } from "../../src/session/frames.ts";
import { type QlogEvent, qlog, qlogHeader } from "../../src/session/index.ts";
import { PacketWriter } from "../../src/session/varint.ts";
import { loggedEvents } from "./qlog-scenario.ts";
import { frameTypes, events as schema } from "./qlog-schema.ts";

/** The frames that the log tells of a packet. */
function frames(...packet: number[]): unknown {
  const events: QlogEvent[] = [];
  qlog((event) => events.push(event)).packetReceived(7, 3, 5, Uint8Array.from(packet));
  expect(events.map(({ time, name }) => [time, name])).toEqual([[7, "quic:packet_received"]]);
  expect(events[0]!.data).toMatchObject({ header: { packet_type: "1RTT", packet_number: 3 * 2 ** 48 + 5 } });
  return events[0]!.data.frames;
}

test("all that is logged is what the draft's schema has, and all of that is logged", () => {
  const events = loggedEvents();
  const frames = new Set<string>();
  for (const event of events) {
    expect(Object.keys(event)).toEqual(["time", "name", "data"]);
    expect(schema[event.name]?.(event.data), JSON.stringify(event)).toBe(true);
    for (const { frame_type } of (event.data.frames ?? []) as { frame_type: string }[])
      frames.add(frame_type);
  }
  expect(new Set(events.map(({ name }) => name))).toEqual(new Set(Object.keys(schema)));
  expect(frames).toEqual(new Set(frameTypes));
  const isProbe = ({ data }: QlogEvent) => data.is_mtu_probe_packet === true;
  expect(new Set(events.filter(isProbe).map(({ name }) => name))).toEqual(
    new Set(["quic:packet_sent", "quic:packet_lost"]),
  );
  expect(events.some(({ data }) => typeof (data.header as Frame)?.packet_number === "string")).toBe(true);
  expect(qlogHeader("client")).toContain('"urn:ietf:params:qlog:events:quic-13"');
});

interface Frame {
  readonly packet_number: unknown;
}

test("packet numbers are those of ACK frames, whole beyond 2^53; delays are in milliseconds", () => {
  const writer = new PacketWriter(100);
  const ranges = [
    { epoch: 40, smallest: 0, largest: 2 },
    { epoch: 3, smallest: 7, largest: 9 },
    { epoch: 3, smallest: 4, largest: 4 },
  ];
  expect(writeAck(writer, ranges, 3125)).toBe(true);
  const third = 3 * 2 ** 48;
  expect(frames(...writer.written)).toEqual([
    {
      frame_type: "ack",
      ack_delay: 25,
      acked_ranges: [[String(40n << 48n), String((40n << 48n) + 2n)], [third + 7, third + 9], [third + 4]],
    },
  ]);
});

test("a frame that is none, and whatever follows, is told with its type", () => {
  expect(frames(FrameType.ping, 0x3f, 1, 2)).toEqual([
    { frame_type: "ping" },
    { frame_type: "unknown", frame_type_bytes: 0x3f },
  ]);
  // A STREAM frame that is cut short.
  expect(frames(0x0e)).toEqual([{ frame_type: "unknown", frame_type_bytes: 0x0e }]);
});

test("a reset tells its error", () => {
  expect(frames(FrameType.reset_stream, 0, 9, 4)).toEqual([
    { frame_type: "reset_stream", stream_id: 0, error: "unknown", error_code: 9, final_size: 4 },
  ]);
});

test("a congestion window is whole bytes, however it grows", () => {
  const events: QlogEvent[] = [];
  qlog((event) => events.push(event)).metricsUpdated(1, {
    smoothedRttMs: 1.5,
    latestRttMs: 1.25,
    minRttMs: 1,
    rttVariationMs: 0.5,
    congestionWindowBytes: 12_000.7,
    bytesInFlight: 1200,
  });
  expect(events[0]!.data.congestion_window).toBe(12_000);
  expect(schema[events[0]!.name]!(events[0]!.data)).toBe(true);
});
