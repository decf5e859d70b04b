import { describe, expect, test } from "vitest";
import type { HashName } from "../../src/crypto/provider.ts";
import { hkdfExpandLabel } from "../../src/tls/hkdf.ts";
import {
  exportKeyingMaterial,
  KeySchedule,
  nextTrafficSecret,
  ticketPsk,
  trafficKeys,
  verifyData,
} from "../../src/tls/key-schedule.ts";
import { CipherSuite, suiteParameters } from "../../src/tls/suites.ts";
import { crypto, fromHex, toHex } from "./provider.ts";
import dtls13 from "./vectors/dtls13-key-schedule.json" with { type: "json" };
import expandLabel from "./vectors/hkdf-expand-label.json" with { type: "json" };
import rfc8448 from "./vectors/rfc8448.json" with { type: "json" };

const tls = "tls13 ";

describe("HKDF-Expand-Label under the prefix of DTLS", () => {
  test.each(expandLabel.cases)("$hash, $label, $length bytes", (vector) => {
    const output = hkdfExpandLabel(
      crypto,
      vector.hash as HashName,
      "dtls13",
      fromHex(vector.secret),
      vector.label,
      fromHex(vector.context),
      vector.length,
    );
    expect(toHex(output)).toBe(vector.output);
  });

  test("refuses what HkdfLabel or HKDF-Expand cannot hold", () => {
    const expand = (label: string, context: number, length: number) => () =>
      hkdfExpandLabel(
        crypto,
        "SHA-256",
        "dtls13",
        new Uint8Array(32),
        label,
        new Uint8Array(context),
        length,
      );
    expect(expand("a".repeat(249), 255, 255 * 32)).not.toThrow();
    expect(expand("a".repeat(250), 0, 32)).toThrow(RangeError);
    expect(expand("a", 256, 32)).toThrow(RangeError);
    expect(expand("a", 0, 255 * 32 + 1)).toThrow(RangeError);
    expect(expand("a", 0, -1)).toThrow(RangeError);
    expect(expand("a", 0, 1.5)).toThrow(RangeError);
    expect(expand("ä", 0, 32)).toThrow(RangeError);
    expect(expand("a", 0, 0)()).toHaveLength(0);
  });
});

describe("the key schedule of TLS 1.3 (RFC 8448)", () => {
  const { simple, resumed, retry } = rfc8448;
  const suite = suiteParameters(CipherSuite.TLS_AES_128_GCM_SHA256);

  test("§3, simple 1-RTT handshake", () => {
    const schedule = new KeySchedule(crypto, "SHA-256", undefined, tls);
    const handshake = schedule.handshake(fromHex(simple.sharedSecret), fromHex(simple.helloHash));
    expect(toHex(handshake.client)).toBe(simple.clientHandshake);
    expect(toHex(handshake.server)).toBe(simple.serverHandshake);
    const application = schedule.application(fromHex(simple.serverFinishedHash));
    expect(toHex(application.client)).toBe(simple.clientApplication);
    expect(toHex(application.server)).toBe(simple.serverApplication);
    expect(toHex(application.exporter)).toBe(simple.exporter);
    const resumption = schedule.resumption(fromHex(simple.clientFinishedHash));
    expect(toHex(resumption)).toBe(simple.resumption);
    expect(toHex(ticketPsk(crypto, "SHA-256", resumption, fromHex(simple.ticketNonce), tls))).toBe(
      simple.ticketPsk,
    );
    const server = trafficKeys(crypto, suite, handshake.server, tls);
    expect(toHex(server.key)).toBe(simple.serverHandshakeKey);
    expect(toHex(server.iv)).toBe(simple.serverHandshakeIv);
    const client = trafficKeys(crypto, suite, application.client, tls);
    expect(toHex(client.key)).toBe(simple.clientApplicationKey);
    expect(toHex(client.iv)).toBe(simple.clientApplicationIv);
    const finished = verifyData(crypto, "SHA-256", handshake.client, fromHex(simple.serverFinishedHash), tls);
    expect(toHex(finished)).toBe(simple.clientFinished.slice(8));
  });

  test("§4, resumption and its binder", () => {
    const schedule = new KeySchedule(crypto, "SHA-256", fromHex(simple.ticketPsk), tls);
    expect(toHex(schedule.binder("resumption", fromHex(resumed.binderHash)))).toBe(resumed.binder);
    for (const origin of ["external", "imported"] as const) {
      expect(toHex(schedule.binder(origin, fromHex(resumed.binderHash)))).not.toBe(resumed.binder);
    }
    const handshake = schedule.handshake(fromHex(resumed.sharedSecret), fromHex(resumed.helloHash));
    expect(toHex(handshake.client)).toBe(resumed.clientHandshake);
    expect(toHex(handshake.server)).toBe(resumed.serverHandshake);
  });

  test("§5, after HelloRetryRequest", () => {
    const schedule = new KeySchedule(crypto, "SHA-256", undefined, tls);
    const handshake = schedule.handshake(fromHex(retry.sharedSecret), fromHex(retry.helloHash));
    expect(toHex(handshake.client)).toBe(retry.clientHandshake);
    expect(toHex(handshake.server)).toBe(retry.serverHandshake);
  });
});

