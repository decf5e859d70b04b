/** RFC 9147 §3.1, §5.8 and §7.1: what is sent again by the timer, what when it is asked for, and what is acknowledged. */
import { describe, expect, test } from "vitest";
import type { Bytes } from "../../src/core/bytes.ts";
import { ContentType } from "../../src/core/index.ts";
import { HandshakeType, NamedGroup } from "../../src/tls/codepoints.ts";
import { Lab, type Observed } from "./scripted-peer.ts";

const { server_hello, finished } = HandshakeType;
/** The first share is of a group that the server has not. */
const retryOptions = {
  client: { keyShareGroups: [NamedGroup.secp256r1] },
  server: { groups: [NamedGroup.x25519] },
};

/** A Lab whose accomplice is overheard, from the first to the last datagram that it lets through. */
function overheard(lab: Lab): { readonly lab: Lab; readonly heard: Bytes[] } {
  const heard: Bytes[] = [];
  lab.rewrite = (datagram) => {
    heard.push(datagram);
    return [datagram];
  };
  return { lab, heard };
}

/** A plaintext record once more, under a number of its own. */
function renumbered(datagram: Bytes, sequenceNumber: number): Bytes {
  const copy = datagram.slice();
  new DataView(copy.buffer).setUint32(7, sequenceNumber);
  return copy;
}

const messages = (lab: Lab, records: readonly Observed[]) => lab.fragments(records).map(({ type }) => type);
const acks = (records: readonly Observed[]) => records.filter(({ type }) => type === ContentType.ack);

describe("a HelloRetryRequest of a server that keeps state", () => {
  function asked() {
    const { lab, heard } = overheard(new Lab("server", retryOptions));
    lab.isHeard = false;
    lab.begin();
    expect(messages(lab, lab.observe())).toEqual([server_hello]);
    return { lab, hello: heard[0]! };
  }

  test("is not sent again by the timer (§3.1)", () => {
    const { lab } = asked();
    expect(lab.subject.flightDeadlineMs).toBeUndefined();
    lab.advance(120_000);
    expect(lab.observe()).toEqual([]);
  });

  test("is sent again when the ClientHello is, unchanged, in a new record, however often (§3.1 and §5.8.1)", () => {
    const { lab, hello } = asked();
    for (let i = 1; i <= 20; i++) {
      lab.advance(1000);
      lab.say(renumbered(hello, i));
      const records = lab.observe();
      expect(messages(lab, records)).toEqual([server_hello]);
      expect(records[0]!.sequenceNumber).toBe(i);
      expect(acks(records)).toEqual([]);
    }
    lab.advance(120_000);
    expect(lab.observe()).toEqual([]);
    expect(lab.isClosed).toBe(false);
  });

  test("leads to a handshake if it is lost at first", () => {
    const { lab } = asked();
    lab.isHeard = true;
    lab.advance(2000);
    expect(lab.isConnected).toBe(true);
  });
});

describe("the repetition of a flight that was answered is answered once more, and not acknowledged (§5.8.1 and §7.1)", () => {
  test("by a server that has answered a ClientHello", () => {
    const { lab, heard } = overheard(new Lab("server"));
    lab.isHeard = false;
    lab.begin();
    expect(messages(lab, lab.observe())).toContain(finished);
    lab.advance(200);
    lab.say(renumbered(heard[0]!, 9));
    const at = lab.nowMs;
    const again = lab.observe();
    expect(messages(lab, again)).toContain(finished);
    expect(acks(again)).toEqual([]);
    while (lab.subject.flightDeadlineMs! < at + 700) lab.advance(lab.subject.flightDeadlineMs! - lab.nowMs);
    expect(acks(lab.observe())).toEqual([]);
  });

  test("by a client that has sent its Finished", () => {
    const lab = new Lab("client");
    lab.rewrite = (datagram) => {
      // The server hears nothing any more, and has to send its flight again.
      lab.isHeard = false;
      return [datagram];
    };
    lab.begin();
    expect(messages(lab, lab.observe()).at(-1)).toBe(finished);
    for (let i = 0; i < 3; i++) {
      lab.nowMs = lab.accomplice.flightDeadlineMs!;
      lab.accomplice.handleTimeout();
      lab.exchange();
      expect(messages(lab, lab.observe())).toEqual([finished]);
      const { flightDeadlineMs } = lab.subject;
      lab.advance(flightDeadlineMs! - lab.nowMs - 1);
      expect(lab.observe()).toEqual([]);
    }
  });
});

test("a repetition asks for nothing of a flight that was acknowledged in part (§5.8.1)", () => {
  const { lab, heard } = overheard(new Lab("server"));
  lab.isHeard = false;
  lab.begin();
  const [hello] = lab.observe();
  lab.ack(2, [{ epoch: 0, sequenceNumber: hello!.sequenceNumber }]);
  lab.advance(300);
  expect(messages(lab, lab.observe())).not.toContain(server_hello);
  lab.say(renumbered(heard[0]!, 9));
  expect(lab.observe()).toEqual([]);
});

test("a flight that is cut short is acknowledged in part, also when its beginning is repeated (§7.1)", () => {
  const lab = new Lab("client");
  const beginnings: Bytes[] = [];
  lab.rewrite = (datagram) => {
    // The ServerHello alone.
    if (datagram[0] !== 22) return [];
    beginnings.push(datagram.slice(0, 13 + ((datagram[11]! << 8) | datagram[12]!)));
    return [beginnings[0]!];
  };
  lab.begin();
  lab.isHeard = false;
  lab.advance(150);
  expect(acks(lab.observe()).length).toBeGreaterThan(0);
  lab.say(renumbered(beginnings[0]!, 7));
  lab.advance(400);
  expect(lab.acknowledged()).toContainEqual({ epoch: 0, sequenceNumber: 7 });
});

test("repetitions in plaintext, which may be forged, keep nothing else out of an ACK (§7.1)", () => {
  const lab = new Lab("client", { server: { mtuBytes: 100 } });
  const hellos: Bytes[] = [];
  lab.rewrite = (datagram) => {
    // The ServerHello, and what follows it in its last datagram.
    if (datagram[0] !== 22) return [];
    hellos.push(datagram);
    return [datagram];
  };
  lab.begin();
  lab.isHeard = false;
  expect(hellos.length).toBe(2);
  for (let i = 0; i < 40; i++) lab.say(renumbered(hellos[0]!, 1000 + i));
  lab.advance(150);
  const numbers = lab.acknowledged();
  for (const sequenceNumber of hellos.keys()) expect(numbers).toContainEqual({ epoch: 0, sequenceNumber });
  expect(numbers).toContainEqual({ epoch: 2, sequenceNumber: 0 });
  const forged = numbers.map(({ sequenceNumber }) => sequenceNumber).filter((number) => number >= 1000);
  expect(new Set(forged).size).toBeLessThanOrEqual(4);
});
