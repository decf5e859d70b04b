import { expect, test } from "vitest";
import { SendRing } from "../../src/transport/send-ring.ts";

/** So many datagrams under way at a time, of any lengths; each has to be as it was until it is sent. */
test.each([1, 3, 20, SendRing.capacity])(
  "with up to %d datagrams under way each keeps its content",
  (most) => {
    const ring = new SendRing();
    const unsent: { copy: Uint8Array; length: number; fill: number }[] = [];
    for (let i = 0; i < 5000; i++) {
      const length = [0, 1, 1200, 2048, 2049, 9000, 16_384, 65_507][(i * 7 + (i >> 5)) % 8]!;
      unsent.push({ copy: ring.copy(new Uint8Array(length).fill(i), unsent.length), length, fill: i & 0xff });
      // At times the queue runs empty.
      const keep = i % 97 === 0 ? 0 : most - 1;
      while (unsent.length > keep) {
        const { copy, length, fill } = unsent.shift()!;
        expect(copy.length).toBe(length);
        if (copy[0] !== undefined) expect([copy[0], copy[length - 1]]).toEqual([fill, fill]);
      }
    }
  },
);

test("with nothing under way, long datagrams share one place", () => {
  const ring = new SendRing();
  const first = ring.copy(new Uint8Array(16_384), 0);
  expect(ring.copy(new Uint8Array(16_000), 0).buffer).toBe(first.buffer);
  expect(ring.copy(new Uint8Array(16_384).fill(1), 1).buffer).not.toBe(first.buffer);
});
