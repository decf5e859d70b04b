/** The small parts of streams against simple models of them. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ReceiveWindow } from "../../src/session/flow.ts";
import { OffsetRanges } from "../../src/session/offset-ranges.ts";
import {
  decodeParameters,
  encodeParameters,
  type TransportParameters,
} from "../../src/session/parameters.ts";
import { ReceiveStream } from "../../src/session/receive-stream.ts";
import { SendQueue } from "../../src/session/send-queue.ts";
import { SendStream } from "../../src/session/send-stream.ts";
import { StreamBuffer } from "../../src/session/stream-buffer.ts";
import { IncomingLimit } from "../../src/session/stream-limits.ts";
import { PacketWriter } from "../../src/session/varint.ts";
import { Source } from "./pair.ts";

const range = fc.tuple(fc.nat(60), fc.nat(20)).map(([start, length]) => ({ start, end: start + length }));

describe("offset ranges", () => {
  /** What is in the set, offset by offset. */
  function contents(ranges: OffsetRanges): number[] {
    const offsets: number[] = [];
    ranges.within(0, 1000, (start, end) => {
      for (let at = start; at < end; at++) offsets.push(at);
    });
    return offsets;
  }

  test("are a set of offsets", () => {
    const step = fc.record({ action: fc.constantFrom("add", "remove", "except"), range });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), range, (steps, hidden) => {
        const ranges = new OffsetRanges();
        const model = new Set<number>();
        const others = new OffsetRanges();
        others.add(hidden.start, hidden.end);
        for (const { action, range } of steps) {
          if (action === "add") ranges.add(range.start, range.end);
          else if (action === "remove") ranges.remove(range.start, range.end);
          else ranges.addExcept(range.start, range.end, others);
          for (let at = range.start; at < range.end; at++) {
            if (action === "remove") model.delete(at);
            else if (action === "add" || at < hidden.start || at >= hidden.end) model.add(at);
          }
        }
        const sorted = [...model].sort((a, b) => a - b);
        expect(contents(ranges)).toEqual(sorted);
        expect(ranges.isEmpty).toBe(sorted.length === 0);
        expect(ranges.start).toBe(sorted[0] ?? 0);
        expect(ranges.count).toBe(sorted.filter((at) => !model.has(at - 1)).length);
      }),
      { numRuns: 1000 },
    );
  });
});

describe("a stream's buffer", () => {
  test("has what was written, wherever blocks end, until it is released", () => {
    const write = fc.tuple(fc.nat(200_000), fc.nat(70_000));
    fc.assert(
      fc.property(fc.array(write, { minLength: 1, maxLength: 12 }), fc.nat(300_000), (writes, released) => {
        const buffer = new StreamBuffer();
        const source = new Source(9);
        const written = new OffsetRanges();
        for (const [offset, length] of writes) {
          const padded = new Uint8Array(length + 5);
          padded.set(source.bytes(offset, length), 3);
          buffer.write(offset, padded, 3, length);
          written.add(offset, offset + length);
        }
        buffer.release(released);
        written.within(released, 1e9, (start, end) => {
          const bytes = new Uint8Array(end - start + 1);
          buffer.read(start, end - start, bytes, 1);
          source.check(start, bytes.subarray(1));
          expect(buffer.equals(start, source.bytes(start, end - start), 0, end - start)).toBe(true);
        });
        buffer.clear();
        expect(buffer.allocatedBytes).toBe(0);
      }),
      { numRuns: 60 },
    );
  });

  test("of a short stream is small", () => {
    const buffer = new StreamBuffer();
    buffer.write(0, new Uint8Array(100), 0, 100);
    expect(buffer.allocatedBytes).toBe(512);
  });
});

