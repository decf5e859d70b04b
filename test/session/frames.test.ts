import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { TransportError } from "../../src/session/errors.ts";
import {
  FrameType,
  writeAck,
  writeConnectionClose,
  writeControl,
  writeDatagramHeader,
  writeStreamHeader,
  writeTransportParameters,
} from "../../src/session/frames.ts";
import { MAX_VALUE, PacketReader, PacketWriter, varintLength } from "../../src/session/varint.ts";
import { read } from "./packets.ts";

function written(write: (writer: PacketWriter) => void): number[] {
  const writer = new PacketWriter(2000);
  write(writer);
  return [...writer.buffer.subarray(0, writer.at)];
}

function faultOf(bytes: Iterable<number>): string {
  try {
    read(bytes);
  } catch (error) {
    return (error as TransportError).code;
  }
  return "none";
}

describe("variable-length integers", () => {
  // RFC 9000 appendix A.1
  test.each([
    [[0xc2, 0x19, 0x7c, 0x5e, 0xff, 0x14, 0xe8, 0x8c], 151_288_809_941_952_652n],
    [[0x9d, 0x7f, 0x3e, 0x7d], 494_878_333n],
    [[0x7b, 0xbd], 15_293n],
    [[0x25], 37n],
    [[0x40, 0x25], 37n],
  ])("the examples of RFC 9000: %j", (bytes, value) => {
    const reader = new PacketReader();
    reader.begin(Uint8Array.from(bytes), 0, bytes.length);
    const saturated = value > BigInt(MAX_VALUE) ? MAX_VALUE : Number(value);
    expect(reader.varint()).toBe(saturated);
    reader.begin(reader.buffer, 0, bytes.length);
    reader.recordNumber();
    expect((BigInt(reader.epoch) << 48n) | BigInt(reader.sequenceNumber)).toBe(value);
  });

  test("what is written is read, in as few bytes as possible", () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), fc.integer({ min: 0, max: 3 }), (value, small) => {
        const number = Math.floor(value / 2 ** (small * 16));
        const bytes = written((writer) => writer.varint(number));
        const reader = new PacketReader();
        reader.begin(Uint8Array.from(bytes), 0, bytes.length);
        expect(bytes.length).toBe(varintLength(number));
        expect(reader.varint()).toBe(number);
      }),
    );
  });

  test("record numbers are exact in all of their 62 bits", () => {
    fc.assert(
      fc.property(fc.nat(2 ** 14 - 1), fc.maxSafeNat(), (epoch, number) => {
        const sequenceNumber = number % 2 ** 48;
        const bytes = written((writer) => writer.recordNumber(epoch, sequenceNumber));
        const reader = new PacketReader();
        reader.begin(Uint8Array.from(bytes), 0, bytes.length);
        reader.recordNumber();
        expect([reader.epoch, reader.sequenceNumber]).toEqual([epoch, sequenceNumber]);
      }),
    );
  });
});

