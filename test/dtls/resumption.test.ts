/** What a ticket is good for: nothing that its holder would not get by authenticating anew (RFC 9846 §4.7.1). */
import { describe, expect, test } from "vitest";
import { generateSigner } from "../../src/crypto/signer.ts";
import {
  CertificateType,
  type ClientConfig,
  type Credential,
  type PeerVerifier,
  type ServerConfig,
  type SessionTicket,
  type TicketProtector,
} from "../../src/dtls/config.ts";
import { readFragments } from "../../src/dtls/fragment.ts";
import type { PskIdentity } from "../../src/tls/extensions.ts";
import { decodeClientHello } from "../../src/tls/hello.ts";
import { createPair, type Pair, sharedPsk } from "../sim/pair.ts";

const [ofServer, ofClient] = await Promise.all([generateSigner("Ed25519"), generateSigner("P-256")]);

const rawKey = (signer: typeof ofServer): Credential => ({
  type: CertificateType.RawPublicKey,
  certificates: [signer.publicKey],
  signer,
});
const anyKey: PeerVerifier = {
  certificateTypes: [CertificateType.RawPublicKey],
  verify: ([key]) => key!,
};

/** Tickets in the clear, for tests only. */
let nowMs = 1_800_000_000_000;
const openTickets: TicketProtector = {
  now: () => nowMs,
  lifetimeSeconds: 7200,
  totalLifetimeSeconds: 18_000,
  count: 1,
  seal: (state) => state.slice(),
  open: (ticket) => ticket.slice(),
};

const takesPsk: Partial<ServerConfig> = { tickets: openTickets };
const takesAnybody: Partial<ServerConfig> = {
  choosePsk: () => undefined,
  credentials: [rawKey(ofServer)],
  tickets: openTickets,
};
const asksForKey: Partial<ServerConfig> = { ...takesAnybody, verifyClient: anyKey };
const demandsKey: Partial<ServerConfig> = { ...asksForKey, requireClientCertificate: true };
const demandsCertificate: Partial<ServerConfig> = {
  ...demandsKey,
  verifyClient: { ...anyKey, certificateTypes: [CertificateType.X509] },
};

const knowsPsk: Partial<ClientConfig> = {};
const knowsKeys: Partial<ClientConfig> = { psks: [], verifyServer: anyKey };
const showsKey: Partial<ClientConfig> = { ...knowsKeys, credentials: [rawKey(ofClient)] };

async function ticketOf(
  client: Partial<ClientConfig>,
  server: Partial<ServerConfig>,
): Promise<SessionTicket> {
  const pair = createPair({ client, server });
  expect(await pair.connect()).toBe(true);
  return firstTicket(pair);
}

/** As if it had come when the clock of the next pair begins. */
async function firstTicket(pair: Pair): Promise<SessionTicket> {
  await pair.until(() => pair.client.tickets.length > 0);
  return { ...pair.client.tickets[0]!, receivedAtMs: 0 };
}

async function resume(
  ticket: SessionTicket,
  client: Partial<ClientConfig>,
  server: Partial<ServerConfig>,
): Promise<Pair> {
  const pair = createPair({ client: { ...client, ticket }, server });
  await pair.connect();
  return pair;
}

