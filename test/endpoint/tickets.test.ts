/** Which tickets a client offers: those of the session that its options would lead to (RFC 9846 §4.7.1). */
import { describe, expect, onTestFinished, test } from "vitest";
import { createCertificateVerifier } from "../../src/crypto/certificate.ts";
import { generateCertificate } from "../../src/crypto/certificate-generate.ts";
import { generatePkcs8, signerFromPkcs8 } from "../../src/crypto/signer.ts";
import type { SessionTicket } from "../../src/dtls/config.ts";
import {
  type Auth,
  type ConnectOptions,
  certificate,
  connect,
  type ListenOptions,
  MemoryRecordStore,
  password,
  psk,
  publicKey,
  register,
} from "../../src/endpoint/node-index.ts";
import type { Server } from "../../src/endpoint/server.ts";
import type { Session } from "../../src/endpoint/session.ts";
import { echoServer, key, ticketOf } from "./support.ts";

const secrets = [new Uint8Array(32).fill(5)];
const validity = { notBeforeMs: Date.now() - 1000, notAfterMs: Date.now() + 86_400_000 };
const [authority, otherAuthority] = await Promise.all(
  ["one", "other"].map((subject) => generateCertificate({ subject, authority: {}, ...validity })),
);
const issued = (subject: string, names: string[], issuer = authority) =>
  generateCertificate({ subject, names, issuer: issuer!, ...validity });
const [ofServer, ofOther, ofClient, ofOtherClient] = await Promise.all([
  issued("server", ["a.example", "b.example"]),
  issued("server", ["c.example"], otherAuthority),
  issued("client", ["client.example"]),
  issued("client", ["client.example"]),
]);
const [key1, key2, client1, client2] = await Promise.all(
  [1, 2, 3, 4].map(async () => {
    const pkcs8 = await generatePkcs8("P-256");
    return { pkcs8, spki: (await signerFromPkcs8(pkcs8)).publicKey };
  }),
);
const users = new MemoryRecordStore([
  await register({ identity: "alice", password: "hers", iterations: 30_000 }),
  await register({ identity: "bob", password: "his", iterations: 30_000 }),
]);

async function serve(
  auth: Auth,
  options: Partial<ListenOptions> = {},
): Promise<{ server: Server; sessions: Session[] }> {
  const sessions: Session[] = [];
  const onsession = (session: Session) => void sessions.push(session);
  const server = await echoServer({ auth, tickets: { secrets }, onsession, ...options });
  onTestFinished(() => server.close());
  return { server, sessions };
}

const chain = ({ certificate, privateKey }: typeof ofServer) => ({ chain: [certificate!], key: privateKey! });
const trusting = (anchor = authority) => createCertificateVerifier({ trustAnchors: [anchor!.certificate] });
const toServer = (serverName: string, own?: typeof ofClient, anchor = authority) =>
  certificate({ serverName, verifier: trusting(anchor), ...(own && chain(own)) });
const byKey = (name: string, secret = key, context?: Uint8Array) =>
  psk({ identity: name, key: secret, ...(context && { context }) });

const otherKey = new Uint8Array(32).fill(10);
const context = Uint8Array.of(1);
const serverOf: Record<string, () => Auth> = {
  certificate: () => certificate(chain(ofServer)),
  "other certificate": () => certificate(chain(ofOther)),
  "certificates of clients": () => certificate({ ...chain(ofServer), verifier: trusting() }),
  key: () => publicKey({ key: key1!.pkcs8 }),
  "new key": () => publicKey({ key: key2!.pkcs8 }),
  "keys of clients": () => publicKey({ key: key1!.pkcs8, trusted: [client1!.spki, client2!.spki] }),
  psk: () => psk((name) => (name === "alice" || name === "bob" ? { key } : undefined)),
  "new psk": () => psk(() => ({ key: otherKey })),
  "psk of a context": () => psk(() => ({ key, context })),
  passwords: () => password(users),
};
const own = (pair: typeof client1, trusted = key1) =>
  publicKey({ key: pair!.pkcs8, trusted: [trusted!.spki] });

