/** Events of packets as draft-ietf-quic-qlog-quic-events has them. */
import { expect, test } from "vitest";
import { FrameType, writeAck } from "../../src/session/frames.ts";
import { type QlogEvent, qlog } from "../../src/session/index.ts";
import { PacketWriter } from "../../src/session/varint.ts";

/** The frames that the log tells of a packet. */
function frames(...packet: number[]): unknown {
  const events: QlogEvent[] = [];
  qlog((event) => events.push(event)).packetReceived(7, 3, 5, Uint8Array.from(packet));
  expect(events.map(({ time, name }) => [time, name])).toEqual([[7, "quic:packet_received"]]);
  expect(events[0]!.data).toMatchObject({ header: { packet_type: "1RTT", packet_number: 5, epoch: 3 } });
  return events[0]!.data.frames;
}

test("an ACK over two epochs is told as one frame for each; delays are in milliseconds", () => {
  const writer = new PacketWriter(100);
  const ranges = [
    { epoch: 4, smallest: 0, largest: 2 },
    { epoch: 3, smallest: 7, largest: 9 },
    { epoch: 3, smallest: 4, largest: 4 },
  ];
  expect(writeAck(writer, ranges, 3125)).toBe(true);
  expect(frames(...writer.written)).toEqual([
    { frame_type: "ack", epoch: 4, ack_delay: 25, acked_ranges: [[0, 2]] },
    { frame_type: "ack", epoch: 3, ack_delay: 25, acked_ranges: [[7, 9], [4]] },
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
