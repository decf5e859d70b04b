/** RFC 9147 §7: which records are acknowledged, and what an ACK does. */
import { describe, expect, test } from "vitest";
import { ContentType } from "../../src/core/index.ts";
import { encodeAck } from "../../src/tls/ack.ts";
import { HandshakeType } from "../../src/tls/codepoints.ts";
import { fragment, Lab, plaintextRecord, type Role } from "./scripted-peer.ts";

const roles: readonly Role[] = ["client", "server"];
const { key_update } = HandshakeType;
const application = ContentType.application_data;

/** The first part of the first message alone, once. */
function firstPart(lab: Lab): void {
  let isFirst = true;
  lab.rewrite = (datagram) => {
    if (!isFirst) return [];
    isFirst = false;
    const content = datagram.subarray(13, 13 + ((datagram[11]! << 8) | datagram[12]!));
    const body = content.subarray(12);
    return [plaintextRecord(ContentType.handshake, 0, fragment(content[0]!, 0, body, 0, 20))];
  };
}

describe.each(roles)("a %s", (role) => {
  test("MUST NOT send ACKs, not even empty ones, before it knows that the peer speaks DTLS 1.3 (§7)", () => {
    const lab = new Lab(role);
    firstPart(lab);
    lab.begin();
    lab.advance(5000);
    expect(lab.observe().filter(({ type }) => type === ContentType.ack)).toEqual([]);
  });

  test("MUST ignore ACKs in epoch 0 until then, even malformed ones (§7)", () => {
    const lab = new Lab(role);
    let first: Uint8Array<ArrayBuffer>[] | undefined;
    lab.rewrite = (datagram) => {
      if (first !== undefined) return [datagram];
      first = [datagram];
      return [];
    };
    lab.begin();
    lab.isHeard = false;
    lab.say(plaintextRecord(ContentType.ack, 40, encodeAck([{ epoch: 0, sequenceNumber: 0 }])));
    lab.say(plaintextRecord(ContentType.ack, 41, encodeAck([{ epoch: 9, sequenceNumber: 0 }])));
    lab.say(plaintextRecord(ContentType.ack, 42, Uint8Array.of(0, 5, 1)));
    expect(lab.isClosed).toBe(false);
    // Had the first one counted, a client would not send its ClientHello again.
    lab.advance(role === "client" ? 1000 : 0);
    if (role === "client") expect(lab.fragments().length).toBe(2);
    lab.isHeard = true;
    for (const datagram of first!) lab.say(datagram);
    lab.advance(1000);
    expect(lab.isConnected).toBe(true);
  });

  test("MUST NOT acknowledge messages that it neither processed nor kept (§7)", () => {
    const lab = new Lab(role).establish();
    const far = lab.message(3, key_update, Uint8Array.of(0), lab.nextMessageSeq + 50);
    const soon = lab.message(3, 99, new Uint8Array(3), lab.nextMessageSeq + 1);
    lab.advance(5000);
    const acknowledged = lab.acknowledged();
    expect(acknowledged).toContainEqual(soon);
    expect(acknowledged).not.toContainEqual(far);
  });

  test("MUST NOT acknowledge records of other content types, or those that cannot be deprotected (§7.1)", () => {
    const lab = new Lab(role).establish();
    lab.say(lab.record(3, application, Uint8Array.of(1)));
    lab.ack(3, []);
    const forged = lab.record(
      3,
      ContentType.handshake,
      fragment(key_update, lab.nextMessageSeq, Uint8Array.of(0)),
    );
    forged[forged.length - 1]! ^= 1;
    lab.say(forged);
    lab.advance(5000);
    expect(lab.observe()).toEqual([]);
  });

  test("acknowledges repetitions, whose ACK may have been lost (§7)", () => {
    const lab = new Lab(role).establish();
    lab.message(3, key_update, Uint8Array.of(0), lab.nextMessageSeq);
    lab.advance(1000);
    lab.observe();
    const again = lab.message(3, key_update, Uint8Array.of(0), lab.nextMessageSeq);
    lab.advance(1000);
    expect(lab.acknowledged()).toContainEqual(again);
  });

  test("lists record numbers in increasing order (§7)", () => {
    const lab = new Lab(role).establish();
    const parts = [3, 1, 2, 0].map((i) => ({
      number: { epoch: 3, sequenceNumber: lab.nextSequenceNumber(3) },
      record: lab.record(3, ContentType.handshake, fragment(99, lab.nextMessageSeq, new Uint8Array(9), i, 1)),
    }));
    for (const { record } of parts.reverse()) lab.say(record);
    lab.advance(1000);
    const numbers = lab.acknowledged().map(({ epoch, sequenceNumber }) => epoch * 1e6 + sequenceNumber);
    expect(numbers.length).toBeGreaterThanOrEqual(4);
    expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
  });

  test("MUST use the highest sending epoch for ACKs after the handshake (§7)", () => {
    const lab = new Lab(role).establish();
    lab.subject.updateKeys();
    const [update] = lab.fragments();
    lab.ack(3, [update!.record]);
    expect(lab.subject.writeEpoch).toBe(4);
    lab.message(3, key_update, Uint8Array.of(0), lab.nextMessageSeq);
    lab.advance(1000);
    const acks = lab.observe().filter(({ type }) => type === ContentType.ack);
    expect(acks.map(({ epoch }) => epoch)).toEqual([4]);
  });

  test("during the handshake MUST send ACKs in no lower an epoch than what they acknowledge (§7)", () => {
    const lab = new Lab(role);
    // The second flight is cut off after its first protected record.
    lab.rewrite = (datagram) => {
      const isProtected = datagram[0]! >> 5 === 1;
      return isProtected ? [] : [datagram.slice(0, 13 + ((datagram[11]! << 8) | datagram[12]!))];
    };
    lab.begin();
    const type = role === "client" ? HandshakeType.encrypted_extensions : HandshakeType.certificate;
    const number = { epoch: 2, sequenceNumber: lab.nextSequenceNumber(2) };
    lab.say(lab.record(2, ContentType.handshake, fragment(type, 1, new Uint8Array(9), 0, 3)));
    lab.advance(150);
    const acks = lab.observe().filter((record) => record.type === ContentType.ack);
    expect(acks.length).toBeGreaterThan(0);
    expect(lab.acknowledged(acks)).toContainEqual(number);
    for (const { epoch } of acks) expect(epoch).toBeGreaterThanOrEqual(2);
  });

  test("MUST cancel all retransmissions once all of a flight is acknowledged (§7.2)", () => {
    const lab = new Lab(role).establish();
    lab.subject.updateKeys();
    const [update] = lab.fragments();
    lab.ack(3, [update!.record]);
    lab.advance(60_000);
    expect(lab.fragments()).toEqual([]);
  });

  test("MUST take a record as acknowledged if any ACK names it (§7.2)", () => {
    const lab = new Lab(role, {
      [role]: { mtuBytes: 60 },
      clientId: new Uint8Array(1),
      serverId: new Uint8Array(1).fill(1),
    }).establish();
    // One message in several records, each of which is acknowledged by an ACK of its own.
    lab.message(3, HandshakeType.request_connection_id, Uint8Array.of(20), lab.nextMessageSeq);
    const parts = lab.fragments().filter(({ type }) => type === HandshakeType.new_connection_id);
    expect(parts.length).toBeGreaterThanOrEqual(1);
    for (const { record } of parts) lab.ack(3, [record]);
    lab.observe();
    lab.advance(60_000);
    expect(lab.fragments()).toEqual([]);
  });

  test("retransmits only what an ACK leaves out (§7.2)", () => {
    const lab = new Lab(role, { [role]: { mtuBytes: 48 } }).establish();
    lab.subject.setMtu(40);
    lab.subject.updateKeys();
    const parts = lab.fragments();
    expect(parts.length).toBeGreaterThanOrEqual(1);
    lab.ack(
      3,
      parts.slice(1).map(({ record }) => record),
    );
    lab.advance(1000);
    for (const { offset } of lab.fragments()) expect(offset).toBe(parts[0]!.offset);
  });

  test("MUST end the connection with illegal_parameter for an ACK of an epoch that is not reached (§7.2)", () => {
    const lab = new Lab(role).establish();
    lab.ack(3, [{ epoch: 4, sequenceNumber: 0 }]);
    expect(lab.alerts()).toEqual(["illegal_parameter"]);
  });

  test("goes on when an older epoch acknowledges a newer one, as key updates of one side make it (§7, §8)", () => {
    const lab = new Lab(role).establish();
    for (const epoch of [3, 4, 5]) {
      lab.subject.updateKeys();
      const [update] = lab.fragments();
      expect(update!.record.epoch).toBe(epoch);
      lab.ack(3, [update!.record]);
    }
    expect(lab.isClosed).toBe(false);
    expect(lab.subject.writeEpoch).toBe(6);
  });
});

test("during the handshake an ACK of a later epoch MUST end it with illegal_parameter (§7.2)", () => {
  const lab = new Lab("client");
  lab.rewrite = (datagram) =>
    datagram[0] === 22 ? [datagram.slice(0, 13 + ((datagram[11]! << 8) | datagram[12]!))] : [];
  lab.begin();
  lab.ack(2, [{ epoch: 3, sequenceNumber: 0 }]);
  expect(lab.alerts()).toEqual(["illegal_parameter"]);
});
