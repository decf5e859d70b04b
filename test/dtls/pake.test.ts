import { describe, expect, test } from "vitest";
import type { Bytes } from "../../src/core/bytes.ts";
import type { CryptoProvider } from "../../src/crypto/provider.ts";
import { createDecoyRecord, createProverSecret, createVerifierRecord } from "../../src/crypto/spake2plus.ts";
import { Acceptor, type Verdict } from "../../src/dtls/acceptor.ts";
import { asClient } from "../../src/dtls/client.ts";
import {
  type ClientConfig,
  type ClientPake,
  commonDefaults,
  type PakeAttempt,
  type PakeLogin,
  type ServerConfig,
  type ServerPake,
} from "../../src/dtls/config.ts";
import { SealgramError } from "../../src/errors.ts";
import { clientPake, respondWith } from "../../src/login/spake2plus.ts";
import { ExtensionType, NamedGroup } from "../../src/tls/codepoints.ts";
import { SimulatedConnection } from "../sim/endpoint.ts";
import { clear, type Datagram, Network } from "../sim/network.ts";
import { core, createPair, crypto, type Pair, type PairOptions, sharedPsk } from "../sim/pair.ts";
import { Random } from "../sim/random.ts";
import { SimulatedServer } from "../sim/server.ts";

const text = (value: string): Bytes => new TextEncoder().encode(value);
const filled = (byte: number): Bytes => new Uint8Array(32).fill(byte);

const right = createProverSecret(filled(1), filled(2));
const wrong = createProverSecret(filled(1), filled(3));
const other = createProverSecret(filled(4), filled(2));
const record = createVerifierRecord(right.w0, right.L);
const decoy = createDecoyRecord(crypto);
const parameters = { salt: new Uint8Array(16).fill(9), iterations: 600_000 };

const names = { identity: text("alice"), serverIdentity: text("server"), context: text("test") };
const login = (
  secret: Parameters<typeof clientPake>[2],
  other: Partial<typeof names> = {},
  provider = crypto,
): ClientPake => clientPake(provider, { ...names, ...other }, secret);

const alice = login(right);
const asking = login(async () => right);

interface Ledger {
  readonly attempts: PakeAttempt[];
  successes: number;
}

/** A server that knows alice, and takes everybody else for a stranger whom it does not tell so. */
function serverPake(
  ledger: Ledger = { attempts: [], successes: 0 },
  more: Partial<ServerPake> = {},
  provider = crypto,
): ServerPake {
  return {
    parameters: async () => parameters,
    begin(attempt): PakeLogin {
      ledger.attempts.push(attempt);
      const isKnown = new TextDecoder().decode(attempt.identity) === "alice";
      return {
        respond: respondWith(provider, isKnown ? record : decoy, attempt, text("test")),
        registration: Uint8Array.of(1, 2, 3),
        succeeded: () => ledger.successes++,
      };
    },
    ...more,
  };
}

const withoutPsk = { psks: [] };
const serverOnly: Partial<ServerConfig> = { choosePsk: () => undefined };

/** A client and a server that have nothing but the password. */
function passwordPair(
  client: Partial<ClientConfig>,
  server: Partial<ServerConfig>,
  options: PairOptions = {},
) {
  return createPair({
    ...options,
    client: { ...withoutPsk, pake: alice, ...client },
    server: { ...serverOnly, ...server },
  });
}

/** Runs a handshake that fails to its end on both sides; the codes of the client's and the server's error. */
async function failure(pair: Pair): Promise<(string | undefined)[]> {
  expect(await pair.connect()).toBe(false);
  await pair.until(() => pair.client.isClosed && pair.server.isClosed, 600_000);
  return [pair.client.error?.code, pair.server.error?.code];
}

const base = { ...commonDefaults, core, crypto };
const stateless = {
  role: "server",
  requireClientCertificate: false,
  acknowledgeServerName: true,
} as const;

/** The same behind the stateless cookie exchange. */
function passwordServer(
  client: Partial<ClientConfig>,
  server: Partial<ServerConfig>,
  { loss = 0, seed = 1, address = "client" } = {},
) {
  const network = new Network(new Random(seed), { ...clear, loss });
  const listening = new SimulatedServer(network, { ...base, ...stateless, ...server }, "server");
  const dialling = new SimulatedConnection(
    network,
    { ...base, role: "client", psks: [], keyShareGroups: [NamedGroup.x25519], pake: asking, ...client },
    address,
    { path: "server", pathValidated: true },
  );
  return {
    network,
    listening,
    client: dialling,
    async run() {
      dialling.connection.start();
      const accepted = () => listening.connections.get(address);
      await network.run(
        () =>
          (dialling.isClosed && (accepted()?.isClosed ?? true)) ||
          (dialling.connected !== undefined && accepted()?.connected !== undefined),
        600_000,
      );
      return accepted();
    },
  };
}