describe("frames", () => {
  test.each<[string, number[], unknown[][]]>([
    ["PADDING", [0, 0, 0], []],
    ["PING", [1], [["ping"]]],
    ["RESET_STREAM", [4, 8, 0x40, 0x80, 9], [["resetStream", 8, 128, 9]]],
    ["STOP_SENDING", [5, 8, 3], [["stopSending", 8, 3]]],
    ["STREAM without offset and length", [8, 4, 65, 66], [["stream", 4, 0, 2, 2, false]]],
    [
      "STREAM with all of it, and another frame",
      [15, 4, 5, 1, 65, 1],
      [["stream", 4, 5, 4, 1, true], ["ping"]],
    ],
    ["MAX_DATA", [0x10, 0x41, 0], [["maxData", 256]]],
    ["MAX_STREAM_DATA", [0x11, 3, 4], [["maxStreamData", 3, 4]]],
    [
      "MAX_STREAMS of both kinds",
      [0x12, 3, 0x13, 4],
      [
        ["maxStreams", false, 3],
        ["maxStreams", true, 4],
      ],
    ],
    ["DATA_BLOCKED", [0x14, 3], [["blocked", 0x14, 0, 3]]],
    ["STREAM_DATA_BLOCKED", [0x15, 3, 4], [["blocked", 0x15, 3, 4]]],
    [
      "STREAMS_BLOCKED",
      [0x16, 3, 0x17, 4],
      [
        ["blocked", 0x16, 0, 3],
        ["blocked", 0x17, 0, 4],
      ],
    ],
    ["CONNECTION_CLOSE of the transport", [0x1c, 7, 6, 1, 65], [["connectionClose", false, 7, 4, 1]]],
    ["CONNECTION_CLOSE of the application", [0x1d, 7, 1, 65], [["connectionClose", true, 7, 3, 1]]],
    ["DATAGRAM to the end", [0x30, 1, 2], [["datagram", 1, 2]]],
    ["DATAGRAM with length", [0x31, 1, 2, 1], [["datagram", 2, 1], ["ping"]]],
    [
      "ACK",
      [2, 9, 5, 1, 2, 1, 0],
      [["ackBegin", 0, 9, 5], ["ackRange", 0, 7, 9], ["ackRange", 0, 4, 4], ["ackEnd"]],
    ],
    [
      "ACK with ECN counts",
      [3, 9, 5, 0, 2, 1, 2, 3],
      [["ackBegin", 0, 9, 5], ["ackRange", 0, 7, 9], ["ackEnd"]],
    ],
  ])("%s", (_, bytes, log) => {
    expect(read(bytes).log).toEqual(log);
  });

  test("only ACK, PADDING and CONNECTION_CLOSE ask for no acknowledgement", () => {
    expect(read([2, 9, 5, 0, 2]).isAckEliciting).toBe(false);
    expect(read([0]).isAckEliciting).toBe(false);
    expect(read([0x1d, 7, 0]).isAckEliciting).toBe(false);
    expect(read([0, 1]).isAckEliciting).toBe(true);
  });

  test("each frame that is cut short is a frame_encoding_error", () => {
    const frames = [
      [4, 8, 0x40, 0x80, 9],
      [15, 4, 5, 3, 65, 66, 67],
      [0x11, 3, 4],
      [0x1c, 7, 6, 3, 65, 66, 67],
      [0x31, 2, 1, 1],
      [2, 9, 5, 1, 2, 1, 0],
      [3, 9, 5, 0, 2, 1, 2, 3],
    ];
    for (const frame of frames) {
      for (let length = 1; length < frame.length; length++) {
        expect([frame.slice(0, length), faultOf(frame.slice(0, length))]).toEqual([
          frame.slice(0, length),
          "frame_encoding_error",
        ]);
      }
    }
  });

  test.each<[string, number[], string]>([
    ["no frame", [], "protocol_violation"],
    ["a type in two bytes that fits into one", [0x40, 0x01], "protocol_violation"],
    ["CRYPTO", [6, 0, 0], "frame_encoding_error"],
    ["NEW_TOKEN", [7, 1, 1], "frame_encoding_error"],
    ["NEW_CONNECTION_ID", [0x18], "frame_encoding_error"],
    ["PATH_CHALLENGE", [0x1a, 1, 2, 3, 4, 5, 6, 7, 8], "frame_encoding_error"],
    ["HANDSHAKE_DONE", [0x1e], "frame_encoding_error"],
    ["an unknown type", [0x40, 0x80], "frame_encoding_error"],
    ["an ACK range below zero", [2, 3, 0, 0, 4], "frame_encoding_error"],
    ["an ACK gap below zero", [2, 3, 0, 1, 0, 2, 0], "frame_encoding_error"],
    ["more than 2^60 streams", [0x12, 0xd0, 0, 0, 0, 0, 0, 0, 1], "frame_encoding_error"],
  ])("%s is refused", (_, bytes, code) => {
    expect(faultOf(bytes)).toBe(code);
  });

  test("2^60 streams are allowed", () => {
    expect(read([0x12, 0xd0, 0, 0, 0, 0, 0, 0, 0]).log).toEqual([["maxStreams", false, MAX_VALUE]]);
  });

  test("what is written is read", () => {
    const bytes = written((writer) => {
      writeTransportParameters(writer, Uint8Array.of(4, 1, 9));
      writeControl(writer, FrameType.max_stream_data, 2 ** 40, 2 ** 50);
      writeStreamHeader(writer, 12, 70_000, 2, true);
      writer.bytes(Uint8Array.of(1, 2));
      writeDatagramHeader(writer, 1);
      writer.byte(3);
      writeConnectionClose(writer, true, 77, 0, new TextEncoder().encode("bye"));
    });
    expect(bytes.slice(0, 8)).toEqual([0xff, 0x51, 0x53, 0x30, 0x0d, 0x0a, 0x0d, 0x0a]);
    expect(read(bytes).log).toEqual([
      ["transportParameters", 9, 3],
      ["maxStreamData", 2 ** 40, 2 ** 50],
      ["stream", 12, 70_000, 12 + 17 + 8, 2, true],
      ["datagram", 41, 1],
      ["connectionClose", true, 77, 46, 3],
    ]);
  });

  test("ACK ranges of any epochs come back as they were", () => {
    const range = fc.record({ gap: fc.nat(1000), length: fc.nat(1000), nextEpoch: fc.boolean() });
    fc.assert(
      fc.property(fc.array(range, { minLength: 1, maxLength: 20 }), fc.nat(16_000), (parts, first) => {
        let epoch = first;
        let at = 0;
        const ascending = parts.map(({ gap, length, nextEpoch }) => {
          if (nextEpoch) {
            epoch++;
            at = 0;
          }
          const smallest = at + gap;
          at = smallest + length + 2;
          return { epoch, smallest, largest: smallest + length };
        });
        const ranges = ascending.reverse();
        const { log } = read(written((writer) => writeAck(writer, ranges, 17)));
        expect(log[0]).toEqual(["ackBegin", ranges[0]!.epoch, ranges[0]!.largest, 17]);
        expect(log.slice(1, -1)).toEqual(
          ranges.map(({ epoch, smallest, largest }) => ["ackRange", epoch, smallest, largest]),
        );
      }),
    );
  });

  test("an ACK has as many ranges as there is room for", () => {
    const ranges = Array.from({ length: 100 }, (_, i) => ({
      epoch: 3,
      smallest: 1000 - 4 * i,
      largest: 1001 - 4 * i,
    }));
    const writer = new PacketWriter(200);
    expect(writeAck(writer, ranges, 0)).toBe(true);
    const { log } = read(writer.buffer.subarray(0, writer.at));
    const some = log.slice(1, -1);
    expect(some.length).toBeGreaterThan(5);
    expect(some).toEqual(
      ranges.slice(0, some.length).map((each) => ["ackRange", 3, each.smallest, each.largest]),
    );
    expect(writeAck(new PacketWriter(20), ranges, 0)).toBe(false);
  });

  test("a reason that is too long ends between two characters", () => {
    const writer = new PacketWriter(20);
    writeConnectionClose(writer, true, 1, 0, new TextEncoder().encode("é".repeat(20)));
    const { log } = read(writer.buffer.subarray(0, writer.at));
    const [, , , start, length] = log[0] as [string, boolean, number, number, number];
    expect(
      new TextDecoder("utf-8", { fatal: true }).decode(writer.buffer.subarray(start, start + length)),
    ).toBe("é".repeat(length / 2));
  });

  test("no bytes make reading crash", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        expect(["none", "frame_encoding_error", "protocol_violation"]).toContain(faultOf(bytes));
      }),
      { numRuns: 5000 },
    );
  });
});
