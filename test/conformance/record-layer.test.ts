/** RFC 9147 §4: records as they are sent, and as they are received. */
import { chacha20, chacha20poly1305 } from "@noble/ciphers/chacha.js";
import { describe, expect, test } from "vitest";
import { ContentType, RecordCore } from "../../src/core/index.ts";
import { encodeAck } from "../../src/tls/ack.ts";
import { HandshakeType, NamedGroup } from "../../src/tls/codepoints.ts";
import { concat, fragment, Lab, plaintextRecord, type Role } from "./scripted-peer.ts";

const roles: readonly Role[] = ["client", "server"];
const id = (length: number, fill: number) => new Uint8Array(length).fill(fill);
const application = ContentType.application_data;
const isProtected = ({ epoch }: { epoch: number }) => epoch > 0;
/** A handshake with everything in it: HelloRetryRequest, connection IDs, data, a key update. */
function fullLife(role: Role): Lab {
  const lab = new Lab(role, {
    client: { keyShareGroups: [NamedGroup.secp256r1] },
    server: { groups: [NamedGroup.x25519] },
    clientId: id(4, 1),
    serverId: id(7, 2),
  });
  lab.begin();
  lab.advance(2000);
  lab.subject.send(Uint8Array.of(1));
  lab.subject.updateKeys(true);
  lab.exchange();
  lab.advance(2000);
  lab.subject.send(Uint8Array.of(2));
  lab.exchange();
  return lab;
}

describe.each(roles)("what a %s sends", (role) => {
  test("legacy_record_version MUST be {254, 253} in all plaintext records (§4)", () => {
    const plaintexts = fullLife(role)
      .observe()
      .filter(({ epoch }) => epoch === 0);
    expect(plaintexts.length).toBeGreaterThan(1);
    for (const { raw } of plaintexts) expect([...raw.subarray(1, 3)]).toEqual([254, 253]);
  });

  test("a record without a length MUST be the last of its datagram; ours all have one (§4)", () => {
    const records = fullLife(role).observe().filter(isProtected);
    expect(records.length).toBeGreaterThan(3);
    for (const { raw } of records) expect(raw[0]! & 0x04).toBe(0x04);
  });

  test("a negotiated connection ID MUST be contained in all protected records (§4)", () => {
    const records = fullLife(role).observe().filter(isProtected);
    const peerId = role === "client" ? id(7, 2) : id(4, 1);
    for (const { raw } of records) {
      expect(raw[0]! & 0x10).toBe(0x10);
      expect(raw.subarray(1, 1 + peerId.length)).toEqual(peerId);
    }
  });

  test("no connection ID is in records when none was negotiated (§9)", () => {
    const lab = new Lab(role, { clientId: id(3, 1) }).establish();
    lab.subject.send(Uint8Array.of(1));
    expect(lab.observe().map(({ raw }) => raw[0]! & 0x10)).toEqual([0]);
  });

  test("the sequence number of every epoch is initially 0, and counts up by one (§4.2)", () => {
    const next = new Map<number, number>();
    for (const { epoch, sequenceNumber } of fullLife(role).observe()) {
      expect(sequenceNumber).toBe(next.get(epoch) ?? 0);
      next.set(epoch, sequenceNumber + 1);
    }
    expect([...next.keys()].sort()).toEqual([0, 2, 3, 4]);
  });

  test("each record MUST fit within a datagram, which begins with a record (§4.3)", () => {
    const lab = new Lab(role, { [role]: { mtuBytes: 300 } });
    lab.begin();
    lab.advance(3000);
    expect(lab.isConnected).toBe(true);
    // What is no record would throw here.
    expect(lab.observe().length).toBeGreaterThan(1);
    for (const datagram of lab.sent) expect(datagram.length).toBeLessThanOrEqual(300);
  });

  test("a record MUST NOT exceed 2^14 bytes (§4.4)", () => {
    const lab = new Lab(role, { [role]: { mtuBytes: 65_000 } }).establish();
    expect(() => lab.subject.send(new Uint8Array(2 ** 14 + 1))).toThrow(RangeError);
    lab.subject.send(new Uint8Array(2 ** 14));
    expect(lab.observe()[0]!.content.length).toBe(2 ** 14);
  });

  test("retransmissions MUST use the epoch and keys of the original (§4.2.1)", () => {
    const lab = new Lab(role);
    // Whoever is answered has nothing to send again.
    lab.rewrite = role === "server" ? firstOnly() : () => [];
    lab.begin();
    lab.isHeard = false;
    const epochsOf = () => [
      ...new Set(lab.fragments().map((each) => `${each.messageSeq} in ${each.record.epoch}`)),
    ];
    const first = epochsOf();
    lab.advance(400);
    expect(first.length).toBeGreaterThan(0);
    expect(epochsOf()).toEqual(first);
  });

  test("a key MUST be changed before it has protected all it may (§4.2.1 and §4.5.3)", () => {
    const lab = new Lab(role, { [role]: { keyLimits: { sealed: 64 } } });
    lab.begin();
    lab.advance(2000);
    for (let i = 0; i < 200; i++) {
      lab.subject.send(Uint8Array.of(i));
      lab.exchange();
      if (i % 10 === 9) lab.advance(200);
      for (const { sequenceNumber } of lab.observe()) expect(sequenceNumber).toBeLessThan(64);
    }
    expect(lab.subject.writeEpoch).toBeGreaterThan(5);
  });

  test("ChangeCipherSpec MUST NOT be sent (§5)", () => {
    for (const { type } of fullLife(role).observe()) expect(type).not.toBe(20);
  });
});