/** Which server gave a ticket to whom, and who comes to which server with it; it resumes, or goes by a full handshake. */
const cases: [string, string, () => Auth, string, () => Auth, boolean][] = [
  [
    "the same certificate, the same name",
    "certificate",
    () => toServer("a.example"),
    "certificate",
    () => toServer("a.example"),
    true,
  ],
  [
    "the same certificate, another of its names",
    "certificate",
    () => toServer("a.example"),
    "certificate",
    () => toServer("b.example"),
    false,
  ],
  [
    "another certificate, another name",
    "certificate",
    () => toServer("a.example"),
    "other certificate",
    () => toServer("c.example", undefined, otherAuthority),
    false,
  ],
  [
    "the certificate itself is trusted by now",
    "certificate",
    () => toServer("a.example"),
    "certificate",
    () =>
      certificate({
        serverName: "a.example",
        verifier: createCertificateVerifier({
          trustAnchors: [otherAuthority!.certificate, ofServer!.certificate],
        }),
      }),
    true,
  ],
  [
    "the same client's certificate",
    "certificates of clients",
    () => toServer("a.example", ofClient),
    "certificates of clients",
    () => toServer("a.example", ofClient),
    true,
  ],
  [
    "another client's certificate",
    "certificates of clients",
    () => toServer("a.example", ofClient),
    "certificates of clients",
    () => toServer("a.example", ofOtherClient),
    false,
  ],
  [
    "a certificate where there was none",
    "certificate",
    () => toServer("a.example"),
    "certificates of clients",
    () => toServer("a.example", ofClient),
    false,
  ],
  [
    "no certificate where there was one",
    "certificates of clients",
    () => toServer("a.example", ofClient),
    "certificate",
    () => toServer("a.example"),
    false,
  ],
  [
    "the same key",
    "key",
    () => publicKey({ trusted: [key1!.spki] }),
    "key",
    () => publicKey({ trusted: [key1!.spki] }),
    true,
  ],
  [
    "a rotated key",
    "key",
    () => publicKey({ trusted: [key1!.spki] }),
    "new key",
    () => publicKey({ trusted: [key2!.spki] }),
    false,
  ],
  [
    "the same client's key",
    "keys of clients",
    () => own(client1),
    "keys of clients",
    () => own(client1),
    true,
  ],
  [
    "another client's key",
    "keys of clients",
    () => own(client1),
    "keys of clients",
    () => own(client2),
    false,
  ],
  ["the same pre-shared key", "psk", () => byKey("alice"), "psk", () => byKey("alice"), true],
  ["another identity", "psk", () => byKey("alice"), "psk", () => byKey("bob"), false],
  ["a rotated pre-shared key", "psk", () => byKey("alice"), "new psk", () => byKey("alice", otherKey), false],
  [
    "another context",
    "psk",
    () => byKey("alice"),
    "psk of a context",
    () => byKey("alice", key, context),
    false,
  ],
  [
    "the same user",
    "passwords",
    () => password({ identity: "alice", password: "hers" }),
    "passwords",
    () => password({ identity: "alice", password: "hers" }),
    true,
  ],
  [
    "another user",
    "passwords",
    () => password({ identity: "alice", password: "hers" }),
    "passwords",
    () => password({ identity: "bob", password: "his" }),
    false,
  ],
  [
    "a key in place of a certificate",
    "certificate",
    () => toServer("a.example"),
    "key",
    () => publicKey({ trusted: [key1!.spki] }),
    false,
  ],
  [
    "a password in place of a key",
    "psk",
    () => byKey("alice"),
    "passwords",
    () => password({ identity: "alice", password: "hers" }),
    false,
  ],
];

async function ticketFrom(
  server: Server,
  auth: Auth,
  options: Partial<ConnectOptions> = {},
): Promise<SessionTicket> {
  const session = await connect(server.url, { auth, ...options });
  const ticket = await ticketOf(session);
  session.close();
  return ticket;
}

