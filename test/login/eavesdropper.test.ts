/**
 * What a recording of a login is worth to somebody who has a list of passwords (RFC 9383 §6). The logins here are without
 * (EC)DHE: whatever is kept from the eavesdropper, SPAKE2+ alone keeps.
 */
import { p256 } from "@noble/curves/nist.js";
import { describe, expect, test } from "vitest";
import type { Bytes } from "../../src/core/bytes.ts";
import { Protection, RecordKind } from "../../src/core/index.ts";
import { equalBytes } from "../../src/crypto/bytes.ts";
import type { CryptoProvider } from "../../src/crypto/provider.ts";
import {
  createProverSecret,
  createVerifierRecord,
  deriveKeys,
  encodeTranscript,
  type ProverSecret,
} from "../../src/crypto/spake2plus.ts";
import { clientPake, respondWith } from "../../src/login/spake2plus.ts";
import { ExtensionType, NamedGroup } from "../../src/tls/codepoints.ts";
import { KeySchedule, trafficKeys } from "../../src/tls/key-schedule.ts";
import { CipherSuite, suiteParameters } from "../../src/tls/suites.ts";
import { core, createPair, crypto } from "../sim/pair.ts";
import { Random } from "../sim/random.ts";

const { Point } = p256;
type P256Point = InstanceType<typeof Point>;

const text = (value: string): Bytes => new TextEncoder().encode(value);
const names = { identity: text("alice"), serverIdentity: text("server"), context: text("test") };
const secretOf = (byte: number) =>
  createProverSecret(new Uint8Array(32).fill(byte), new Uint8Array(32).fill(byte + 1));
const [right, wrong] = [secretOf(1), secretOf(3)];

/** The secrets of both ends are known here, and here only: so that a test can tell that it looks at the right place. */
const x = 987_654_321n;
const y = 123_456_789n;

/** A provider whose randomness repeats, and whose P-256 shares have this secret. */
function leaky(secret: bigint): CryptoProvider {
  const random = new Random(Number(secret));
  const bytes = Point.Fn.toBytes(secret) as Bytes;
  return {
    ...crypto,
    random: (length) => random.bytes(length),
    generateKeyShare: (group) =>
      group === NamedGroup.secp256r1
        ? crypto.importP256Share(bytes, Point.BASE.multiply(secret).toBytes(false))
        : crypto.generateKeyShare(group),
  };
}

interface Recording {
  readonly datagrams: readonly { readonly from: string; readonly bytes: Bytes }[];
  readonly clientHello: Bytes;
  readonly serverHello: Bytes;
  readonly shareP: Bytes;
  readonly shareV: Bytes;
  readonly confirmV: Bytes;
}

async function record(password: ProverSecret): Promise<Recording> {
  const [client, server] = [leaky(x), leaky(y)];
  const withoutGroups = { groups: [], keyShareGroups: [], psks: [] };
  const pake = {
    begin: (attempt: Pick<typeof names, "identity" | "serverIdentity">) => ({
      respond: respondWith(server, createVerifierRecord(password.w0, password.L), attempt, names.context),
    }),
  };
  const pair = createPair({
    client: { ...withoutGroups, crypto: client, pake: clientPake(client, names, password) },
    server: { crypto: server, pake, choosePsk: () => undefined },
  });
  expect(await pair.connect()).toBe(true);
  pair.client.connection.send(text("hello"));
  await pair.until(() => pair.server.received.length === 1);
  const datagrams = pair.network.sent.map(({ from, bytes }) => ({ from, bytes: bytes.slice() }));
  const hello = (sender: string) => datagrams.find(({ from }) => from === sender)!.bytes;
  const clientHello = messageOf(hello("client"));
  const serverHello = messageOf(hello("server"));
  // Behind the identities "alice" and "server" with their lengths, the list's length, the scheme and the length.
  const clientShare = pakeOf(clientHello).subarray(2 + 5 + 2 + 6 + 2 + 2 + 2);
  const serverShare = pakeOf(serverHello).subarray(2 + 2);
  return {
    datagrams,
    clientHello,
    serverHello,
    shareP: clientShare.slice(0, 65),
    shareV: serverShare.slice(0, 65),
    confirmV: serverShare.slice(65, 65 + 32),
  };
}

/** The handshake message in the first record of a datagram, as the transcript has it (RFC 9147 §5.2). */
function messageOf(datagram: Bytes): Bytes {
  const end = 13 + ((datagram[11]! << 8) | datagram[12]!);
  return Uint8Array.from([...datagram.subarray(13, 17), ...datagram.subarray(13 + 12, end)]);
}

/** The data of the `pake` extension. */
function pakeOf(message: Bytes): Bytes {
  const at = Buffer.from(message).indexOf(Buffer.from([ExtensionType.pake >> 8, ExtensionType.pake & 0xff]));
  expect(at).toBeGreaterThan(0);
  return message.subarray(at + 4);
}

