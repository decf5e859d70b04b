import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type PrefixLength, Reader, Writer } from "../../src/tls/wire.ts";

const malformed = expect.objectContaining({
  name: "SealgramError",
  code: "malformed_message",
  alert: "decode_error",
});

describe("Reader", () => {
  test("reads back what Writer wrote", () => {
    const value = fc.record({
      small: fc.nat(0xff),
      short: fc.nat(0xffff),
      medium: fc.nat(0xffffff),
      long: fc.nat(0xffffffff),
      large: fc.maxSafeNat(),
      prefix: fc.constantFrom<PrefixLength>(1, 2, 3),
      bytes: fc.uint8Array({ maxLength: 255, size: "max" }),
      list: fc.array(fc.nat(0xffff), { minLength: 1, maxLength: 100 }),
    });
    fc.assert(
      fc.property(value, ({ small, short, medium, long, large, prefix, bytes, list }) => {
        const written = new Writer(1)
          .u8(small)
          .u16(short)
          .u24(medium)
          .u32(long)
          .u64(large)
          .opaque(prefix, bytes)
          .vector(prefix, (nested) => nested.bytes(bytes))
          .u16Vector(2, list)
          .finish();
        const reader = new Reader(written);
        expect([reader.u8(), reader.u16(), reader.u24(), reader.u32(), reader.u64()]).toEqual([
          small,
          short,
          medium,
          long,
          large,
        ]);
        expect(reader.opaque(prefix)).toEqual(bytes);
        const nested = reader.vector(prefix);
        expect(nested.rest()).toEqual(bytes);
        nested.end();
        expect(reader.u16Vector(2)).toEqual(list);
        expect(() => reader.end()).not.toThrow();
      }),
    );
  });

  test("throws decode_error at the end of its range, not of the bytes", () => {
    const bytes = Uint8Array.of(0, 1, 2, 3, 4, 5, 6, 7, 8, 9);
    const reads: ((reader: Reader) => unknown)[] = [
      (reader) => reader.u8(),
      (reader) => reader.u16(),
      (reader) => reader.u24(),
      (reader) => reader.u32(),
      (reader) => reader.u64(),
      (reader) => reader.bytes(1),
      (reader) => reader.opaque(1),
      (reader) => reader.opaque(2),
      (reader) => reader.vector(3),
      (reader) => reader.u16Vector(2),
    ];
    for (const read of reads) expect(() => read(new Reader(bytes, 2, 2))).toThrow(malformed);
    expect(() => new Reader(bytes, 2, 5).u32()).toThrow(malformed);
    expect(() => new Reader(bytes, 3, 6).opaque(1)).toThrow(malformed);
    expect(new Reader(bytes, 2, 6).opaque(1)).toEqual(Uint8Array.of(3, 4));
    expect(() => new Reader(bytes, 2, 3).end()).toThrow(malformed);
  });

  test("throws decode_error for a vector out of its bounds", () => {
    const reader = () => new Reader(Uint8Array.of(2, 7, 7));
    expect(() => reader().opaque(1, 3)).toThrow(malformed);
    expect(() => reader().opaque(1, 0, 1)).toThrow(malformed);
    expect(reader().opaque(1, 2, 2)).toEqual(Uint8Array.of(7, 7));
    expect(() => new Reader(Uint8Array.of(3, 0, 1, 0)).u16Vector(1)).toThrow(malformed);
    expect(() => new Reader(Uint8Array.of(0)).u16Vector(1)).toThrow(malformed);
  });

  test("a 64-bit number that is not exact is never taken for a smaller one", () => {
    for (const hex of ["0020000000000000", "0020000000000001", "ffffffffffffffff", "8000000000000000"]) {
      const value = new Reader(new Uint8Array(Buffer.from(hex, "hex"))).u64();
      expect(value).toBeGreaterThan(Number.MAX_SAFE_INTEGER);
    }
    expect(new Reader(new Uint8Array(Buffer.from("001fffffffffffff", "hex"))).u64()).toBe(2 ** 53 - 1);
  });
});

describe("Writer", () => {
  test("a number or a vector too large for its field is a RangeError", () => {
    for (const value of [-1, 256, 1.5, Number.NaN]) expect(() => new Writer().u8(value)).toThrow(RangeError);
    expect(() => new Writer().u32(2 ** 32)).toThrow(RangeError);
    expect(() => new Writer().u64(2 ** 53)).toThrow(RangeError);
    expect(() => new Writer().opaque(1, new Uint8Array(256))).toThrow(RangeError);
    expect(() => new Writer().vector(1, (nested) => nested.bytes(new Uint8Array(256)))).toThrow(RangeError);
    expect(() => new Writer().u16Vector(1, new Array(128).fill(0))).toThrow(RangeError);
  });

  test("grows without copying again for every append", () => {
    const writer = new Writer(1);
    const chunk = new Uint8Array(1000).fill(1);
    for (let i = 0; i < 2000; i++) writer.bytes(chunk);
    const written = writer.finish();
    expect(written).toHaveLength(2_000_000);
    expect(written.every((byte) => byte === 1)).toBe(true);
    expect(written.buffer.byteLength).toBe(2_000_000);
  });
});