describe("a login by password", () => {
  test("authenticates both sides without a certificate, and leaves a ticket", async () => {
    const ledger: Ledger = { attempts: [], successes: 0 };
    const tickets = new Map<string, Bytes>();
    const protector = {
      now: () => 0,
      lifetimeSeconds: 3600,
      totalLifetimeSeconds: 3600,
      count: 1,
      seal(state: Bytes) {
        const ticket = crypto.random(16);
        tickets.set(String(ticket), state.slice());
        return ticket;
      },
      open: (ticket: Bytes) => tickets.get(String(ticket))?.slice(),
    };
    const server = { pake: serverPake(ledger), tickets: protector };
    const pair = passwordPair({}, server);
    expect(await pair.connect()).toBe(true);
    expect(pair.client.connected).toMatchObject({
      peer: { kind: "password", identity: text("server") },
      group: NamedGroup.x25519,
      resumed: false,
      usedHelloRetryRequest: false,
    });
    const identified = { kind: "password", identity: text("alice"), registration: Uint8Array.of(1, 2, 3) };
    expect(pair.server.connected?.peer).toEqual(identified);
    expect(ledger.attempts).toEqual([
      { identity: text("alice"), serverIdentity: text("server"), path: "client" },
    ]);
    expect(ledger.successes).toBe(1);
    pair.client.connection.send(text("hello"));
    await pair.until(() => pair.server.received.length === 1 && pair.client.tickets.length === 1);
    expect(pair.server.received).toEqual([text("hello")]);
    const exporter = (end: SimulatedConnection) =>
      end.connection.exportKeyingMaterial("EXPORTER-test", text(""), 32);
    expect(exporter(pair.client)).toEqual(exporter(pair.server));

    // After one login, no password.
    // The next pair's clock begins anew.
    const ticket = { ...pair.client.tickets[0]!, receivedAtMs: 0 };
    const again = createPair({ client: { ...withoutPsk, ticket }, server: { ...serverOnly, ...server } });
    expect(await again.connect()).toBe(true);
    expect(again.client.connected).toMatchObject({
      resumed: true,
      peer: { kind: "password", identity: text("server") },
    });
    expect(again.server.connected?.peer).toEqual(identified);
    expect(ledger.attempts).toHaveLength(1);

    // A changed password ends that.
    for (const isCurrent of [() => false, async () => false]) {
      const changed = { ...server, pake: serverPake(ledger, { isCurrent }) };
      const refused = createPair({
        client: { ...withoutPsk, ticket },
        server: { ...serverOnly, ...changed },
      });
      expect(await refused.connect()).toBe(false);
      const withPassword = passwordPair({ ticket }, changed);
      expect(await withPassword.connect()).toBe(true);
      expect(withPassword.server.connected).toMatchObject({ resumed: false, peer: identified });
    }
  });

  test.each([NamedGroup.x25519, NamedGroup.secp256r1, NamedGroup.X25519MLKEM768])(
    "takes the key share of group %i along, asked for or not",
    async (group) => {
      for (const keyShareGroups of [[], [group]]) {
        const pair = passwordPair({ groups: [group], keyShareGroups }, { pake: serverPake() });
        expect(await pair.connect()).toBe(true);
        expect(pair.server.connected?.group).toBe(group);
        expect(pair.client.connected?.usedHelloRetryRequest).toBe(keyShareGroups.length === 0);
      }
    },
  );

  test("does without groups, as BoringSSL's client does", async () => {
    const pair = passwordPair({ groups: [], keyShareGroups: [], psks: [sharedPsk] }, { pake: serverPake() });
    expect(await pair.connect()).toBe(true);
    expect(pair.client.connected?.group).toBeUndefined();
    expect(pair.server.connected?.group).toBeUndefined();
    const { client } = passwordServer(
      { pake: alice, groups: [], keyShareGroups: [] },
      { pake: serverPake() },
    );
    expect(client.connection.state).toBe("handshaking");
    const run = passwordServer({ pake: alice, groups: [], keyShareGroups: [] }, { pake: serverPake() });
    const server = await run.run();
    expect(run.client.error).toBeUndefined();
    expect(server?.connected?.peer).toMatchObject({ kind: "password" });
  });

  test("completes under loss, duplication and reordering", async () => {
    for (let seed = 1; seed <= 40; seed++) {
      const weather = { loss: 0.3, duplication: 0.2, jitterMs: 80 };
      const pair = passwordPair(
        { pake: seed % 2 === 0 ? alice : asking },
        { pake: serverPake() },
        { seed, weather },
      );
      expect(await pair.connect(), `seed ${seed}: ${pair.client.error ?? pair.server.error}`).toBe(true);
    }
  });
});

