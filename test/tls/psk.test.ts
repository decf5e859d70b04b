import { describe, expect, test } from "vitest";
import type { HashName } from "../../src/crypto/provider.ts";
import { decodeClientHello, encodeClientHello } from "../../src/tls/hello.ts";
import { KeySchedule } from "../../src/tls/key-schedule.ts";
import { keyLogLine } from "../../src/tls/keylog.ts";
import {
  checkBinder,
  encodeImportedIdentity,
  importPsk,
  parseImportedIdentity,
  truncateClientHello,
  writeBinders,
} from "../../src/tls/psk.ts";
import { Transcript } from "../../src/tls/transcript.ts";
import { crypto, fromHex, toHex } from "./provider.ts";
import imported from "./vectors/imported-psk.json" with { type: "json" };
import rfc8448 from "./vectors/rfc8448.json" with { type: "json" };

describe("imported PSKs (RFC 9258)", () => {
  test.each(imported.cases)("$hash for $target, context $context", (vector) => {
    const psk = importPsk(
      crypto,
      {
        identity: fromHex(vector.identity),
        key: fromHex(vector.key),
        hash: vector.hash as HashName,
        context: fromHex(vector.context),
      },
      vector.target as HashName,
    );
    expect(toHex(psk.identity)).toBe(vector.importedIdentity);
    expect(toHex(psk.key)).toBe(vector.importedKey);
    expect(psk.hash).toBe(vector.target);
    expect(parseImportedIdentity(psk.identity)).toEqual({
      externalIdentity: fromHex(vector.identity),
      context: fromHex(vector.context),
      targetProtocol: 0xfefc,
      targetKdf: vector.target === "SHA-256" ? 1 : 2,
    });
  });

  test("the hash is SHA-256 and the context empty unless they are given", () => {
    const { identity, key, importedKey } = imported.cases[0]!;
    const psk = importPsk(crypto, { identity: fromHex(identity), key: fromHex(key) }, "SHA-256");
    expect(toHex(psk.key)).toBe(importedKey);
  });

  test("an identity that is empty, or too long for the PSK extension, and an empty key are refused", () => {
    const import_ =
      (identity: number, context: number, key = 32) =>
      () =>
        importPsk(
          crypto,
          {
            identity: new Uint8Array(identity),
            key: new Uint8Array(key),
            context: new Uint8Array(context),
          },
          "SHA-256",
        );
    expect(import_(0, 0)).toThrow(RangeError);
    expect(import_(1, 0, 0)).toThrow(RangeError);
    expect(import_(0xffff - 9, 1)).not.toThrow();
    expect(import_(0xffff - 9, 2)).toThrow(RangeError);
  });

  test("what is no ImportedIdentity is not taken for one", () => {
    const identity = encodeImportedIdentity(Uint8Array.of(1, 2), Uint8Array.of(3), "SHA-256");
    for (let length = 0; length < identity.length; length++) {
      expect(parseImportedIdentity(identity.slice(0, length))).toBeUndefined();
    }
    expect(parseImportedIdentity(Uint8Array.from([...identity, 0]))).toBeUndefined();
    expect(parseImportedIdentity(fromHex("00000000fefc0001"))).toBeUndefined();
  });
});

describe("binders", () => {
  test("of RFC 8448 §4 are where the message is truncated", () => {
    const { clientHello, binder, binderHash } = rfc8448.resumed;
    const message = fromHex(clientHello);
    const truncated = truncateClientHello(message, [fromHex(binder)]);
    expect(toHex(crypto.createHash("SHA-256").update(truncated).digest())).toBe(binderHash);
    const blank = message.slice();
    blank.fill(0, blank.length - 32);
    writeBinders(blank, [fromHex(binder)]);
    expect(toHex(blank)).toBe(clientHello);
  });

  test("a client writes them, a server finds them and checks the one it selects", () => {
    const psks = [
      { key: new Uint8Array(32).fill(1), hash: "SHA-256", origin: "imported" },
      { key: new Uint8Array(48).fill(2), hash: "SHA-384", origin: "resumption" },
      { key: new Uint8Array(20).fill(3), hash: "SHA-256", origin: "external" },
    ] as const;
    const placeholders = psks.map(({ hash }) => new Uint8Array(hash === "SHA-256" ? 32 : 48));
    const message = encodeClientHello({
      random: new Uint8Array(32),
      cipherSuites: [0x1303, 0x1302],
      extensions: {
        pskKeyExchangeModes: [1],
        preSharedKey: {
          identities: psks.map((_, i) => ({ identity: Uint8Array.of(i), obfuscatedTicketAge: 0 })),
          binders: placeholders,
        },
      },
    });
    const truncated = truncateClientHello(message, placeholders);
    const transcript = new Transcript(crypto);
    writeBinders(
      message,
      psks.map(({ key, hash, origin }) =>
        new KeySchedule(crypto, hash, key).binder(origin, transcript.binderDigest(hash, truncated)),
      ),
    );

    const received = decodeClientHello(message.slice());
    const { binders } = received.extensions.preSharedKey!;
    const seen = truncateClientHello(message.slice(), binders);
    for (const [i, { key, hash, origin }] of psks.entries()) {
      const digest = new Transcript(crypto).binderDigest(hash, seen);
      const check =
        (binder: Uint8Array, underKey: Uint8Array = key) =>
        () =>
          checkBinder(new KeySchedule(crypto, hash, underKey), origin, digest, binder);
      expect(check(binders[i]!)).not.toThrow();
      const mismatch = expect.objectContaining({ alert: "decrypt_error", code: "binder_mismatch" });
      expect(check(binders[i]!, new Uint8Array(32))).toThrow(mismatch);
      expect(check(binders[i]!.subarray(1))).toThrow(mismatch);
      expect(check(binders[(i + 1) % 3]!)).toThrow(mismatch);
    }
  });

  test("of other lengths than the message was encoded with are refused", () => {
    const message = fromHex(rfc8448.resumed.clientHello);
    expect(() => writeBinders(message, [new Uint8Array(31)])).toThrow(RangeError);
    expect(() => writeBinders(message, [new Uint8Array(48)])).toThrow(RangeError);
    expect(toHex(message)).toBe(rfc8448.resumed.clientHello);
    const two = encodeClientHello({
      random: new Uint8Array(32),
      cipherSuites: [0x1303],
      extensions: {
        preSharedKey: {
          identities: [1, 2].map((id) => ({ identity: Uint8Array.of(id), obfuscatedTicketAge: 0 })),
          binders: [new Uint8Array(32), new Uint8Array(48)],
        },
      },
    });
    const before = toHex(two);
    expect(() => writeBinders(two, [new Uint8Array(48).fill(1), new Uint8Array(32).fill(1)])).toThrow(
      RangeError,
    );
    expect(toHex(two)).toBe(before);
  });
});

test("a key log line is label, client random and secret", () => {
  expect(keyLogLine("CLIENT_TRAFFIC_SECRET_0", Uint8Array.of(1, 0xab), Uint8Array.of(0xff, 0))).toBe(
    "CLIENT_TRAFFIC_SECRET_0 01ab ff00",
  );
});
