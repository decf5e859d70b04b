/** RFC 9147 §5: handshake messages, their fragments and flights. */
import { describe, expect, test } from "vitest";
import { ContentType } from "../../src/core/index.ts";
import { HandshakeType, NamedGroup } from "../../src/tls/codepoints.ts";
import { decodeClientHello, decodeServerHello } from "../../src/tls/hello.ts";
import {
  concat,
  fragment,
  Lab,
  type ObservedFragment,
  plaintextRecord,
  type Role,
  rewriteMessage,
} from "./scripted-peer.ts";

const roles: readonly Role[] = ["client", "server"];
const { client_hello, server_hello, finished, key_update, new_session_ticket } = HandshakeType;
const hello = Uint8Array.of(104, 105);
const retryOptions = {
  client: { keyShareGroups: [NamedGroup.secp256r1] },
  server: { groups: [NamedGroup.x25519] },
};

/** A message as the transcript has it, of a fragment that is all of it. */
const whole = ({ type, data }: ObservedFragment) =>
  concat(Uint8Array.of(type, data.length >> 16, data.length >> 8, data.length), data);

function clientHellos(lab: Lab) {
  return lab
    .fragments()
    .filter(({ type }) => type === client_hello)
    .map((each) => decodeClientHello(whole(each)));
}

/** Where the extensions of a ServerHello begin: version, random, session ID, suite, compression. */
const afterSessionId = 2 + 32 + 1;

describe("ClientHello", () => {
  test("legacy_version MUST be {254, 253}, legacy_session_id and legacy_cookie MUST be empty (§5.3)", () => {
    const hellos = clientHellos(new Lab("client", retryOptions).begin());
    expect(hellos.length).toBe(2);
    for (const { legacyVersion, legacySessionId, legacyCookie } of hellos) {
      expect(legacyVersion).toBe(0xfefd);
      expect(legacySessionId.length).toBe(0);
      expect(legacyCookie.length).toBe(0);
    }
  });

  test("a server MUST abort with illegal_parameter if legacy_cookie is not empty (§5.3)", () => {
    const lab = new Lab("server");
    lab.rewrite = rewriteMessage(client_hello, (body) =>
      concat(body.subarray(0, 35), Uint8Array.of(1, 9), body.subarray(36)),
    );
    lab.begin();
    expect(lab.alerts()).toEqual(["illegal_parameter"]);
    expect(lab.error?.code).toBe("legacy_cookie");
  });

  test("only suites that DTLS allows are offered, and TLS_AES_128_CCM_8_SHA256 is not (§4.5.3)", () => {
    const [first] = clientHellos(new Lab("client").begin());
    for (const suite of first!.cipherSuites) expect([0x1301, 0x1302, 0x1303, 0xc0b4]).toContain(suite);
  });
});

describe("ServerHello", () => {
  test("legacy_session_id_echo MUST be empty, whatever the ClientHello has (§5)", () => {
    const retried = new Lab("server", retryOptions);
    retried.rewrite = rewriteMessage(client_hello, (body) =>
      concat(body.subarray(0, 34), Uint8Array.of(3, 1, 2, 3), body.subarray(35)),
    );
    retried.begin();
    const answers = retried.fragments().filter(({ type }) => type === server_hello);
    expect(answers.length).toBeGreaterThan(0);
    for (const answer of answers) {
      expect(decodeServerHello(whole(answer), new Set([43, 51, 41])).legacySessionIdEcho.length).toBe(0);
    }
  });

  test("a client MUST abort with illegal_parameter if legacy_session_id_echo is not empty (§5)", () => {
    const lab = new Lab("client");
    lab.rewrite = rewriteMessage(server_hello, (body) =>
      concat(body.subarray(0, afterSessionId - 1), Uint8Array.of(1, 7), body.subarray(afterSessionId)),
    );
    lab.begin();
    expect(lab.isClosed).toBe(false);
    lab.doubt();
    expect(lab.error?.code).toBe("session_id_echo");
    expect(lab.alerts()).toEqual(["illegal_parameter"]);
  });

  test("a suite that was not offered ends the handshake with illegal_parameter (§5.3)", () => {
    const lab = new Lab("client");
    lab.rewrite = rewriteMessage(server_hello, (body) => {
      body.set([0x13, 0x05], afterSessionId);
      return body;
    });
    lab.begin();
    lab.doubt();
    expect(lab.alerts()).toEqual(["illegal_parameter"]);
  });
});