describe("salt and rounds", () => {
  test.each([
    ["with the cookie, when the look-up takes its time", async () => parameters],
    ["with the cookie, when it does not", () => parameters],
  ])("are told %s", async (_name, answer) => {
    for (let seed = 1; seed <= 20; seed++) {
      const told: unknown[] = [];
      const pake = login((given) => {
        told.push(given);
        return right;
      });
      const server = { pake: serverPake(undefined, { parameters: answer }) };
      const run = passwordServer({ pake }, server, { seed, loss: seed === 1 ? 0 : 0.3 });
      const accepted = await run.run();
      expect(run.client.error, `seed ${seed}`).toBeUndefined();
      expect(accepted?.connected?.peer).toMatchObject({ kind: "password", identity: text("alice") });
      expect(told).toEqual([parameters]);
      if (seed === 1) {
        expect(run.network.sent.filter(({ from }) => from === "client").length).toBeLessThanOrEqual(4);
        const [hello, retry] = run.network.sent.map(({ bytes }) => bytes.length);
        expect(retry).toBeLessThan(3 * hello!);
      }
    }
  });

  test.each([
    [16, "answer"],
    [32, "answer"],
    [255, "drop"],
  ])("with a salt of %i bytes are told in at most three times the bytes received", (saltBytes, kind) => {
    const salt = new Uint8Array(saltBytes).fill(9);
    const pake = serverPake(undefined, { parameters: () => ({ ...parameters, salt }) });
    // The shortest hello that asks.
    const { client, network } = passwordServer({ pake: asking, groups: [], keyShareGroups: [] }, { pake });
    client.connection.start();
    const hello = network.sent[0]!.bytes;
    const config: ServerConfig = { ...base, ...stateless, pake };
    const verdict = new Acceptor(config).judge(hello, text("client"), 0);
    expect(verdict).toMatchObject({ kind, ...(kind === "drop" ? { reason: "too_short" } : {}) });
    if (verdict.kind === "answer") expect(verdict.datagram.length).toBeLessThanOrEqual(3 * hello.length);
  });

  test.each([
    [
      "throws",
      () => {
        throw new Error("no database");
      },
    ],
    ["finds a salt that is too long", () => ({ ...parameters, salt: new Uint8Array(256) })],
    ["finds rounds that are no number", () => ({ ...parameters, iterations: Number.NaN })],
  ])("leave the client unanswered and the server well if their look-up %s", async (_how, find) => {
    const sender = passwordServer({}, { pake: serverPake() });
    sender.client.connection.start();
    const hello = sender.network.sent[0]!.bytes;
    for (const lookUp of [find, async () => find()]) {
      const pake = serverPake(undefined, { parameters: lookUp });
      const acceptor = new Acceptor({ ...base, ...stateless, pake });
      for (let i = 0; i < 100; i++) {
        const verdict = acceptor.judge(hello, text("client"), 0);
        const outcome = verdict.kind === "later" ? await verdict.verdict : verdict;
        expect(outcome).toMatchObject({ kind: "drop", reason: "failed_look_up" });
      }
    }
  });

  test("are told by a server that keeps state, together with a group", async () => {
    const pair = passwordPair(
      { pake: asking, groups: [NamedGroup.secp256r1], keyShareGroups: [] },
      { pake: serverPake() },
    );
    expect(await pair.connect()).toBe(true);
    expect(pair.server.connected?.group).toBe(NamedGroup.secp256r1);
  });

  test("are not asked for by who knows them", async () => {
    const pair = passwordPair({ pake: alice }, { pake: serverPake() });
    expect(await pair.connect()).toBe(true);
    expect(pair.client.connected?.usedHelloRetryRequest).toBe(false);
  });

  test("end the handshake where the server does not tell them", async () => {
    const { parameters: _, ...silent } = serverPake();
    const pair = passwordPair({ pake: asking }, { pake: silent });
    expect(await failure(pair)).toEqual(["alert_handshake_failure", "no_credential"]);
  });

  test("that cannot be looked up leave the client unanswered, and so do too many questions", async () => {
    let release!: () => void;
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    const pake = serverPake(undefined, {
      parameters: () => gate.then(() => Promise.reject(new Error("no database"))),
    });
    const network = new Network(new Random(1), clear);
    const config: ServerConfig = { ...base, ...stateless, pake };
    const server = new SimulatedServer(network, config, "server");
    const sender = passwordServer({}, { pake });
    sender.client.connection.start();
    const hello = sender.network.sent[0]!.bytes;
    for (let i = 0; i < 100; i++) server.receive(hello, `client ${i}`);
    expect(server.drops).toEqual(new Array(36).fill("busy"));
    release();
    await server.idle();
    expect(server.drops.slice(36)).toEqual(new Array(64).fill("failed_look_up"));
    expect(network.sent).toEqual([]);
  });

  test("whose look-ups never settle keep their places for a while only, and one for each address", async () => {
    let hangs = true;
    let lookUps = 0;
    const pake = serverPake(undefined, {
      parameters: () => {
        lookUps++;
        return hangs ? new Promise(() => {}) : Promise.resolve(parameters);
      },
    });
    const { client, network } = passwordServer({}, { pake });
    client.connection.start();
    const hello = network.sent[0]!.bytes;
    const acceptor = new Acceptor({ ...base, ...stateless, pake });
    const judge = (address: number, nowMs: number) => acceptor.judge(hello, Uint8Array.of(address), nowMs);
    const hanging = Array.from({ length: 64 }, (_, i) => judge(i, i));
    expect(hanging.map(({ kind }) => kind)).toEqual(new Array(64).fill("later"));
    hangs = false;
    expect(judge(100, 9_999)).toEqual({ kind: "drop", reason: "busy" });
    // The first has had its time.
    const next = judge(100, 10_000);
    const settled = async (verdict: Verdict) => (verdict.kind === "later" ? verdict.verdict : verdict);
    expect(await settled(hanging[0]!)).toMatchObject({ kind: "drop", reason: "failed_look_up" });
    expect((await settled(next)).kind).toBe("answer");
    // Whoever asks again before there is an answer has one place, however many are free.
    hangs = true;
    lookUps = 0;
    const again = Array.from({ length: 10 }, () => judge(100, 20_100));
    expect(again.map(({ kind }) => kind)).toEqual(["later", ...new Array(9).fill("drop")]);
    expect(lookUps).toBe(1);
  });

  test("that somebody changes on the way make the login fail", async () => {
    const tampering = passwordServer(
      { pake: login(({ salt }) => (salt[0] === 9 ? right : other)) },
      { pake: serverPake() },
    );
    tampering.network.filter = ({ from, to, bytes }) => {
      const at = Buffer.from(bytes).indexOf(Buffer.from(parameters.salt));
      if (from !== "server" || at === -1) return true;
      const changed = bytes.slice();
      // The cookie has it, too, in the clear; the extension comes behind.
      const last = Buffer.from(bytes).lastIndexOf(Buffer.from(parameters.salt));
      changed[last] = 8;
      tampering.network.inject(from, to, changed, 10);
      return false;
    };
    const accepted = await tampering.run();
    expect(tampering.client.error?.code).toBe("pake_confirmation_mismatch");
    expect(accepted?.error?.code).toBe("alert_decrypt_error");
  });
});

