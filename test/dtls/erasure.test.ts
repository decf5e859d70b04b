/** Secrets are erased when they are no longer needed (RFC 9846 §7.1), above all when a handshake fails or is given up. */
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Bytes } from "../../src/core/bytes.ts";
import type { TrafficKeys } from "../../src/core/index.ts";
import { generateSigner } from "../../src/crypto/signer.ts";
import { CertificateType, type PeerVerifier } from "../../src/dtls/config.ts";
import { KeySchedule } from "../../src/tls/key-schedule.ts";
import { core, createPair, sharedPsk } from "../sim/pair.ts";

/** Everything that key schedules gave out, by what it is. */
const given: { handshake: Bytes[]; application: Bytes[]; resumption: Bytes[]; schedules: KeySchedule[] } = {
  handshake: [],
  application: [],
  resumption: [],
  schedules: [],
};
const recordKeys: Uint8Array[] = [];

beforeEach(() => {
  for (const list of [...Object.values(given), recordKeys]) list.length = 0;
  const { handshake, application, resumption } = KeySchedule.prototype;
  vi.spyOn(KeySchedule.prototype, "handshake").mockImplementation(function (this: KeySchedule, ...args) {
    given.schedules.push(this);
    const secrets = handshake.apply(this, args);
    given.handshake.push(secrets.client, secrets.server);
    return secrets;
  });
  vi.spyOn(KeySchedule.prototype, "application").mockImplementation(function (this: KeySchedule, ...args) {
    const secrets = application.apply(this, args);
    given.application.push(secrets.client, secrets.server, secrets.exporter);
    return secrets;
  });
  vi.spyOn(KeySchedule.prototype, "resumption").mockImplementation(function (this: KeySchedule, ...args) {
    const secret = resumption.apply(this, args);
    given.resumption.push(secret);
    return secret;
  });
  for (const create of ["createSealer", "createOpener"] as const) {
    const original = core[create].bind(core) as (keys: TrafficKeys, options: never) => never;
    vi.spyOn(core, create).mockImplementation((keys: TrafficKeys, options: unknown) => {
      const made = original(keys, options as never);
      recordKeys.push(keys.key, keys.iv, keys.snKey);
      return made;
    });
  }
});
afterEach(() => {
  vi.restoreAllMocks();
});

const isErased = (secret: Uint8Array) => secret.every((byte) => byte === 0);
const left = (secrets: readonly Uint8Array[]) => secrets.filter((secret) => !isErased(secret)).length;

/** A schedule that was erased derives nothing any more. */
function areSchedulesErased(): boolean {
  return given.schedules.every((schedule) => {
    try {
      schedule.resumption(new Uint8Array(32));
    } catch (error) {
      return String(error).includes('"done"');
    }
    return false;
  });
}

test("a handshake leaves what the connections go on with, and they erase it in the end", async () => {
  const pair = createPair();
  expect(await pair.connect()).toBe(true);
  expect(given.handshake).toHaveLength(4);
  expect(left(given.handshake)).toBe(0);
  expect(left(recordKeys)).toBe(0);
  expect(areSchedulesErased()).toBe(true);
  expect(left(given.application)).toBe(6);
  // The client's only: a server has made its tickets.
  expect(left(given.resumption)).toBe(1);
  pair.client.connection.close();
  await pair.until(() => pair.server.isClosed);
  expect(left(given.application)).toBe(0);
  expect(left(given.resumption)).toBe(0);
});

test("a key update leaves no keys behind", async () => {
  const pair = createPair();
  expect(await pair.connect()).toBe(true);
  recordKeys.length = 0;
  pair.client.connection.updateKeys(true);
  await pair.until(() => pair.server.connection.writeEpoch === 4);
  expect(recordKeys.length).toBeGreaterThan(0);
  expect(left(recordKeys)).toBe(0);
});

test("a server that never hears the client's Finished erases everything", async () => {
  const pair = createPair();
  pair.network.filter = ({ from }) => from === "client" || given.application.length === 0;
  pair.client.connection.start();
  await pair.until(() => given.application.length > 0);
  pair.network.filter = () => false;
  expect(pair.server.connected).toBeUndefined();
  expect(left(given.application)).toBe(3);
  pair.server.connection.close();
  expect(left([...given.handshake, ...given.application])).toBe(0);
  expect(areSchedulesErased()).toBe(true);
});

test("a client that is closed while its verifier thinks erases everything, whatever that thinks later", async () => {
  const signer = await generateSigner("Ed25519");
  let decide: ((key: Bytes) => void) | undefined;
  const verifyServer: PeerVerifier = {
    certificateTypes: [CertificateType.RawPublicKey],
    verify: () =>
      new Promise<Bytes>((resolve) => {
        decide = resolve;
      }),
  };
  const pair = createPair({
    client: { psks: [], verifyServer },
    server: {
      credentials: [{ type: CertificateType.RawPublicKey, certificates: [signer.publicKey], signer }],
    },
  });
  pair.client.connection.start();
  void pair.until(() => false, 5_000);
  await vi.waitUntil(() => decide !== undefined);
  expect(left(given.handshake)).toBeGreaterThan(0);
  pair.client.connection.close();
  decide!(signer.publicKey);
  await pair.until(() => pair.server.isClosed, 5_000);
  expect(pair.server.isClosed).toBe(true);
  expect(left([...given.handshake, ...given.application])).toBe(0);
  expect(areSchedulesErased()).toBe(true);
});

test("both sides of a handshake that fails erase everything", async () => {
  const signer = await generateSigner("Ed25519");
  const refuse: PeerVerifier = {
    certificateTypes: [CertificateType.RawPublicKey],
    verify: () => {
      throw new Error("nobody is trusted");
    },
  };
  const pair = createPair({
    client: { psks: [], verifyServer: refuse },
    server: {
      credentials: [{ type: CertificateType.RawPublicKey, certificates: [signer.publicKey], signer }],
    },
  });
  expect(await pair.connect()).toBe(false);
  await pair.until(() => pair.server.isClosed && pair.client.isClosed);
  expect(given.handshake).toHaveLength(4);
  expect(left([...given.handshake, ...given.application, ...recordKeys])).toBe(0);
  expect(areSchedulesErased()).toBe(true);
});

test("a connection that is closed from within a step of its handshake goes no further", async () => {
  const pair = createPair({
    server: {
      choosePsk: () => {
        pair.server.connection.close();
        return { index: 0, psk: sharedPsk };
      },
    },
  });
  expect(await pair.connect(5_000)).toBe(false);
  expect(pair.server.connected).toBeUndefined();
  expect(pair.server.connection.state).toBe("closed");
  expect(left([...given.handshake, ...given.application])).toBe(0);
});