describe("HelloRetryRequest", () => {
  /** A HelloRetryRequest with extensions of the test's choice, in place of what the server says. */
  function retryWith(
    lab: Lab,
    extensions: Uint8Array,
  ): (datagram: Uint8Array<ArrayBuffer>) => Uint8Array<ArrayBuffer>[] {
    let sequenceNumber = 0;
    return () => {
      const random = [
        0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2,
        0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
      ];
      const body = concat(
        Uint8Array.of(0xfe, 0xfd, ...random, 0, 0x13, 0x03, 0, extensions.length >> 8, extensions.length),
        extensions,
      );
      const message = fragment(server_hello, sequenceNumber, body);
      expect(lab.isClosed).toBe(false);
      return [plaintextRecord(ContentType.handshake, sequenceNumber++, message)];
    };
  }
  const version = Uint8Array.of(0, 43, 0, 2, 0xfe, 0xfc);
  const cookie = Uint8Array.of(0, 44, 0, 5, 0, 3, 7, 8, 9);

  test("the client MUST send a new ClientHello with the cookie, and is prepared to with every handshake (§5.1)", () => {
    const lab = new Lab("client");
    const retry = retryWith(lab, concat(version, cookie));
    let answered = 0;
    lab.rewrite = (datagram) => (answered++ === 0 ? retry(datagram) : []);
    lab.begin();
    const [first, second] = clientHellos(lab);
    expect(first!.extensions.cookie).toBeUndefined();
    expect(second!.extensions.cookie).toEqual(Uint8Array.of(7, 8, 9));
    // §4.1.2 of TLS 1.3: the rest stays.
    expect(second!.random).toEqual(first!.random);
    expect(second!.cipherSuites).toEqual(first!.cipherSuites);
    expect(second!.extensions.keyShares).toEqual(first!.extensions.keyShares);
  });

  test("a second HelloRetryRequest MUST end the handshake with unexpected_message (§5.1)", () => {
    const lab = new Lab("client");
    const retry = retryWith(lab, concat(version, cookie));
    lab.rewrite = retry;
    lab.begin();
    expect(lab.alerts()).toEqual([]);
    lab.say(...retry(new Uint8Array(0)));
    lab.doubt();
    expect(lab.alerts()).toEqual(["unexpected_message"]);
  });

  test("a server MUST end the handshake with illegal_parameter for a cookie that it did not make (§5.1)", () => {
    const lab = new Lab("server", retryOptions);
    lab.rewrite = rewriteMessage(client_hello, (body, messageSeq) =>
      messageSeq === 0 ? body : withExtension(body, cookie),
    );
    lab.begin();
    expect(lab.alerts()).toEqual(["illegal_parameter"]);
  });
});

/** A ClientHello with another extension in front. */
function withExtension(body: Uint8Array, extension: Uint8Array): Uint8Array {
  let at = 34;
  at += 1 + body[at]!;
  at += 1 + body[at]!;
  at += 2 + ((body[at]! << 8) | body[at + 1]!);
  at += 1 + body[at]!;
  const length = ((body[at]! << 8) | body[at + 1]!) + extension.length;
  return concat(body.subarray(0, at), Uint8Array.of(length >> 8, length), extension, body.subarray(at + 2));
}