describe("a ticket is offered where it counts, and a session is had in any case", () => {
  test.each(cases)("%s", async (_name, first, firstAuth, second, secondAuth, resumes) => {
    const { server: giver } = await serve(serverOf[first]!());
    const ticket = await ticketFrom(giver, firstAuth());
    const { server: taker, sessions } = await serve(serverOf[second]!());
    const auth = secondAuth();
    const session = await connect(taker.url, { auth, ticket });
    expect(session.handshake.resumed).toBe(resumes);
    const fresh = await connect(taker.url, { auth });
    // What each side knows of the other is what a handshake without a ticket tells.
    expect(session.peer).toEqual(fresh.peer);
    await expect.poll(() => sessions.length).toBe(2);
    expect(sessions[0]!.peer).toEqual(sessions[1]!.peer);
  });

  test("of another hash than the suites have it is not offered", async () => {
    const { server } = await serve(serverOf.psk!());
    const auth = byKey("alice");
    const cipherSuites = ["TLS_AES_256_GCM_SHA384"] as const;
    const ticket = await ticketFrom(server, auth, { cipherSuites });
    const others = { cipherSuites: ["TLS_AES_128_GCM_SHA256"] as const };
    expect((await connect(server.url, { auth, ticket, ...others })).handshake.resumed).toBe(false);
    expect((await connect(server.url, { auth, ticket, cipherSuites })).handshake.resumed).toBe(true);
  });

  test("with another application protocol, and without streams, it resumes", async () => {
    const { server } = await serve(serverOf.psk!(), { applicationProtocols: ["one", "two"] });
    const auth = byKey("alice");
    const ticket = await ticketFrom(server, auth, { applicationProtocols: ["one"] });
    const session = await connect(server.url, {
      auth,
      ticket,
      applicationProtocols: ["two"],
      streams: false,
    });
    expect(session.handshake).toMatchObject({ resumed: true, applicationProtocol: "two" });
  });
});

const ways: [string, string, () => Auth][] = [
  ["certificates", "certificates of clients", () => toServer("a.example", ofClient)],
  ["keys", "keys of clients", () => own(client1)],
  ["a pre-shared key", "psk", () => byKey("alice")],
  ["a password", "passwords", () => password({ identity: "alice", password: "hers" })],
];

describe.each(ways)("a ticket of a session by %s", (_name, server, auth) => {
  test("that the server refuses is followed by a full handshake", async () => {
    const { server: opened } = await serve(serverOf[server]!());
    const good = await ticketFrom(opened, auth());
    const flipped = (bytes: Uint8Array) => Uint8Array.from(bytes, (byte) => byte ^ 1);
    for (const bad of [
      { psk: flipped(good.psk) },
      { ticket: flipped(good.ticket) },
      { ticket: key.slice() },
    ]) {
      const session = await connect(opened.url, { auth: auth(), ticket: { ...good, ...bad } });
      expect(session.handshake.resumed).toBe(false);
    }
  });

  test("can be kept as JSON, as a clone and as its fields", async () => {
    const { server: opened } = await serve(serverOf[server]!());
    const ticket = await ticketFrom(opened, auth());
    const kept = [JSON.parse(JSON.stringify(ticket)), structuredClone(ticket), { ...ticket }];
    for (const each of kept) {
      const session = await connect(opened.url, { auth: auth(), ticket: each });
      expect(session.handshake.resumed).toBe(true);
    }
  });
});

describe("what is no ticket", () => {
  const server = "udp://127.0.0.1:9";
  const whole = async () => {
    const { server: opened } = await serve(serverOf.psk!());
    return JSON.parse(JSON.stringify(await ticketFrom(opened, byKey("alice"))));
  };

  test.each([[{}], [null], ["{}"], [5], [[]]])(
    "%j is refused by a TypeError that says so",
    async (ticket) => {
      const connecting = connect(server, { auth: byKey("alice"), ticket: ticket as never });
      await expect(connecting).rejects.toThrow(/^not a session's ticket/);
      await expect(connecting).rejects.toBeInstanceOf(TypeError);
    },
  );

  test.each([
    ["ticket", undefined],
    ["ticket", { 0: 1 }],
    ["psk", "AAAA"],
    ["psk", "not base64!"],
    ["hash", "MD5"],
    ["ageAdd", "1"],
    ["receivedAtMs", null],
    ["lifetimeSeconds", Number.NaN],
    ["holder", 7],
    ["serverName", 7],
    ["peer", { kind: "friend" }],
    ["peer", { kind: "psk" }],
    ["peer", 7],
  ])("with %s %j neither, and its secrets are not in the message", async (field, value) => {
    const ticket = await whole();
    const error: Error = await connect(server, {
      auth: byKey("alice"),
      ticket: { ...ticket, [field]: value },
    }).then(
      () => expect.unreachable(),
      (reason) => reason,
    );
    expect(error).toBeInstanceOf(TypeError);
    expect(error.message).toContain("not a session's ticket");
    expect(error.message).not.toContain(ticket.psk);
  });
});
