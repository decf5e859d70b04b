import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { defaultPathMtu, PathMtu, type PathMtuOptions } from "../../../src/session/recovery/path-mtu.ts";

/** Probes until there is nothing to probe. Answers the sizes that were tried. */
function probe(mtu: PathMtu, pathBytes: number, nowMs = 0): number[] {
  const sizes: number[] = [];
  for (let bytes = mtu.probeBytes(nowMs); bytes > 0; bytes = mtu.probeBytes(nowMs)) {
    mtu.onProbeSent();
    expect(mtu.probeBytes(nowMs), "one probe at a time").toBe(0);
    sizes.push(bytes);
    if (bytes <= pathBytes) mtu.onAcknowledged(bytes, sizes.length, true, nowMs);
    else mtu.onLost(bytes, sizes.length, true, nowMs);
    if (sizes.length > 200) throw new Error("the search does not end");
  }
  return sizes;
}

const jumbo: PathMtuOptions = { ...defaultPathMtu, maxBytes: 16_406 };

describe("the search (RFC 8899 §5)", () => {
  test("confirms base, tries the largest, and is complete where that arrives", () => {
    const mtu = new PathMtu(jumbo);
    expect([mtu.state, mtu.currentBytes]).toEqual(["base", 1200]);
    expect(probe(mtu, 65_535)).toEqual([1200, 16_406]);
    expect([mtu.state, mtu.currentBytes]).toEqual(["search-complete", 16_406]);
    expect(mtu.deadlineMs).toBe(Number.POSITIVE_INFINITY);
  });

  test("a size is given up after MAX_PROBES probes (§5.1.2); then the common sizes, then halves", () => {
    const mtu = new PathMtu(jumbo);
    const sizes = probe(mtu, 1420);
    expect(sizes.slice(0, 10)).toEqual([1200, 16_406, 16_406, 16_406, 1232, 1392, 1452, 1452, 1452, 1422]);
    expect(mtu.state).toBe("search-complete");
    expect(mtu.currentBytes).toBeLessThanOrEqual(1420);
    expect(mtu.currentBytes).toBeGreaterThan(1420 - 32);
  });

  test("one lost probe is no verdict", () => {
    const mtu = new PathMtu();
    mtu.onProbeSent();
    mtu.onLost(1200, 0, true, 0);
    expect(mtu.probeBytes(0)).toBe(1200);
    expect(probe(mtu, 1452)).toEqual([1200, 1452]);
  });

  test("nothing is searched for where base is all there may be (§5.2: Disabled)", () => {
    const mtu = new PathMtu({ ...defaultPathMtu, maxBytes: 1200 });
    expect(probe(mtu, 65_535)).toEqual([]);
    expect(mtu.onProbeTimeout(5)).toBe(false);
    expect([mtu.state, mtu.currentBytes]).toEqual(["disabled", 1200]);
  });

  test("finds any path's MTU to 32 bytes or a common size, never too large, in few probes", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1200, max: 16_406 }), (pathBytes) => {
        const mtu = new PathMtu(jumbo);
        const probes = probe(mtu, pathBytes).length;
        expect(mtu.currentBytes).toBeLessThanOrEqual(pathBytes);
        expect(pathBytes - mtu.currentBytes).toBeLessThanOrEqual(32);
        expect(probes).toBeLessThan(50);
      }),
    );
  });

  test("goes no further than the peer takes (RFC 9000 §18.2)", () => {
    const mtu = new PathMtu(jumbo);
    mtu.limit(1472);
    expect(probe(mtu, 65_535)).toEqual([1200, 1472]);
    mtu.reset();
    expect(probe(mtu, 65_535)).toEqual([1200, 1472]);
    const none = new PathMtu(jumbo);
    none.limit(1200);
    expect([none.state, none.probeBytes(0)]).toEqual(["disabled", 0]);
  });

  test("begins again after PMTU_RAISE_TIMER, from what is known (§5.3.3)", () => {
    const mtu = new PathMtu();
    probe(mtu, 1300, 1000);
    const { currentBytes } = mtu;
    expect(mtu.deadlineMs).toBe(1000 + 600_000);
    expect(mtu.probeBytes(600_999)).toBe(0);
    expect(probe(mtu, 1500, 601_000)).toEqual([1452]);
    expect(currentBytes).toBeLessThanOrEqual(1300);
    expect(mtu.currentBytes).toBe(1452);
  });

  test("where base does not arrive it falls to the minimum, and tries base again later (§5.2: Error)", () => {
    const mtu = new PathMtu();
    expect(probe(mtu, 1000, 500)).toEqual([1200, 1200, 1200]);
    expect([mtu.state, mtu.currentBytes]).toEqual(["error", 548]);
    expect(mtu.deadlineMs).toBe(600_500);
    expect(probe(mtu, 1500, 600_500)).toEqual([1200, 1452]);
    expect(mtu.currentBytes).toBe(1452);
  });

  test("a new path begins at base", () => {
    const mtu = new PathMtu();
    probe(mtu, 1500);
    mtu.reset();
    expect([mtu.state, mtu.currentBytes, mtu.probeBytes(0)]).toEqual(["base", 1200, 1200]);
  });
});