describe("both parts of a stream", () => {
  test("carry what was written through any losses, repetitions and disorder", () => {
    fc.assert(
      fc.property(
        fc.nat(5000),
        fc.infiniteStream(fc.nat(999)),
        fc.integer({ min: 60, max: 400 }),
        (total, chance, room) => {
          const next = () => chance.next().value as number;
          const source = new Source(total);
          const send = new SendStream(4, 1e6, 0);
          const receive = new ReceiveStream(4, { initialBytes: 1e6, maxBytes: 1e6 }, 0);
          send.write(source.bytes(0, total));
          send.finish();
          let read = 0;
          const flight: { start: number; end: number; fin: boolean; bytes: Uint8Array<ArrayBuffer> }[] = [];
          for (let turns = 0; send.state !== "acknowledged"; turns++) {
            if (turns > 20_000) throw new Error("no end");
            const writer = new PacketWriter(room);
            const range = send.hasLost ? send.writeLost(writer) : send.writeFresh(writer, 1e6);
            if (range !== undefined) {
              const length = range.end - range.start;
              flight.push({ ...range, bytes: writer.buffer.slice(writer.at - length, writer.at) });
            }
            if (flight.length === 0) continue;
            const [frame] = flight.splice(next() % flight.length, 1);
            const fate = next();
            if (fate < 300) {
              send.handleLost(frame!);
              continue;
            }
            receive.admit(frame!.end, frame!.fin);
            receive.store(frame!.start, frame!.bytes, 0, frame!.bytes.length);
            if (fate < 400) send.handleLost(frame!);
            else send.handleAcknowledged(frame!);
            if (receive.readableBytes > 0) {
              const bytes = receive.read(1 + (next() % 500));
              source.check(read, bytes);
              read += bytes.length;
            }
          }
          while (receive.readableBytes > 0) {
            const bytes = receive.read(100);
            source.check(read, bytes);
            read += bytes.length;
          }
          expect([read, receive.isAtEnd]).toEqual([total, true]);
        },
      ),
      { numRuns: 200 },
    );
  });
});

test("turns: higher orders first, the same in rotation", () => {
  const queue = new SendQueue<string>();
  const orders: Record<string, number> = { a: 1, b: 2, c: 1, d: 2, e: 0 };
  for (const [name, order] of Object.entries(orders)) queue.push(name, order);
  const turns: string[] = [];
  for (let i = 0; i < 4; i++) {
    const first = queue.shift()!;
    turns.push(first);
    queue.push(first, orders[first]!);
  }
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) turns.push(next);
  expect(turns.join("")).toBe("bdbdbdace");
  expect(queue.isEmpty).toBe(true);
  for (let i = 0; i < 100; i++) queue.push(String(i), 0);
  expect(Array.from({ length: 100 }, () => queue.shift())).toEqual(
    Array.from({ length: 100 }, (_, i) => String(i)),
  );
});

test("a window that half is used up of within two round trips doubles, up to its limit", () => {
  const window = new ReceiveWindow({ initialBytes: 1000, maxBytes: 3000 }, 0);
  const use = (bytes: number, nowMs: number) => {
    window.consumed += bytes;
    expect(window.isLow).toBe(true);
    window.advance(nowMs, 10);
    return [window.windowBytes, window.limit];
  };
  expect(window.isLow).toBe(false);
  expect(use(500, 100)).toEqual([1000, 1500]);
  expect(use(500, 110)).toEqual([2000, 3000]);
  expect(use(1000, 125)).toEqual([3000, 5000]);
  expect(use(1500, 126)).toEqual([3000, 6500]);
});

test("the peer may open more streams as the application finishes with some", () => {
  const limit = new IncomingLimit(4);
  expect(() => limit.admit(3)).not.toThrow();
  expect(() => limit.admit(4)).toThrow("more streams");
  limit.opened = 4;
  expect(limit.isLow).toBe(false);
  limit.finish();
  expect(limit.isLow).toBe(true);
  limit.advance();
  expect([limit.limit, limit.isLow]).toEqual([5, false]);
});

test("transport parameters are read as they were written", () => {
  const value = fc.maxSafeNat();
  const parameters: fc.Arbitrary<TransportParameters> = fc.record({
    maxIdleTimeoutMs: value,
    maxUdpPayloadSize: fc.integer({ min: 1200, max: 65_527 }),
    initialMaxData: value,
    initialMaxStreamDataBidiLocal: value,
    initialMaxStreamDataBidiRemote: value,
    initialMaxStreamDataUni: value,
    initialMaxStreamsBidi: value,
    initialMaxStreamsUni: value,
    ackDelayExponent: fc.nat(20),
    maxAckDelayMs: fc.nat(2 ** 14 - 1),
    maxDatagramFrameSize: value,
  });
  fc.assert(
    fc.property(parameters, (each) => {
      expect(decodeParameters(encodeParameters(each))).toEqual(each);
    }),
  );
});