describe("the key schedule of DTLS 1.3 (vectors of pion/dtls)", () => {
  test.each(dtls13.keySchedules)("$hash", (vector) => {
    const hash = vector.hash as HashName;
    const schedule = new KeySchedule(crypto, hash);
    const handshake = schedule.handshake(
      fromHex(vector.keyAgreementSecret),
      fromHex(vector.handshakeTranscriptHash),
    );
    expect(toHex(handshake.client)).toBe(vector.clientHandshakeSecret);
    expect(toHex(handshake.server)).toBe(vector.serverHandshakeSecret);
    const finished = (secret: Uint8Array, transcriptHash: string) =>
      toHex(verifyData(crypto, hash, secret, fromHex(transcriptHash)));
    expect(finished(handshake.server, vector.serverFinishedHash)).toBe(vector.serverFinished);
    expect(finished(handshake.client, vector.clientFinishedHash)).toBe(vector.clientFinished);
    const application = schedule.application(fromHex(vector.applicationHash));
    expect(toHex(application.client)).toBe(vector.clientApplication);
    expect(toHex(application.server)).toBe(vector.serverApplication);
    expect(toHex(application.exporter)).toBe(vector.exporterMasterSecret);
    expect(toHex(nextTrafficSecret(crypto, hash, application.client))).toBe(vector.nextClientApplication);
    expect(toHex(nextTrafficSecret(crypto, hash, application.server))).toBe(vector.nextServerApplication);
    expect(toHex(schedule.resumption(fromHex(vector.resumptionHash)))).toBe(vector.resumptionMaster);
  });

  test.each(dtls13.trafficKeys)("record keys of $suite", (vector) => {
    const suite = suiteParameters(CipherSuite[vector.suite as keyof typeof CipherSuite]);
    const client = trafficKeys(crypto, suite, fromHex(vector.clientSecret));
    expect(toHex(client.key)).toBe(vector.clientKey);
    expect(toHex(client.iv)).toBe(vector.clientIv);
    expect(toHex(client.recordNumberKey)).toBe(vector.clientRecordNumberKey);
    const server = trafficKeys(crypto, suite, fromHex(vector.serverSecret));
    expect(toHex(server.key)).toBe(vector.serverKey);
    expect(toHex(server.iv)).toBe(vector.serverIv);
    expect(toHex(server.recordNumberKey)).toBe(vector.serverRecordNumberKey);
  });
});

describe("the key schedule", () => {
  test("keys of an integrity-only suite are as long as its hash, and record numbers have none (RFC 9150 §6, §9)", () => {
    const secret = new Uint8Array(32).fill(7);
    const keys = trafficKeys(crypto, suiteParameters(CipherSuite.TLS_SHA256_SHA256), secret);
    expect(toHex(keys.key)).toBe(toHex(hkdfExpandLabel(crypto, "SHA-256", "dtls13", secret, "key")));
    expect(toHex(keys.iv)).toBe(toHex(hkdfExpandLabel(crypto, "SHA-256", "dtls13", secret, "iv")));
    expect(keys.recordNumberKey).toHaveLength(0);
  });

  test("goes through its steps once, and in order", () => {
    const hash = new Uint8Array(32);
    const schedule = new KeySchedule(crypto, "SHA-256");
    expect(() => schedule.application(hash)).toThrow("early");
    expect(() => schedule.resumption(hash)).toThrow("early");
    schedule.handshake(hash, hash);
    expect(() => schedule.handshake(hash, hash)).toThrow("handshake");
    expect(() => schedule.binder("external", hash)).toThrow("handshake");
    schedule.application(hash);
    schedule.resumption(hash);
    expect(() => schedule.resumption(hash)).toThrow("done");
  });

  test("erases each secret that it has used", () => {
    const seen: Uint8Array[] = [];
    const spied = {
      ...crypto,
      hmac: (name: HashName, key: Uint8Array, ...parts: Uint8Array[]) => {
        const output = crypto.hmac(name, key, ...parts);
        seen.push(output);
        return output;
      },
    };
    const hash = new Uint8Array(32);
    const schedule = new KeySchedule(spied, "SHA-256", new Uint8Array(32).fill(1));
    const binder = schedule.binder("imported", hash);
    const handshake = schedule.handshake(hash, hash);
    const application = schedule.application(hash);
    const resumption = schedule.resumption(hash);
    const handedOut = new Set<Uint8Array>([
      binder,
      handshake.client,
      handshake.server,
      application.client,
      application.server,
      application.exporter,
      resumption,
    ]);
    for (const output of seen) expect(output.some((byte) => byte !== 0)).toBe(handedOut.has(output));
    expect(seen.length).toBeGreaterThan(handedOut.size);
  });

  test("exports what HKDF of the two labels gives (RFC 9846 §7.5)", () => {
    const secret = new Uint8Array(32).fill(9);
    const context = fromHex("0102");
    const derived = hkdfExpandLabel(
      crypto,
      "SHA-256",
      "dtls13",
      secret,
      "EXPORTER-test",
      fromHex("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    );
    const contextHash = crypto.createHash("SHA-256").update(context).digest();
    const expected = hkdfExpandLabel(crypto, "SHA-256", "dtls13", derived, "exporter", contextHash, 80);
    const exported = exportKeyingMaterial(crypto, "SHA-256", secret, "EXPORTER-test", context, 80);
    expect(toHex(exported)).toBe(toHex(expected));
    // "providing no context computes the same value as providing an empty context", but one is not the other's prefix
    const shorter = exportKeyingMaterial(crypto, "SHA-256", secret, "EXPORTER-test", context, 40);
    expect(toHex(exported).startsWith(toHex(shorter))).toBe(false);
  });
});