/** Lets the first datagram through and nothing after it. */
function firstOnly() {
  let isFirst = true;
  return (datagram: Uint8Array<ArrayBuffer>) => {
    const parts = isFirst ? [datagram] : [];
    isFirst = false;
    return parts;
  };
}

describe.each(roles)("what a %s receives", (role) => {
  const establish = (options = {}) => new Lab(role, options).establish();
  const hello = Uint8Array.of(104, 105);

  test("legacy_record_version MUST be ignored for all purposes (§4)", () => {
    const lab = new Lab(role);
    lab.rewrite = (datagram) => {
      if (datagram[0] === 22) datagram.set([0x12, 0x34], 1);
      return [datagram];
    };
    lab.begin();
    expect(lab.isConnected).toBe(true);
  });

  test("a record without a length takes up the rest of the datagram (§4)", () => {
    const lab = establish();
    lab.say(withoutLength(lab, hello));
    expect(lab.data).toEqual([hello]);
  });

  test("sequence numbers of 8 and of 16 bits MAY be mixed (§4)", () => {
    const lab = establish();
    lab.say(lab.record(3, application, hello), shortNumber(lab, hello), lab.record(3, application, hello));
    expect(lab.data).toEqual([hello, hello, hello]);
  });

  test("after a record with another association's connection ID the rest MUST be discarded (§4)", () => {
    const lab = establish({ clientId: id(5, 1), serverId: id(5, 2) });
    const [first, second, third] = [1, 2, 3].map((n) => Uint8Array.of(n));
    const other = lab.record(3, application, second!, id(5, 9));
    lab.say(lab.record(3, application, first!), other, lab.record(3, application, third!));
    expect(lab.data).toEqual([first]);
    expect(lab.isClosed).toBe(false);
  });

  test("alert, handshake and ack as first byte MUST be taken as a DTLSPlaintext (§4.1)", () => {
    const lab = new Lab(role);
    lab.rewrite = () => [];
    lab.begin();
    lab.say(plaintextRecord(ContentType.alert, 5, Uint8Array.of(2, 40)));
    lab.doubt();
    expect(lab.error?.code).toBe("alert_handshake_failure");
  });

  test("a first byte of 001xxxxx MUST be processed as DTLSCiphertext, others are rejected (§4.1)", () => {
    const lab = establish();
    for (let first = 0; first < 256; first++) {
      const before = { ...lab.subject.drops };
      // Whatever the header, its length is too much for the datagram.
      lab.say(Uint8Array.of(first, ...new Uint8Array(40).fill(0xff)));
      const isCiphertext = first >> 5 === 1;
      const isPlaintext = [21, 22, 26].includes(first);
      const rejected = (lab.subject.drops.unknown_type ?? 0) - (before.unknown_type ?? 0);
      expect([first, rejected]).toEqual([first, isCiphertext || isPlaintext ? 0 : 1]);
    }
    expect(lab.isClosed).toBe(false);
    expect(lab.observe()).toEqual([]);
  });

  test("a ciphertext shorter than 16 bytes MUST be rejected as if it had failed deprotection (§4.2.3)", () => {
    const lab = establish();
    for (let length = 0; length < 17; length++) {
      lab.say(Uint8Array.of(0x2f, 0, 9, 0, length, ...new Uint8Array(length)));
    }
    lab.say(lab.record(3, application, hello));
    expect(lab.data).toEqual([hello]);
    expect(lab.observe()).toEqual([]);
  });

  test("a duplicate of a record MUST NOT be accepted (§4.5.1)", () => {
    const lab = establish();
    const record = lab.record(3, application, hello);
    lab.say(record, record);
    lab.say(record);
    expect(lab.data).toEqual([hello]);
    expect(lab.subject.drops.replayed).toBe(2);
  });

  test("the replay window MUST NOT move for a record that is not deprotected (§4.5.1)", () => {
    const lab = establish();
    const late = lab.record(3, application, hello);
    for (let i = 0; i < 2000; i++) {
      const forged = lab.record(3, application, Uint8Array.of(i));
      if (i % 100 === 99) {
        forged[forged.length - 1]! ^= 1;
        lab.say(forged);
      }
    }
    lab.say(late);
    expect(lab.data).toEqual([hello]);
  });

  test("a separate window starts at zero for each epoch (§4.5.1)", () => {
    const lab = establish();
    lab.message(3, HandshakeType.key_update, Uint8Array.of(0), lab.nextMessageSeq);
    expect(lab.nextSequenceNumber(4)).toBe(0);
    lab.say(lab.record(4, application, hello));
    expect(lab.data).toEqual([hello]);
  });

  test("what cannot be processed at the record layer MUST be discarded, and silently (§4.5.2)", () => {
    const lab = establish();
    const good = lab.record(3, application, hello);
    const flipped = lab.record(3, application, hello);
    flipped[flipped.length - 1]! ^= 1;
    const long = lab.record(3, application, hello);
    long[4]! += 1;
    const bad = [
      flipped,
      long,
      lab.record(3, application, hello).subarray(0, 7),
      plaintextRecord(ContentType.handshake, 7, hello),
      plaintextRecord(ContentType.handshake, 7, hello, 0xfefd, 3),
      plaintextRecord(ContentType.alert, 7, Uint8Array.of(2, 40)),
      plaintextRecord(ContentType.ack, 7, Uint8Array.of(0, 0)),
      // An epoch without keys.
      Uint8Array.of(0x2d, ...good.subarray(1)),
      new Uint8Array(0),
    ];
    for (const datagram of bad) lab.say(datagram);
    expect(lab.data).toEqual([]);
    lab.say(good);
    expect(lab.data).toEqual([hello]);
    lab.advance(5000);
    expect(lab.observe()).toEqual([]);
    expect(lab.isClosed).toBe(false);
  });

  test("an inner content type that is unknown, or missing, never reaches the application (§4.5.2)", () => {
    for (const type of [0, 20, 24, 25, 99, 255]) {
      const lab = establish();
      const number = lab.nextSequenceNumber(3);
      lab.record(3, application, new Uint8Array(0));
      const header = Uint8Array.of(0x2b, number >> 8, number);
      lab.say(sealWith(header, lab, new Uint8Array(5), number, type));
      expect(lab.data).toEqual([]);
      // "Implementations MAY instead send an alert"
      expect(lab.alerts()).toEqual(["unexpected_message"]);
    }
  });

  test("once the peer protects its records, forged ones in plaintext do not end the handshake (§4.5.2)", () => {
    const lab = new Lab(role);
    const held: Uint8Array<ArrayBuffer>[] = [];
    lab.rewrite = (datagram) => splitFlight(datagram, held);
    lab.begin();
    expect(lab.isConnected).toBe(false);
    lab.say(lab.record(2, ContentType.ack, Uint8Array.of(0, 0)));
    for (const [type, content] of [
      [ContentType.handshake, fragment(HandshakeType.finished, 1, new Uint8Array(4))],
      [ContentType.handshake, fragment(HandshakeType.finished, 0, new Uint8Array(4))],
      [ContentType.handshake, Uint8Array.of(1, 2, 3)],
      [ContentType.ack, Uint8Array.of(0, 9)],
      [ContentType.ack, encodeAck([{ epoch: 7, sequenceNumber: 1 }])],
      [ContentType.alert, Uint8Array.of(2, 40)],
    ] as const) {
      lab.say(plaintextRecord(type, 500, content));
    }
    expect(lab.isClosed).toBe(false);
    for (const datagram of held) lab.say(datagram);
    expect(lab.isConnected).toBe(true);
  });

  test("errors in the contents of a valid record MUST be regarded as the peer's (§4.5.2)", () => {
    const lab = establish();
    lab.say(lab.record(3, ContentType.alert, Uint8Array.of(2)));
    expect(lab.error?.code).toBe("malformed_message");
    expect(lab.alerts()).toEqual(["decode_error"]);
  });

  test("records that fail authentication MUST be counted for each key, and end it at a limit (§4.5.3)", () => {
    const lab = establish({ [role]: { keyLimits: { failed: 16 } } });
    const forge = () => {
      const forged = lab.record(3, application, hello);
      forged[forged.length - 1]! ^= 1;
      lab.say(forged);
    };
    for (let i = 0; i < 9; i++) forge();
    // "SHOULD initiate a key update with update_requested before reaching this limit"
    const updates = lab.fragments().filter(({ type }) => type === HandshakeType.key_update);
    expect(updates.map(({ data }) => data[0])).toEqual([1]);
    for (let i = 0; i < 9; i++) forge();
    expect(lab.isClosed).toBe(true);
    expect(lab.error?.code).toBe("too_many_forgeries");
  });

  test("records with a connection ID MUST be rejected if none is negotiated (§9)", () => {
    const lab = establish();
    lab.say(lab.record(3, application, hello, id(4, 1)));
    expect(lab.data).toEqual([]);
    expect(lab.subject.drops.connection_id).toBe(1);
    lab.say(lab.record(3, application, hello));
    expect(lab.data).toEqual([hello]);
  });

  test("application data of epoch 3 MUST be kept or dropped until the peer's Finished (§5.8.1)", () => {
    const lab = new Lab(role);
    const held: Uint8Array<ArrayBuffer>[] = [];
    lab.rewrite = (datagram) => {
      if (datagram[0] === 22) return [datagram];
      held.push(datagram);
      return [];
    };
    if (role === "client") lab.rewrite = (datagram) => splitFlight(datagram, held);
    lab.begin();
    lab.say(lab.record(3, application, hello));
    expect(lab.isConnected).toBe(false);
    expect(lab.data).toEqual([]);
    for (const datagram of held) lab.say(datagram);
    expect(lab.isConnected).toBe(true);
    expect(lab.data).toEqual([hello]);
  });
});