describe.each(roles)("messages of a %s", (role) => {
  test("the first has message_seq 0, each new one is one more, retransmissions keep theirs (§5.2)", () => {
    const lab = new Lab(role, retryOptions).begin();
    const seqs = lab.fragments().map(({ messageSeq }) => messageSeq);
    expect(seqs).toEqual(seqs.map((_, i) => i));
    expect(seqs.length).toBeGreaterThan(2);
    lab.isHeard = false;
    lab.advance(2000);
    lab.subject.updateKeys();
    lab.advance(1000);
    expect([...new Set(lab.fragments().map(({ messageSeq }) => messageSeq))].slice(-1)).toEqual([
      seqs.length,
    ]);
  });

  test("a retransmission is a new record, with unchanged bytes (§5.2 and §5.5)", () => {
    const lab = new Lab(role).establish();
    lab.subject.updateKeys();
    const [first] = lab.fragments();
    lab.advance(1000);
    const [again] = lab.fragments();
    expect(again!.data).toEqual(first!.data);
    expect(again!.messageSeq).toBe(first!.messageSeq);
    expect(again!.record.sequenceNumber).toBeGreaterThan(first!.record.sequenceNumber);
  });

  test("a message that was processed MUST be discarded when it comes again (§5.2)", () => {
    const lab = new Lab(role).establish();
    const seq = lab.nextMessageSeq;
    lab.message(3, key_update, Uint8Array.of(0), seq);
    lab.message(4, key_update, Uint8Array.of(0), seq);
    lab.message(4, 99, hello, seq - 1);
    expect(lab.isClosed).toBe(false);
    lab.say(lab.record(4, ContentType.application_data, hello));
    expect(lab.data).toEqual([hello]);
  });

  test("fragments MUST NOT overlap, and each is in one datagram (§5.5)", () => {
    const lab = new Lab(role, { [role]: { mtuBytes: 100 } }).begin();
    lab.advance(3000);
    expect(lab.isConnected).toBe(true);
    const fragments = lab.fragments();
    const seqs = new Set(fragments.map(({ messageSeq }) => messageSeq));
    let cut = 0;
    for (const seq of seqs) {
      const parts = fragments.filter(({ messageSeq }) => messageSeq === seq);
      const numbers = parts.map(({ record }) => `${record.epoch}/${record.sequenceNumber}`);
      if (new Set(numbers).size > 1) cut++;
      // Sent once, as nothing was lost: the parts follow each other.
      let end = 0;
      for (const { offset, data, length } of parts) {
        if (offset === 0) end = 0;
        expect(offset).toBe(end);
        end += data.length;
        expect(end).toBeLessThanOrEqual(length);
      }
    }
    expect(cut).toBeGreaterThan(0);
  });

  test("fragments of the next message MUST be processed in any order, overlapping or not (§5.5)", () => {
    const lab = new Lab(role);
    lab.rewrite = (datagram) => (datagram[0] === 22 ? overlapping(datagram) : [datagram]);
    lab.begin();
    lab.advance(2000);
    expect(lab.isConnected).toBe(true);
  });

  test("a byte that changes in a retransmission ends the handshake with illegal_parameter (§5.5)", () => {
    const lab = new Lab(role).establish();
    const say = (byte: number) =>
      lab.say(
        lab.record(
          3,
          ContentType.handshake,
          fragment(99, lab.nextMessageSeq, Uint8Array.of(byte, 2, 3), 0, 2),
        ),
      );
    say(1);
    expect(lab.isClosed).toBe(false);
    say(9);
    expect(lab.alerts()).toEqual(["illegal_parameter"]);
  });

  test("a fragment with another length or type than the first ends the connection (§5.5)", () => {
    for (const [type, length] of [
      [98, 9],
      [99, 10],
    ] as const) {
      const lab = new Lab(role).establish();
      const seq = lab.nextMessageSeq;
      lab.say(lab.record(3, ContentType.handshake, fragment(99, seq, new Uint8Array(9), 0, 2)));
      lab.say(lab.record(3, ContentType.handshake, fragment(type, seq, new Uint8Array(length), 4, 2)));
      expect(lab.alerts()).toEqual(["illegal_parameter"]);
    }
  });

  test("no more than 10 records are sent in one transmission (§5.8.3)", () => {
    const psks = [
      { identity: new Uint8Array(3000).fill(1), key: new Uint8Array(32).fill(7), imported: false },
    ];
    const lab = new Lab("client", {
      client: { psks, mtuBytes: 200 },
      server: { choosePsk: () => ({ index: 0, psk: psks[0]! }) },
    });
    lab.begin();
    expect(lab.observe().length).toBe(10);
    lab.advance(5000);
    expect(lab.isConnected).toBe(true);
  });
});

