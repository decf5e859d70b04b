/** Which credential is shown, and what happens when none fits (RFC 9846 §4.5.1, RFC 7250 §4). */
import { expect, test } from "vitest";
import type { Bytes } from "../../src/core/bytes.ts";
import { generateSigner } from "../../src/crypto/signer.ts";
import {
  CertificateType,
  type Credential,
  type PeerVerifier,
  type TicketProtector,
} from "../../src/dtls/config.ts";
import { SealgramError } from "../../src/errors.ts";
import { createPair } from "../sim/pair.ts";

const [first, second] = [await generateSigner("Ed25519"), await generateSigner("P-256")];

const rawKey = (signer: typeof first, issuers?: readonly Bytes[]): Credential => ({
  type: CertificateType.RawPublicKey,
  certificates: [signer.publicKey],
  signer,
  ...(issuers === undefined ? {} : { issuers }),
});

/** Trusts every raw public key, or as `isTrusted` says. */
const anyKey = (isTrusted: () => boolean = () => true): PeerVerifier => ({
  certificateTypes: [CertificateType.RawPublicKey],
  verifiesResumption: true,
  verify([key]) {
    if (isTrusted()) return key!;
    throw new SealgramError("no_trust", "not trusted", { alert: "bad_certificate" });
  },
});

/** Tickets in the clear, for tests only. */
const openTickets: TicketProtector = {
  now: () => 0,
  lifetimeSeconds: 7200,
  totalLifetimeSeconds: 7200,
  count: 1,
  seal: (state) => state.slice(),
  open: (ticket) => ticket.slice(),
};

test("a client with a raw public key connects to a server that does not ask for it, by PSK and by key", async () => {
  const byPsk = createPair({ client: { credentials: [rawKey(first)] } });
  expect(await byPsk.connect()).toBe(true);
  const byKey = createPair({
    client: { psks: [], credentials: [rawKey(first)], verifyServer: anyKey() },
    server: { credentials: [rawKey(second)] },
  });
  expect(await byKey.connect()).toBe(true);
  expect(byKey.server.connected?.peer).toBeUndefined();
});

test("a credential that names its issuers is not for peers that name no authority", async () => {
  const pair = createPair({
    client: { psks: [], verifyServer: anyKey() },
    server: { credentials: [rawKey(first, [Uint8Array.of(0x30, 0)]), rawKey(second)] },
  });
  expect(await pair.connect()).toBe(true);
  expect(pair.client.connected?.peer).toEqual({ kind: "raw_public_key", publicKey: second.publicKey });
});

test("a server without a fitting credential says why", async () => {
  const pair = createPair({
    client: { psks: [], verifyServer: anyKey() },
    server: { credentials: [rawKey(first, [Uint8Array.of(0x30, 0)])] },
  });
  expect(await pair.connect()).toBe(false);
  expect(pair.server.error?.code).toBe("no_matching_issuer");
  await pair.until(() => pair.client.isClosed);
  expect(pair.client.error?.code).toBe("alert_handshake_failure");
});

test.each([false, true])(
  "a client without a fitting credential goes on, or ends if it must (%s)",
  async (must) => {
    const pair = createPair({
      client: {
        psks: [],
        verifyServer: anyKey(),
        credentials: [rawKey(first, [Uint8Array.of(0x30, 0)])],
        requireOwnCredential: must,
      },
      server: { credentials: [rawKey(second)], verifyClient: anyKey() },
    });
    expect(await pair.connect()).toBe(!must);
    expect(pair.client.error?.code).toBe(must ? "no_matching_issuer" : undefined);
  },
);

test.each([
  [false, undefined],
  [true, "no_shared_certificate_type"],
])(
  "a client with keys of other types only is not asked, unless it has to show one (%s)",
  async (must, code) => {
    const pair = createPair({
      client: { psks: [], verifyServer: anyKey() },
      server: { credentials: [rawKey(second)], verifyClient: anyKey(), requireClientCertificate: must },
    });
    expect(await pair.connect()).toBe(!must);
    expect(pair.server.error?.code).toBe(code);
    expect(pair.server.connected?.peer).toBeUndefined();
  },
);

test("a server that prefers its credential shows it to a client that also offers a PSK", async () => {
  const server = { credentials: [rawKey(second)], preferCredential: true };
  const both = createPair({ client: { verifyServer: anyKey() }, server });
  expect(await both.connect()).toBe(true);
  expect(both.client.connected?.peer?.kind).toBe("raw_public_key");
  const pskOnly = createPair({ server });
  expect(await pskOnly.connect()).toBe(true);
  expect(pskOnly.client.connected?.peer?.kind).toBe("psk");
});

test.each([undefined, "decrypt_error"] as const)(
  "a client with an unknown PSK is told so (%s)",
  async (alert) => {
    const pair = createPair({
      server: { choosePsk: () => undefined, ...(alert === undefined ? {} : { unknownPskAlert: alert }) },
    });
    expect(await pair.connect()).toBe(false);
    expect(pair.server.error?.code).toBe("unknown_psk_identity");
    await pair.until(() => pair.client.isClosed);
    expect(pair.client.error?.code).toBe(`alert_${alert ?? "unknown_psk_identity"}`);
  },
);

test("a server that is no longer trusted cannot be resumed with", async () => {
  let isTrusted = true;
  const client = { psks: [], verifyServer: anyKey(() => isTrusted) };
  const server = { credentials: [rawKey(second)], tickets: openTickets };
  const before = createPair({ client, server });
  expect(await before.connect()).toBe(true);
  await before.until(() => before.client.tickets.length > 0);
  // The next pair's clock begins anew.
  const ticket = { ...before.client.tickets[0]!, receivedAtMs: 0 };

  const resumed = createPair({ client: { ...client, ticket }, server });
  expect(await resumed.connect()).toBe(true);
  expect(resumed.client.connected?.resumed).toBe(true);

  isTrusted = false;
  const refused = createPair({ client: { ...client, ticket }, server });
  expect(await refused.connect()).toBe(false);
  expect(refused.client.error?.code).toBe("no_trust");
});

test("a client that is no longer trusted has to authenticate anew", async () => {
  const judged: boolean[] = [];
  let isTrusted = true;
  const client = { psks: [], credentials: [rawKey(first)], verifyServer: anyKey() };
  const server = {
    credentials: [rawKey(second)],
    tickets: openTickets,
    requireClientCertificate: true,
    verifyClient: anyKey(() => {
      judged.push(isTrusted);
      return isTrusted;
    }),
  };
  const before = createPair({ client, server });
  expect(await before.connect()).toBe(true);
  await before.until(() => before.client.tickets.length > 0);

  isTrusted = false;
  const ticket = { ...before.client.tickets[0]!, receivedAtMs: 0 };
  const refused = createPair({ client: { ...client, ticket }, server });
  expect(await refused.connect()).toBe(false);
  // Once at first, once for the ticket, once for the key that was asked for again.
  expect(judged).toEqual([true, false, false]);
  expect(refused.server.error?.code).toBe("no_trust");
});