/** Lets plaintext records through, and keeps the others for later. */
function splitFlight(datagram: Uint8Array<ArrayBuffer>, held: Uint8Array<ArrayBuffer>[]) {
  if (datagram[0] !== 22) {
    held.push(datagram);
    return [];
  }
  const end = 13 + ((datagram[11]! << 8) | datagram[12]!);
  if (end < datagram.length) held.push(datagram.slice(end));
  return [datagram.slice(0, end)];
}

/** Seals anew with a header that the core does not write, by way of an independent AEAD. */
function sealWith(
  header: Uint8Array,
  lab: Lab,
  content: Uint8Array,
  sequenceNumber: number,
  type: number = application,
): Uint8Array {
  const { key, iv, recordNumberKey } = lab.peerKeys(3);
  const nonce = iv.slice();
  const view = new DataView(nonce.buffer);
  view.setUint32(8, view.getUint32(8) ^ sequenceNumber);
  const inner = concat(content, Uint8Array.of(type));
  const body = chacha20poly1305(key, nonce, header).encrypt(inner);
  const counter = new DataView(body.buffer, body.byteOffset).getUint32(0, true);
  const mask = chacha20(recordNumberKey, body.slice(4, 16), new Uint8Array(2), undefined, counter);
  const masked = header.slice();
  const numberLength = (header[0]! & 0x08) === 0 ? 1 : 2;
  for (let i = 0; i < numberLength; i++) masked[1 + i]! ^= mask[i]!;
  return concat(masked, body);
}

function withoutLength(lab: Lab, content: Uint8Array): Uint8Array {
  const number = lab.nextSequenceNumber(3);
  lab.record(3, application, new Uint8Array(0));
  return sealWith(Uint8Array.of(0x2b, number >> 8, number), lab, content, number);
}

function shortNumber(lab: Lab, content: Uint8Array): Uint8Array {
  const number = lab.nextSequenceNumber(3);
  lab.record(3, application, new Uint8Array(0));
  const length = content.length + 17;
  return sealWith(Uint8Array.of(0x27, number & 0xff, length >> 8, length), lab, content, number);
}

test("a plaintext record MUST NOT have a sequence number above 2^48-1 (§4)", () => {
  const core = RecordCore.loadSync();
  const out = new Uint8Array(64);
  expect(core.writePlaintext(22, 2 ** 48 - 1, new Uint8Array(1), out, 0)).toBe(14);
  expect(() => core.writePlaintext(22, 2 ** 48, new Uint8Array(1), out, 0)).toThrow(RangeError);
});