/** A plaintext handshake record as three, of overlapping parts, the last part first. */
function overlapping(datagram: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer>[] {
  const end = 13 + ((datagram[11]! << 8) | datagram[12]!);
  const content = datagram.subarray(13, end);
  const body = content.subarray(12);
  const seq = (content[4]! << 8) | content[5]!;
  const third = Math.floor(body.length / 3);
  const number = datagram[10]! * 10;
  const parts = [
    [2 * third, body.length],
    [third - 1, 2 * third + 2],
    [0, third + 1],
  ].map(([from, to], i) =>
    plaintextRecord(ContentType.handshake, number + i, fragment(content[0]!, seq, body, from, to! - from!)),
  );
  return [...parts, datagram.slice(end)];
}

describe("flights", () => {
  test("a message ahead of its turn is queued, and processed in order (§5.2)", () => {
    const lab = new Lab("client").establish();
    const seq = lab.nextMessageSeq;
    const ticket = concat(new Uint8Array(8).fill(1), Uint8Array.of(0, 0, 1, 5, 0, 0));
    lab.message(3, key_update, Uint8Array.of(0), seq + 1);
    lab.message(3, new_session_ticket, ticket, seq);
    lab.say(lab.record(4, ContentType.application_data, hello));
    expect(lab.data).toEqual([hello]);
  });

  test("the client's last flight MUST be acknowledged, and again when it is repeated (§5.7 and §5.8.1)", () => {
    const lab = new Lab("server");
    const last: Uint8Array<ArrayBuffer>[] = [];
    lab.rewrite = (datagram) => {
      if (datagram[0]! >> 5 === 1 && (datagram[0]! & 3) === 2) last.push(datagram);
      return [datagram];
    };
    lab.begin();
    const acknowledged = lab.acknowledged().filter(({ epoch }) => epoch === 2);
    expect(acknowledged.length).toBe(1);
    lab.isHeard = false;
    // A repetition is a new record of the same message.
    const body = lab.open(last[0]!);
    // "for at least twice the default MSL", which is two minutes.
    for (const waitMs of [0, 60_000, 170_000]) {
      lab.advance(waitMs);
      const number = { epoch: 2, sequenceNumber: lab.nextSequenceNumber(2) };
      lab.say(lab.record(2, ContentType.handshake, body));
      lab.advance(500);
      expect(lab.acknowledged()).toContainEqual(number);
    }
  });

  test("messages after the handshake MUST be acknowledged (§5.7 and §7.1)", () => {
    for (const role of roles) {
      const lab = new Lab(role).establish();
      const number = lab.message(3, key_update, Uint8Array.of(0), lab.nextMessageSeq);
      lab.advance(1000);
      expect(lab.acknowledged()).toContainEqual(number);
    }
  });

  test("the receipt of the next flight implicitly acknowledges the one before (§5.8.1)", () => {
    const lab = new Lab("server").begin();
    lab.observe();
    lab.isHeard = false;
    lab.advance(60_000);
    expect(lab.observe()).toEqual([]);
    expect(lab.isClosed).toBe(false);
  });

  test("alerts are not retransmitted (§5.10)", () => {
    const lab = new Lab("client").establish();
    lab.subject.close();
    lab.advance(60_000);
    expect(lab.alerts()).toEqual(["close_notify"]);
  });

  test.each(roles)("data after a closure alert MUST be ignored by a %s (§5.10)", (role) => {
    const lab = new Lab(role).establish();
    const alert = lab.record(3, ContentType.alert, Uint8Array.of(1, 0));
    lab.say(alert, lab.record(3, ContentType.application_data, hello));
    lab.say(lab.record(3, ContentType.application_data, hello));
    expect(lab.isClosed).toBe(true);
    expect(lab.error).toBeUndefined();
    expect(lab.data).toEqual([]);
  });

  test("a ClientHello of epoch 0 MUST NOT destroy the association that exists (§5.11)", () => {
    const lab = new Lab("server");
    let first: Uint8Array<ArrayBuffer> | undefined;
    lab.rewrite = (datagram) => {
      first ??= datagram.slice();
      return [datagram];
    };
    lab.establish();
    lab.say(first!);
    lab.say(plaintextRecord(ContentType.handshake, 77, fragment(client_hello, 5, new Uint8Array(100))));
    lab.say(lab.record(3, ContentType.application_data, hello));
    expect(lab.data).toEqual([hello]);
    expect(lab.observe()).toEqual([]);
  });

  test.each(roles)(
    "a Finished that does not verify ends the handshake of a %s with decrypt_error",
    (role) => {
      const lab = new Lab(role);
      lab.rewrite = (datagram) => (datagram[0] === 22 ? [datagram.slice(0, plaintextLength(datagram))] : []);
      lab.begin();
      const seq = role === "client" ? 2 : 1;
      if (role === "client") lab.message(2, HandshakeType.encrypted_extensions, Uint8Array.of(0, 0), 1);
      lab.message(2, finished, new Uint8Array(32), seq);
      expect(lab.alerts()).toEqual(["decrypt_error"]);
    },
  );
});

function plaintextLength(datagram: Uint8Array): number {
  return 13 + ((datagram[11]! << 8) | datagram[12]!);
}