describe("a login fails", () => {
  const outcome = (client: Partial<ClientConfig>, server: Partial<ServerConfig>) =>
    failure(passwordPair(client, server));

  test("for a wrong password, by the confirmation in the ServerHello", async () => {
    const ledger: Ledger = { attempts: [], successes: 0 };
    for (const secret of [wrong, other]) {
      expect(await outcome({ pake: login(secret) }, { pake: serverPake(ledger) })).toEqual([
        "pake_confirmation_mismatch",
        "alert_decrypt_error",
      ]);
    }
    expect(ledger).toMatchObject({ attempts: { length: 2 }, successes: 0 });
  });

  test("for another context, and for identities that the registration is not for", async () => {
    const codes = ["pake_confirmation_mismatch", "alert_decrypt_error"];
    expect(await outcome({ pake: login(right, { context: text("") }) }, { pake: serverPake() })).toEqual(
      codes,
    );
    expect(await outcome({ pake: login(right, { identity: text("bob") }) }, { pake: serverPake() })).toEqual(
      codes,
    );
  });

  test("for a client that goes on regardless: it can read nothing, and says nothing that is understood", async () => {
    let confirmation: Bytes | undefined;
    let shares = 0;
    const credulous: CryptoProvider = {
      ...crypto,
      hmac(name, key, ...parts) {
        // The second code over a share is the confirmation that a verifier would send.
        const isConfirmation = parts[0]?.length === 65 && parts[0][0] === 4 && ++shares === 2;
        return isConfirmation ? confirmation! : crypto.hmac(name, key, ...parts);
      },
    };
    const ledger: Ledger = { attempts: [], successes: 0 };
    const pair = passwordPair({ pake: login(wrong, {}, credulous) }, { pake: serverPake(ledger) });
    pair.network.filter = ({ from, bytes }) => {
      const at = pakeAt(bytes);
      if (from === "server" && at !== -1) confirmation ??= bytes.slice(at + 4 + 65, at + 4 + 65 + 32);
      return true;
    };
    expect(await failure(pair)).toEqual(["timeout", "idle_timeout"]);
    expect(shares).toBe(2);
    expect(pair.client.connection.drops.authentication).toBeGreaterThan(0);
    expect(ledger).toMatchObject({ attempts: { length: 1 }, successes: 0 });
  });

  test("with handshake_failure where the server has no password for it and nothing else to show", async () => {
    const declined = ["alert_handshake_failure", "no_credential"];
    expect(await outcome({}, { pake: serverPake(undefined, { begin: () => undefined }) })).toEqual(declined);
    expect(await outcome({}, {})).toEqual(declined);
    const groups = { groups: [], keyShareGroups: [] };
    expect(await outcome(groups, { pake: serverPake(undefined, { begin: () => undefined }) })).toEqual(
      declined,
    );
    expect(await outcome(groups, {})).toEqual(declined);
  });

  test("with the alert of whoever refuses it", async () => {
    const refuse = () => {
      throw new SealgramError("throttled", "too many", { alert: "access_denied" });
    };
    const refuseLater = async () => refuse();
    for (const begin of [refuse, refuseLater]) {
      const codes = await outcome({}, { pake: serverPake(undefined, { begin }) });
      expect(codes).toEqual(["alert_access_denied", "throttled"]);
    }
  });

  test("if the server has neither the password nor a PSK that was offered", async () => {
    const pair = createPair({ client: { pake: alice } });
    expect(await pair.connect()).toBe(true);
    expect(pair.client.connected?.peer).toEqual({ kind: "psk", identity: sharedPsk.identity });
    const strange = passwordPair({}, { choosePsk: () => ({ index: 0, psk: sharedPsk }) });
    expect(await strange.connect()).toBe(false);
  });

  test("before it begins, if certificates are asked for as well", () => {
    const verifyServer = { certificateTypes: [], verify: () => text("") };
    const config: ClientConfig = {
      ...base,
      role: "client",
      psks: [],
      keyShareGroups: [],
      pake: alice,
      verifyServer,
    };
    expect(() => asClient(config)).toThrow(TypeError);
  });
});