describe("black holes (RFC 8899 §4.3)", () => {
  function found(): PathMtu {
    const mtu = new PathMtu();
    probe(mtu, 1500);
    expect(mtu.currentBytes).toBe(1452);
    return mtu;
  }

  test("large packets that are lost while smaller ones arrive take the size back to base, and the search begins anew", () => {
    const mtu = found();
    for (let i = 100; i < 103; i++) mtu.onLost(1452, i, false, 0);
    mtu.onAcknowledged(60, 103, false, 0);
    expect(mtu.endAck()).toBe(true);
    expect([mtu.state, mtu.currentBytes]).toEqual(["base", 1200]);
    expect(probe(mtu, 1300)[0]).toBe(1200);
    expect(mtu.currentBytes).toBeLessThanOrEqual(1300);
  });

  test("losses before a large packet that arrived are congestion", () => {
    const mtu = found();
    mtu.onAcknowledged(1452, 110, false, 0);
    for (let i = 100; i < 110; i++) mtu.onLost(1452, i, false, 0);
    expect(mtu.endAck()).toBe(false);
    expect(mtu.currentBytes).toBe(1452);
  });

  test("losses of small packets are not a sign", () => {
    const mtu = found();
    for (let i = 100; i < 110; i++) mtu.onLost(1200, i, false, 0);
    expect(mtu.endAck()).toBe(false);
    expect(mtu.currentBytes).toBe(1452);
  });

  test("so do three probe time-outs in a row: nothing small may have been sent", () => {
    const mtu = found();
    expect([1, 2, 3].map((count) => mtu.onProbeTimeout(count))).toEqual([false, false, true]);
    expect(mtu.currentBytes).toBe(1200);
    expect(mtu.onProbeTimeout(4)).toBe(false);
  });

  test("two more of them, and base is none either: until it is known to arrive the least size is used", () => {
    const mtu = found();
    const falls = [1, 2, 3, 4, 5, 6, 7, 8].map((count) => mtu.onProbeTimeout(count));
    expect(falls).toEqual([false, false, true, false, true, false, false, false]);
    expect([mtu.state, mtu.currentBytes, mtu.probeBytes(0)]).toEqual(["base", 548, 1200]);
    expect(probe(mtu, 1300)[0]).toBe(1200);
    expect(mtu.currentBytes).toBeLessThanOrEqual(1300);
    expect(mtu.currentBytes).toBeGreaterThanOrEqual(1200);
    // What arrives begins the count anew.
    expect([1, 2, 3].map((count) => mtu.onProbeTimeout(count))).toEqual([false, false, true]);
  });

  test("packets of base size that are lost while smaller ones arrive, likewise", () => {
    const mtu = new PathMtu();
    probe(mtu, 1200);
    expect([mtu.state, mtu.currentBytes]).toEqual(["search-complete", 1200]);
    for (let i = 100; i < 103; i++) mtu.onLost(1200, i, false, 0);
    mtu.onAcknowledged(60, 103, false, 0);
    expect(mtu.endAck()).toBe(true);
    expect([mtu.state, mtu.currentBytes]).toEqual(["base", 548]);
    expect(probe(mtu, 1000, 7)).toEqual([1200, 1200, 1200]);
    expect([mtu.state, mtu.currentBytes, mtu.deadlineMs]).toEqual(["error", 548, 600_007]);
    for (let i = 200; i < 300; i++) mtu.onLost(548, i, false, 8);
    expect([mtu.endAck(), mtu.onProbeTimeout(9)]).toEqual([false, false]);
  });

  test("what becomes of a probe from before says nothing about the new search", () => {
    const mtu = new PathMtu();
    mtu.onProbeSent();
    mtu.onAcknowledged(1200, 0, true, 0);
    mtu.onProbeSent();
    mtu.reset();
    for (let i = 0; i < 5; i++) mtu.onLost(1452, 1, true, 0);
    mtu.onAcknowledged(1452, 1, true, 0);
    expect([mtu.state, mtu.currentBytes, mtu.probeBytes(0)]).toEqual(["base", 1200, 1200]);
  });
});
