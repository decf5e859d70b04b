/** What a peer can make this side hold before it has proved anything. */
import { describe, expect, test } from "vitest";
import { ContentType } from "../../src/core/index.ts";
import { type FragmentFate, Reassembler } from "../../src/dtls/reassembly.ts";
import { defaultReliability } from "../../src/dtls/reliability-options.ts";
import { HandshakeType } from "../../src/tls/codepoints.ts";
import { Lab, plaintextRecord } from "../conformance/scripted-peer.ts";
import { Random } from "../sim/random.ts";

const limits = { messageBytes: 4000, plaintextBytes: 1000, aheadBytes: 1500, messagesAhead: 6 };

function add(into: Reassembler, messageSeq: number, length: number, offset = 0, size = 1, epoch = 2) {
  return into.add({ type: 11, length, messageSeq, offset, data: new Uint8Array(size) }, epoch);
}

describe("fragments", () => {
  test("of messages ahead are dropped beyond the budget, and taken when they come again in their turn", () => {
    const reassembler = new Reassembler(limits);
    expect(add(reassembler, 1, 1000)).toBe("later");
    expect(add(reassembler, 2, 501)).toBe("discarded");
    expect(add(reassembler, 3, 500)).toBe("later");
    // A message that is being collected goes on being so.
    expect(add(reassembler, 1, 1000, 1, 999)).toBe("later");
    // The expected one does not count, nor does it have to wait for those behind it.
    expect(add(reassembler, 0, 4000, 0, 4000)).toBe("advanced");
    expect(reassembler.next()?.bytes.length).toBe(4004);
    expect(reassembler.next()?.bytes.length).toBe(1004);
    expect(add(reassembler, 2, 501, 0, 501)).toBe("advanced");
    expect(reassembler.next()?.bytes.length).toBe(505);
  });

  test("of a message that is too long are refused, sooner if nothing protects them", () => {
    expect(() => add(new Reassembler(limits), 0, 4001)).toThrow("4001");
    expect(add(new Reassembler(limits), 0, 4000)).toBe("advanced");
    expect(() => add(new Reassembler(limits), 0, 1001, 0, 1, 0)).toThrow("1001");
    expect(add(new Reassembler(limits), 0, 1000, 0, 1, 0)).toBe("advanced");
  });

  test("that close gaps are taken however many gaps there are: the message is whole in the end", () => {
    const length = 2000;
    const reassembler = new Reassembler(limits);
    const fates = new Set<FragmentFate>();
    // Every second byte, until there are too many pieces; then the others close the gaps, and the rest follows.
    for (let at = 0; at < length; at += 2) fates.add(add(reassembler, 0, length, at));
    for (let at = 1; at < length; at += 2) fates.add(add(reassembler, 0, length, at));
    expect(fates).toEqual(new Set(["advanced", "discarded"]));
    for (let at = 0; at < length; at++) add(reassembler, 0, length, at);
    expect(reassembler.next()?.bytes.length).toBe(4 + length);
  });

  test("hold no more than a message and the budget, whatever they claim", () => {
    const random = new Random(4);
    for (let run = 0; run < 300; run++) {
      const reassembler = new Reassembler(limits);
      const fates = new Set<FragmentFate>();
      for (let i = 0; i < 60; i++) {
        const length = 1 + random.below(4000);
        const seq = reassembler.nextReceiveSeq + random.below(8);
        try {
          fates.add(add(reassembler, seq, length, 0, random.chance(0.2) ? length : 1));
        } catch {
          // disagrees with one before
        }
        reassembler.next();
        expect(reassembler.heldBytes).toBeLessThanOrEqual(limits.messageBytes + limits.aheadBytes);
      }
      expect(fates.size).toBeGreaterThan(1);
    }
  });
});

test("a client that claims a long ClientHello is ignored, and makes a server hold little", () => {
  const { maxHelloBytes } = defaultReliability;
  const claim = (length: number) => {
    const lab = new Lab("server");
    const header = Uint8Array.of(
      HandshakeType.client_hello,
      0,
      length >> 8,
      length,
      0,
      0,
      0,
      0,
      0,
      0,
      0,
      1,
      9,
    );
    lab.say(plaintextRecord(ContentType.handshake, 0, header));
    return lab;
  };
  expect(claim(maxHelloBytes).isClosed).toBe(false);
  const ignored = claim(maxHelloBytes + 1);
  expect([ignored.isClosed, ignored.subject.drops]).toEqual([false, { malformed: 1 }]);
});