/** What follows from the recording and a password, without any secret of either end. */
function explain({ shareP, shareV }: Recording, guess: ProverSecret) {
  const X = Point.fromBytes(shareP).subtract(Point.fromBytes(guess.w0M));
  const Y = Point.fromBytes(shareV).subtract(Point.fromBytes(guess.w0N));
  return { X, Y, V: Y.multiply(Point.Fn.fromBytes(guess.w1)) };
}

/** Whether a guess of the password, and of Z, explains all that depends on both: the confirmation, and the records. */
async function verifies(recording: Recording, guess: ProverSecret, Z: P256Point) {
  const { clientHello, serverHello, shareP, shareV, confirmV, datagrams } = recording;
  const { V } = explain(recording, guess);
  const parties = { context: names.context, idProver: names.identity, idVerifier: names.serverIdentity };
  const transcript = encodeTranscript(parties, shareP, shareV, Z.toBytes(false), V.toBytes(false), guess.w0);
  const keys = deriveKeys(crypto, transcript, shareP, shareV);
  const suite = suiteParameters(CipherSuite.TLS_CHACHA20_POLY1305_SHA256);
  const hellos = crypto.createHash("SHA-256").update(clientHello).update(serverHello).digest();
  const { server } = new KeySchedule(crypto, "SHA-256").handshake(keys.sharedKey, hellos);
  const { key, iv, recordNumberKey } = trafficKeys(crypto, suite, server);
  const protection = Protection.chacha20_poly1305;
  const opener = core.createOpener({ protection, key, iv, snKey: recordNumberKey }, { epoch: 2 });
  let opened = 0;
  for (const { from, bytes } of datagrams) {
    if (from !== "server") continue;
    core.reader.begin(bytes, 0);
    while (core.reader.next()) {
      if (core.reader.kind !== RecordKind.ciphertext || core.reader.epochBits !== 2) continue;
      if ((await opener.open()).drop === 0) opened++;
    }
  }
  return { confirms: equalBytes(keys.confirmV, confirmV), opens: opened > 0 };
}

const nothing = { confirms: false, opens: false };

describe("a recording", () => {
  test("verifies the right password, and no other, for who has the secret of one end", async () => {
    const recording = await record(right);
    const all = { confirms: true, opens: true };
    const { X, Y } = explain(recording, right);
    expect(await verifies(recording, right, X.multiply(y))).toEqual(all);
    expect(await verifies(recording, right, Y.multiply(x))).toEqual(all);
    const other = explain(recording, wrong);
    expect(await verifies(recording, wrong, other.X.multiply(y))).toEqual(nothing);
    expect(await verifies(recording, wrong, other.Y.multiply(x))).toEqual(nothing);
  });

  test("verifies nothing for who has not, not even the right password", async () => {
    const recording = await record(right);
    const { X, Y, V } = explain(recording, right);
    const [w0, w1] = [Point.Fn.fromBytes(right.w0), Point.Fn.fromBytes(right.w1)];
    // Z = xy·P is the Diffie-Hellman secret of X and Y. What can be reached from them by known factors is not.
    const known = [X, Y, V, Point.BASE, Point.fromBytes(right.L), Point.fromBytes(right.w0M)];
    const factors = [1n, w0, w1, Point.Fn.mul(w0, w1), Point.Fn.inv(w0), Point.Fn.inv(w1)];
    const multiples = known.flatMap((point) => factors.map((factor) => point.multiply(factor)));
    const sums = known.flatMap((point, i) => known.slice(i + 1).map((other) => point.add(other)));
    for (const Z of [...multiples, ...sums]) expect(await verifies(recording, right, Z)).toEqual(nothing);
  });

  test("tells nothing of the password in the clear: each explains the shares, and all else is the same", async () => {
    const [one, other] = await Promise.all([record(right), record(wrong)]);
    expect(one.shareP).not.toEqual(other.shareP);
    expect(one.shareV).not.toEqual(other.shareV);
    // With the same randomness: every password has the one X and Y that make these shares of it.
    for (const [recording, guess] of [
      [one, right],
      [other, wrong],
    ] as const) {
      const { X, Y } = explain(recording, guess);
      expect(X.equals(Point.BASE.multiply(x))).toBe(true);
      expect(Y.equals(Point.BASE.multiply(y))).toBe(true);
    }
    const blank = (recording: Recording, message: Bytes) => {
      let hex = Buffer.from(message).toString("hex");
      for (const part of [recording.shareP, recording.shareV, recording.confirmV]) {
        hex = hex.replace(Buffer.from(part).toString("hex"), "-".repeat(2 * part.length));
      }
      return hex;
    };
    expect(blank(one, one.clientHello)).toBe(blank(other, other.clientHello));
    expect(blank(one, one.serverHello)).toBe(blank(other, other.serverHello));
    expect(blank(one, one.serverHello)).toContain("-".repeat(2 * 97));
    const sizes = ({ datagrams }: Recording) => datagrams.map(({ from, bytes }) => [from, bytes.length]);
    expect(sizes(one)).toEqual(sizes(other));
  });
});