/** Changes what one side sends, wherever `find` says. */
function tamper(network: Network, from: string, change: (bytes: Bytes) => Bytes | undefined): void {
  network.filter = (datagram: Datagram) => {
    if (datagram.from !== from) return true;
    const changed = change(datagram.bytes.slice());
    if (changed === undefined) return true;
    network.inject(datagram.from, datagram.to, changed, 10);
    return false;
  };
}

/** Where the data of the `pake` extension begins in a datagram; -1 if it has none. */
const pakeAt = (bytes: Bytes): number => {
  const at = Buffer.from(bytes).indexOf(Buffer.from([ExtensionType.pake >> 8, ExtensionType.pake & 0xff]));
  return at === -1 ? -1 : at + 4;
};

/** Behind the identities "alice" and "server" with their lengths, the list's length, the scheme and the length. */
const clientShareAt: number = 2 + 5 + 2 + 6 + 2 + 2 + 2;

describe("a share on its way", () => {
  test("that is no point is an illegal parameter", async () => {
    const pair = passwordPair({}, { pake: serverPake() });
    tamper(pair.network, "client", (bytes) => {
      const at = pakeAt(bytes);
      if (at === -1) return undefined;
      bytes[at + clientShareAt + 64]! ^= 1;
      return bytes;
    });
    await failure(pair);
    expect(pair.server.error).toMatchObject({ code: "invalid_pake_share", alert: "illegal_parameter" });
    expect(pair.client.error?.code).toBe("alert_illegal_parameter");
  });

  test("that is another point leads to nothing", async () => {
    const pair = passwordPair({}, { pake: serverPake() });
    const point = crypto.generateKeyShare(NamedGroup.secp256r1) as { publicKey: Bytes };
    tamper(pair.network, "client", (bytes) => {
      const at = pakeAt(bytes);
      if (at === -1) return undefined;
      bytes.set(point.publicKey, at + clientShareAt);
      return bytes;
    });
    await pair.connect();
    expect(pair.client.error?.code).toBe("pake_confirmation_mismatch");
    expect(pair.server.connected).toBeUndefined();
  });

  test.each([
    ["the server's share", 4, "invalid_pake_share"],
    ["the server's confirmation", 4 + 65, "pake_confirmation_mismatch"],
    ["the scheme", 0, "wrong_pake"],
  ])("that has %s changed is refused by the client", async (_name, offset, code) => {
    const pair = passwordPair({}, { pake: serverPake() });
    tamper(pair.network, "server", (bytes) => {
      const at = pakeAt(bytes);
      if (at === -1) return undefined;
      bytes[at + offset]! ^= 1;
      return bytes;
    });
    await pair.connect();
    expect(pair.client.error?.code).toBe(code);
    expect(pair.server.connected).toBeUndefined();
  });

  test("cannot lose the key share beside it", async () => {
    const pair = passwordPair({}, { pake: serverPake() });
    // key_share becomes an extension that nobody knows.
    tamper(pair.network, "client", (bytes) => {
      const at = Buffer.from(bytes).indexOf(Buffer.from([0, ExtensionType.key_share, 0, 38]));
      if (at === -1) return undefined;
      bytes[at] = 0xfe;
      return bytes;
    });
    await pair.connect();
    expect(pair.client.connected).toBeUndefined();
    expect(pair.server.connected).toBeUndefined();
  });

  test("replayed opens nothing", async () => {
    const ledger: Ledger = { attempts: [], successes: 0 };
    const first = passwordPair({}, { pake: serverPake(ledger) });
    expect(await first.connect()).toBe(true);
    const recorded = first.network.sent.filter(({ from }) => from === "client");
    const second = passwordPair({}, { pake: serverPake(ledger) });
    for (const { bytes } of recorded) second.network.inject("client", "server", bytes, 10);
    await second.until(() => second.server.isClosed, 600_000);
    expect(second.server.connected).toBeUndefined();
    expect(ledger).toMatchObject({ attempts: { length: 2 }, successes: 1 });
  });
});

test("unknown and known identities get the same sizes in the same order", async () => {
  const trace = async (identity: string, secret: typeof right) => {
    const run = passwordServer(
      { pake: login(() => secret, { identity: text(identity) }) },
      {
        pake: serverPake(),
      },
    );
    const accepted = await run.run();
    const sizes = run.network.sent.map(({ from, bytes, atMs }) => [from, bytes.length, atMs]);
    return { sizes, codes: [run.client.error?.code, accepted?.error?.code] };
  };
  const unknown = await trace("mallo", right);
  const known = await trace("alice", wrong);
  expect(unknown).toEqual(known);
  expect(unknown.codes).toEqual(["pake_confirmation_mismatch", "alert_decrypt_error"]);
});

test("two logins share no secret, even where the PAKE is all of the key exchange", async () => {
  const materials: string[] = [];
  for (let seed = 1; seed <= 2; seed++) {
    const pair = passwordPair({ groups: [], keyShareGroups: [] }, { pake: serverPake() }, { seed });
    expect(await pair.connect()).toBe(true);
    materials.push(String(pair.client.connection.exportKeyingMaterial("EXPORTER-test", text(""), 32)));
  }
  expect(materials[0]).not.toBe(materials[1]);
});
