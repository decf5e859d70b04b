import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Bytes } from "../../src/core/bytes.ts";
import { SealgramError } from "../../src/errors.ts";
import { decodeAck, encodeAck } from "../../src/tls/ack.ts";
import { ExtensionType } from "../../src/tls/codepoints.ts";
import {
  decodeClientHello,
  decodeServerHello,
  encodeClientHello,
  encodeHelloRetryRequest,
  encodeServerHello,
  offeredExtensions,
} from "../../src/tls/hello.ts";
import {
  decodeCertificate,
  decodeCertificateRequest,
  decodeCertificateVerify,
  decodeEncryptedExtensions,
  decodeFinished,
  encodeCertificate,
  encodeCertificateRequest,
  encodeCertificateVerify,
  encodeEncryptedExtensions,
  encodeFinished,
} from "../../src/tls/messages.ts";
import {
  decodeKeyUpdate,
  decodeNewConnectionId,
  decodeNewSessionTicket,
  decodeRequestConnectionId,
  encodeKeyUpdate,
  encodeNewConnectionId,
  encodeNewSessionTicket,
  encodeRequestConnectionId,
} from "../../src/tls/post-handshake.ts";
import * as any from "./arbitraries.ts";

const offered = new Set<number>(Object.values(ExtensionType));

interface Codec<T> {
  readonly name: string;
  readonly values: fc.Arbitrary<T>;
  encode(value: T): Bytes;
  decode(message: Bytes): unknown;
  /** What decoding gives back of what was encoded. */
  expected(value: T): unknown;
}

const same = (value: unknown): unknown => value;
const codec = <T>(
  name: string,
  values: fc.Arbitrary<T>,
  encode: (value: T) => Bytes,
  decode: (message: Bytes) => unknown,
  expected: (value: T) => unknown = same,
): Codec<unknown> => ({ name, values, encode, decode, expected }) as Codec<unknown>;

const nothing = new Uint8Array(0);
const answer = { legacySessionIdEcho: nothing, legacyCompressionMethod: 0 };

const codecs: readonly Codec<unknown>[] = [
  codec("ClientHello", any.clientHello, encodeClientHello, decodeClientHello, (hello) => ({
    ...hello,
    legacyVersion: 0xfefd,
    legacySessionId: nothing,
    legacyCookie: nothing,
    legacyCompressionMethods: new Uint8Array(1),
  })),
  codec(
    "ServerHello",
    any.serverHello,
    encodeServerHello,
    (message) => decodeServerHello(message, offered),
    (hello) => ({ kind: "server_hello", ...answer, ...hello }),
  ),
  codec(
    "HelloRetryRequest",
    any.helloRetryRequest,
    encodeHelloRetryRequest,
    (message) => decodeServerHello(message, offered),
    (hello) => ({ kind: "hello_retry_request", ...answer, ...hello }),
  ),
  codec("EncryptedExtensions", any.encryptedExtensions, encodeEncryptedExtensions, (message) =>
    decodeEncryptedExtensions(message, offered),
  ),
  codec("CertificateRequest", any.certificateRequest, encodeCertificateRequest, decodeCertificateRequest),
  codec("Certificate", any.certificate, encodeCertificate, (message) => decodeCertificate(message, offered)),
  codec("CertificateVerify", any.certificateVerify, encodeCertificateVerify, decodeCertificateVerify),
  codec("Finished", any.opaque(32, 48), encodeFinished, decodeFinished),
  codec("NewSessionTicket", any.newSessionTicket, encodeNewSessionTicket, decodeNewSessionTicket),
  codec("KeyUpdate", any.keyUpdate, encodeKeyUpdate, decodeKeyUpdate),
  codec("NewConnectionId", any.newConnectionId, encodeNewConnectionId, decodeNewConnectionId),
  codec("RequestConnectionId", any.requestConnectionId, encodeRequestConnectionId, decodeRequestConnectionId),
  codec("ACK", any.recordNumbers, encodeAck, decodeAck),
];

/** Whether decoding gives a value; any error but a `SealgramError` with an alert fails the test. */
function accepts(decode: (message: Bytes) => unknown, message: Bytes): boolean {
  try {
    decode(message);
    return true;
  } catch (error) {
    expect(error).toBeInstanceOf(SealgramError);
    expect((error as SealgramError).alert).toBeDefined();
    return false;
  }
}

/** Makes the length in a message's header that of its body again. */
function fixHeader(message: Bytes): Bytes {
  const length = message.length - 4;
  message.set([length >> 16, (length >> 8) & 0xff, length & 0xff], 1);
  return message;
}

describe.each(codecs)("$name", ({ name, values, encode, decode, expected }) => {
  test("decodes to what was encoded", () => {
    fc.assert(
      fc.property(values, (value) => {
        expect(decode(encode(value))).toEqual(expected(value));
      }),
      { numRuns: 150 },
    );
  });

  test("of no truncation, and of no insertion, is there anything to decode", () => {
    fc.assert(
      fc.property(values, fc.nat(255), (value, byte) => {
        const message = encode(value);
        for (let at = 0; at < message.length; at++) {
          expect(accepts(decode, message.slice(0, at))).toBe(false);
        }
        for (let at = 0; at <= message.length; at++) {
          const longer = new Uint8Array(message.length + 1);
          longer.set(message.subarray(0, at));
          longer[at] = byte;
          longer.set(message.subarray(at), at + 1);
          expect(accepts(decode, longer)).toBe(false);
        }
      }),
      { numRuns: 8 },
    );
  });

  test("whatever is done to a body, decoding ends with a value or an alert", () => {
    fc.assert(
      fc.property(values, fc.nat(), fc.nat(255), fc.constantFrom(-1, 0, 1), (value, place, byte, change) => {
        const message = encode(value);
        const start = name === "ACK" ? 0 : 4;
        const at = start + (place % Math.max(1, message.length - start));
        const end = at + (change === 1 ? 0 : 1);
        const insertion = change === -1 ? [] : [byte];
        const changed = Uint8Array.from([...message.subarray(0, at), ...insertion, ...message.subarray(end)]);
        accepts(decode, start === 0 ? changed : fixHeader(changed));
      }),
      { numRuns: 600 },
    );
  });

  test("random bytes end with a value or an alert", () => {
    fc.assert(
      fc.property(values, any.opaque(0, 120), (value, body) => {
        const message = new Uint8Array(4 + body.length);
        message.set(encode(value).subarray(0, 1));
        message.set(body, 4);
        accepts(decode, name === "ACK" ? body : fixHeader(message));
      }),
      { numRuns: 300 },
    );
  });

  test("of another type is unexpected_message", () => {
    if (name === "ACK") return;
    fc.assert(
      fc.property(values, (value) => {
        const message = encode(value);
        message[0] = 0xff;
        expect(() => decode(message)).toThrow(expect.objectContaining({ alert: "unexpected_message" }));
      }),
      { numRuns: 5 },
    );
  });
});

test("the extensions of a ClientHello are what its answers may hold", () => {
  fc.assert(
    fc.property(any.clientHello, (hello) => {
      const types = offeredExtensions(hello);
      expect(types).toEqual(offeredExtensions(decodeClientHello(encodeClientHello(hello))));
      expect(types.size).toBe(
        Object.keys(hello.extensions).length - 1 + (hello.extensions.unknown?.length ?? 1),
      );
    }),
  );
});