describe("a ticket of a server that shares its keys with another", () => {
  test.each([
    ["anonymous", "who takes anybody", knowsKeys, takesAnybody, takesAnybody, true],
    ["anonymous", "who asks for a key", knowsKeys, takesAnybody, asksForKey, true],
    ["anonymous", "who demands a key", knowsKeys, takesAnybody, demandsKey, false],
    ["anonymous", "who takes a PSK only", knowsKeys, takesAnybody, takesPsk, false],
    ["of a PSK", "who takes that PSK", knowsPsk, takesPsk, takesPsk, true],
    ["of a PSK", "who takes anybody", knowsPsk, takesPsk, { ...takesAnybody, choosePsk: undefined }, false],
    ["of a PSK", "who demands a key", knowsPsk, takesPsk, { ...demandsKey, choosePsk: undefined }, false],
    ["of a key", "who demands a key", showsKey, demandsKey, demandsKey, true],
    ["of a key", "who demands a certificate", showsKey, demandsKey, demandsCertificate, false],
    ["of a key", "who asks for none", showsKey, demandsKey, takesAnybody, false],
  ] as const)("%s resumes at one %s only if its holder would be let in there", async (...row) => {
    const [, , client, first, second, resumes] = row;
    const ticket = await ticketOf(client, first);
    // Nothing but the ticket to go by, and nothing else to show.
    const pair = await resume(ticket, { psks: [] }, second as Partial<ServerConfig>);
    expect(pair.server.connected?.resumed ?? false).toBe(resumes);
    if (resumes) return;
    expect(pair.server.connected).toBeUndefined();
    expect(pair.server.isClosed).toBe(true);
  });

  test("of a client without a key leads to a full handshake where a key is demanded", async () => {
    const ticket = await ticketOf(knowsKeys, takesAnybody);
    const shown = await resume(ticket, showsKey, demandsKey);
    expect(shown.server.connected).toMatchObject({
      resumed: false,
      peer: { kind: "raw_public_key", publicKey: ofClient.publicKey },
    });
    const hidden = await resume(ticket, knowsKeys, demandsKey);
    expect(hidden.server.error?.code).toBe("no_shared_certificate_type");
  });
});

describe("a ticket of a session with a PSK", () => {
  const known = new Map([[String(sharedPsk.identity), sharedPsk]]);
  const looksUp: Partial<ServerConfig> = {
    ...takesPsk,
    choosePsk: async ([first]) => {
      const psk = known.get(String(first!.imported?.identity ?? first!.identity));
      return psk?.imported === (first!.imported !== undefined) ? { index: 0, psk: psk! } : undefined;
    },
  };

  test.each([true, false])("ends with the PSK, which may be imported (%s)", async (imported) => {
    const psk = { ...sharedPsk, imported, ...(imported ? { context: Uint8Array.of(1) } : {}) };
    known.set(String(psk.identity), psk);
    const client = { psks: [psk] };
    let ticket = await ticketOf(client, looksUp);
    for (let i = 0; i < 3; i++) {
      const resumed = await resume(ticket, client, looksUp);
      expect(resumed.server.connected).toMatchObject({
        resumed: true,
        peer: { kind: "psk", identity: psk.identity },
      });
      ticket = await firstTicket(resumed);
    }
    // Another key in its place, whose owner is another.
    known.set(String(psk.identity), { ...psk, key: new Uint8Array(32).fill(8) });
    expect((await resume(ticket, { psks: [] }, looksUp)).server.connected).toBeUndefined();
    known.delete(String(psk.identity));
    expect((await resume(ticket, { psks: [] }, looksUp)).server.connected).toBeUndefined();
    known.set(String(psk.identity), psk);
    expect((await resume(ticket, { psks: [] }, looksUp)).server.connected?.resumed).toBe(true);
  });
});

test("tickets of resumed sessions do not outlive what the first session's may", async () => {
  let ticket = await ticketOf(knowsKeys, takesAnybody);
  const lifetimes: number[] = [];
  for (let i = 0; i < 4; i++) {
    nowMs += 4_000_000;
    const resumed = await resume(ticket, knowsKeys, takesAnybody);
    expect(resumed.server.connected?.resumed).toBe(true);
    ticket = await firstTicket(resumed);
    lifetimes.push(ticket.lifetimeSeconds);
  }
  expect(lifetimes).toEqual([7200, 7200, 6000, 2000]);
  nowMs += 2_000_000;
  const late = await resume(ticket, knowsKeys, takesAnybody);
  expect(late.server.connected?.resumed).toBe(false);
  expect((await firstTicket(late)).lifetimeSeconds).toBe(7200);
});

describe("a ticket that would make a ClientHello too large for a server that does not know its sender", () => {
  const certificate = (chainBytes: number): Credential => ({
    type: CertificateType.X509,
    certificates: [new Uint8Array(100), new Uint8Array(chainBytes)],
    signer: ofClient,
  });
  const server: Partial<ServerConfig> = {
    ...demandsKey,
    verifyClient: { certificateTypes: [CertificateType.X509], verify: () => ofClient.publicKey },
  };

  test.each([
    [3_500, 1],
    [9_500, 0],
  ])("is not made, as of a chain of %i bytes", async (chainBytes, tickets) => {
    const pair = createPair({ client: { ...knowsKeys, credentials: [certificate(chainBytes)] }, server });
    expect(await pair.connect()).toBe(true);
    await pair.until(() => pair.client.tickets.length > 0, 10_000);
    expect(pair.client.tickets).toHaveLength(tickets);
  });

  test("is not offered either", async () => {
    const ticket = await ticketOf(knowsKeys, takesAnybody);
    let seen = 0;
    const tickets = { ...openTickets, open: () => void seen++ };
    const large = { ...ticket, ticket: new Uint8Array(4097) };
    const pair = await resume(large, knowsKeys, { ...takesAnybody, tickets });
    expect(pair.client.connected?.resumed).toBe(false);
    expect(seen).toBe(0);
  });
});

test.each([
  [0, true],
  [7_200_000, true],
  [7_200_001, false],
  [-1, false],
])("a ticket that is %i ms old is offered: %s", async (ageMs, isOffered) => {
  const ticket = await ticketOf(knowsKeys, takesAnybody);
  const pair = createPair({
    // Pairs begin at 0.
    client: { ...knowsKeys, ticket: { ...ticket, receivedAtMs: -ageMs } },
    server: takesAnybody,
  });
  expect(await pair.connect()).toBe(true);
  expect(pair.client.connected?.resumed).toBe(isOffered);
});

test("the second ClientHello tells the ticket's age anew (RFC 9846 §4.2.2)", async () => {
  const ticket = await ticketOf(knowsKeys, takesAnybody);
  const pair = createPair({
    client: { ...knowsKeys, ticket: { ...ticket, receivedAtMs: -1000 }, keyShareGroups: [] },
    server: takesAnybody,
  });
  expect(await pair.connect()).toBe(true);
  expect(pair.client.connected).toMatchObject({ resumed: true, usedHelloRetryRequest: true });
  const hellos = pair.network.sent.filter(({ from, bytes }) => from === "client" && bytes[13] === 1);
  const ages = hellos.map(({ bytes }) => {
    const [fragment] = readFragments(bytes.slice(13));
    const { data, length } = fragment!;
    const hello = decodeClientHello(Uint8Array.of(1, 0, length >> 8, length, ...data));
    const [{ obfuscatedTicketAge }] = hello.extensions.preSharedKey!.identities as [PskIdentity];
    return (obfuscatedTicketAge - ticket.ageAdd + 2 ** 32) % 2 ** 32;
  });
  expect(ages[0]).toBe(1000);
  expect(ages[1]).toBe(1000 + hellos[1]!.atMs);
  expect(ages[1]).toBeGreaterThan(1000);
});

describe("a ticket of another server", () => {
  test.each([
    ["a key", "a PSK", knowsKeys, takesAnybody, knowsPsk, takesPsk],
    ["a PSK", "a key", knowsPsk, takesPsk, knowsKeys, takesAnybody],
    ["one PSK", "another PSK", knowsPsk, takesPsk, ...otherPsk()],
  ] as const)("known by %s is not offered to one known by %s", async (...row) => {
    const [, , client, server, otherClient, otherServer] = row;
    const ticket = await ticketOf(client, server);
    // The other one would take the ticket, whoever it is.
    const pair = await resume(ticket, otherClient, {
      ...otherServer,
      choosePsk: otherServer.choosePsk ?? (() => ({ index: 0, psk: sharedPsk })),
      credentials: [rawKey(ofServer)],
    });
    expect(pair.client.connected).toMatchObject({ resumed: false });
  });
});

function otherPsk(): [Partial<ClientConfig>, Partial<ServerConfig>] {
  const psk = { ...sharedPsk, identity: new TextEncoder().encode("bob") };
  return [{ psks: [psk] }, { ...takesPsk, choosePsk: () => ({ index: 0, psk }) }];
}
