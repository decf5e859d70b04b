import { describe, expect, onTestFinished, test, vi } from "vitest";
import type { Bytes } from "../../src/core/bytes.ts";
import {
  type ClientConfig,
  commonDefaults,
  type ServerConfig,
  type ServerPake,
} from "../../src/dtls/config.ts";
import {
  MemoryRecordStore,
  type PasswordOptions,
  type PasswordServerOptions,
  password,
  passwordServer,
  type RecordStore,
  register,
} from "../../src/login/index.ts";
import { LoginThrottle } from "../../src/login/throttle.ts";
import { NamedGroup } from "../../src/tls/codepoints.ts";
import { SimulatedConnection } from "../sim/endpoint.ts";
import { clear, Network } from "../sim/network.ts";
import { core, crypto } from "../sim/pair.ts";
import { Random } from "../sim/random.ts";
import { SimulatedServer } from "../sim/server.ts";

const iterations = 30_000;
const base = { ...commonDefaults, core, crypto };
const text = (value: string): Bytes => new TextEncoder().encode(value);
const records = await Promise.all(
  ["alice", "bob"].map((identity) => register({ identity, password: `${identity}'s password`, iterations })),
);
const alice: PasswordOptions = { identity: "alice", password: "alice's password" };
const wrong: PasswordOptions = { ...alice, password: "bob's password" };
const patient = () =>
  new LoginThrottle({ placeFailures: 1_000, identityFailures: 1_000, addressFailures: 1_000 });

/** Clients that come one after the other to a server behind the cookie exchange. */
class Hall {
  readonly network = new Network(new Random(1), clear);
  readonly #server: SimulatedServer;
  #guests = 0;

  private constructor(config: Partial<ServerConfig>) {
    const common = {
      ...base,
      role: "server" as const,
      requireClientCertificate: false,
      acknowledgeServerName: true,
    };
    this.#server = new SimulatedServer(this.network, { ...common, ...config }, "server");
  }

  static async open(
    whom: PasswordOptions | RecordStore,
    options: PasswordServerOptions = { throttle: patient() },
    more: Partial<ServerConfig> = {},
  ): Promise<Hall> {
    return new Hall({ ...(await password(whom, options).server({ crypto })), ...more });
  }

  /** One login from start to end. */
  async login(whom: PasswordOptions, host = "192.0.2.1", more: Partial<ClientConfig> = {}) {
    const address = `${++this.#guests} ${host}`;
    const auth = await password(whom).client({ crypto });
    const client = new SimulatedConnection(
      this.network,
      { ...base, role: "client", psks: [], keyShareGroups: [NamedGroup.x25519], ...auth, ...more },
      address,
      { path: "server", pathValidated: true },
    );
    const from = this.network.sent.length;
    const startMs = this.network.nowMs;
    client.connection.start();
    const server = () => this.#server.connections.get(address);
    await this.network.run(
      () =>
        (client.isClosed && server()?.isClosed === true) ||
        (client.connected !== undefined && server()?.connected !== undefined),
      startMs + 60_000,
    );
    return {
      client,
      server: server(),
      codes: [client.error?.code, server()?.error?.code],
      flights: this.network.sent
        .slice(from)
        .filter(({ from: sender, to }) => sender === address || to === address)
        .map(({ atMs, to, bytes }) => [atMs - startMs, to === address ? "down" : "up", bytes.length]),
    };
  }
}

const failed = ["pake_confirmation_mismatch", "alert_decrypt_error"];

describe("password()", () => {
  test("logs in whoever has the password of a record, and nobody else", async () => {
    const hall = await Hall.open(new MemoryRecordStore(records));
    const { client, server } = await hall.login(alice);
    expect(client.connected?.peer).toEqual({ kind: "password", identity: text("") });
    expect(server?.connected?.peer).toMatchObject({ kind: "password", identity: text("alice") });
    expect(
      (await hall.login({ identity: "bob", password: "bob's password" })).server?.connected,
    ).toBeDefined();
    expect((await hall.login(wrong)).codes).toEqual(failed);
    expect((await hall.login({ ...alice, serverIdentity: "elsewhere" })).codes).toEqual(failed);
  });

  test("treats an identity that does not exist like a wrong password: sizes, order, times, errors", async () => {
    const store = new MemoryRecordStore(records);
    const hall = await Hall.open(store, { throttle: patient(), iterations });
    const known = await hall.login(wrong);
    for (const identity of ["carol", "alicf", "al\u0000ce", "Alice"]) {
      const unknown = await hall.login({ ...wrong, identity });
      expect(unknown.codes).toEqual(failed);
      expect(unknown.flights).toEqual(known.flights);
    }
  });

  test("serves every node of a mesh, as client and as server", async () => {
    const nodes: PasswordOptions = { identity: "mesh", password: "of all nodes" };
    const [one, other] = [await Hall.open(nodes), await Hall.open(nodes)];
    for (const hall of [one, other]) {
      expect((await hall.login(nodes)).server?.connected?.peer).toMatchObject({ identity: text("mesh") });
      expect((await hall.login({ ...nodes, password: "of no node" })).codes).toEqual(failed);
    }
  });

  test("has BoringSSL's derivation, on both sides", async () => {
    const options = { ...alice, serverIdentity: "server", derivation: "scrypt" } as const;
    const hall = await Hall.open(options);
    const { server, client } = await hall.login(options);
    expect(server?.connected?.peer).toMatchObject({ identity: text("alice") });
    expect(client.connected?.peer).toEqual({ kind: "password", identity: text("server") });
    expect((await hall.login({ ...options, password: "wrong" })).codes).toEqual(failed);
    // Who has to ask for a salt learns that there is none.
    expect((await hall.login(alice)).codes).toEqual(["alert_handshake_failure", "no_credential"]);
  });

  test("does not compute what a server has no business to ask", async () => {
    for (const rounds of [29_999, 10_000_001, 2 ** 32 - 1]) {
      const [record] = records;
      const hall = await Hall.open(new MemoryRecordStore([{ ...record!, iterations: rounds }]));
      const { client } = await hall.login(alice);
      expect(client.error).toMatchObject({
        code: "unacceptable_pake_parameters",
        alert: "insufficient_security",
      });
    }
  });

  test("does not let servers without the password guess at it as often as the client comes back", async () => {
    vi.useFakeTimers({ toFake: ["performance"] });
    onTestFinished(() => void vi.useRealTimers());
    const auth = await password(alice).client({ crypto });
    const rogue = await Hall.open(new MemoryRecordStore([{ ...records[1]!, identity: "alice" }]));
    const next = async () => (await rogue.login(alice, "192.0.2.1", auth)).codes[0];
    for (let i = 0; i < 5; i++) expect(await next()).toBe("pake_confirmation_mismatch");
    for (const waitMs of [1_000, 2_000, 4_000]) {
      vi.advanceTimersByTime(waitMs - 1);
      expect(await next()).toBe("login_throttled");
      vi.advanceTimersByTime(1);
      expect(await next()).toBe("pake_confirmation_mismatch");
    }
    // Who types another password, or the same once more, means it.
    const own = await Hall.open(new MemoryRecordStore(records));
    expect((await own.login(alice)).client.connected).toBeDefined();
  });

  test("refuses a caller's mistakes at once", async () => {
    expect(() => password({ identity: "alice", password: "" })).toThrow(TypeError);
    expect(() => password({ identity: "a".repeat(256), password: "x" })).toThrow(RangeError);
    await expect(password(new MemoryRecordStore()).client({ crypto })).rejects.toThrow(TypeError);
  });
});

describe("salts of identities that do not exist", () => {
  const unknown = { identity: text("carol"), serverIdentity: text("") };
  const ask = async (server: ServerPake, who = unknown) => (await server.parameters!(who)).salt;

  test("stay the same under one secret, differ from each other, and are told with the usual rounds", async () => {
    const secret = crypto.random(32);
    const server = passwordServer(crypto, new MemoryRecordStore(records), { secret });
    const again = passwordServer(crypto, new MemoryRecordStore(), { secret });
    expect(await server.parameters!(unknown)).toEqual({ salt: await ask(again), iterations: 600_000 });
    expect(await ask(server)).toHaveLength(16);
    expect(await ask(server)).not.toEqual(await ask(server, { ...unknown, identity: text("dave") }));
    expect(await ask(server)).not.toEqual(
      await ask(server, { identity: text("car"), serverIdentity: text("ol") }),
    );
    expect(await ask(server)).not.toEqual(
      await ask(passwordServer(crypto, new MemoryRecordStore(), { secret: crypto.random(32) })),
    );
    const ours = await ask(server, { identity: text("alice"), serverIdentity: text("") });
    expect(ours).toEqual(records[0]!.salt);
  });
});

const tickets = () => {
  const sealed = new Map<string, Bytes>();
  return {
    now: () => 0,
    lifetimeSeconds: 3600,
    totalLifetimeSeconds: 3600,
    count: 1,
    seal(state: Bytes) {
      const ticket = crypto.random(16);
      sealed.set(String(ticket), state.slice());
      return ticket;
    },
    open: (ticket: Bytes) => sealed.get(String(ticket))?.slice(),
  };
};

describe("guessing", () => {
  test("is refused after a few failures, without an established session noticing, or another user", async () => {
    const hall = await Hall.open(new MemoryRecordStore(records), { iterations });
    const session = await hall.login(alice, "192.0.2.7");
    const outcomes: (string | undefined)[] = [];
    for (let i = 0; i < 23; i++) outcomes.push((await hall.login(wrong, `198.51.100.${i}`)).codes[1]);
    expect(outcomes).toEqual([
      ...new Array(20).fill("alert_decrypt_error"),
      ...new Array(3).fill("login_throttled"),
    ]);
    expect((await hall.login(alice, "192.0.2.9")).codes).toEqual(["alert_access_denied", "login_throttled"]);
    session.client.connection.send(text("still here"));
    await hall.network.run(() => session.server!.received.length > 0, hall.network.nowMs + 1_000);
    expect(session.server!.received).toEqual([text("still here")]);
    const bob = await hall.login({ identity: "bob", password: "bob's password" }, "192.0.2.8");
    expect(bob.server?.connected).toBeDefined();
  });

  test("by others leaves the user ways in: the address of an earlier login, and tickets from anywhere", async () => {
    const hall = await Hall.open(new MemoryRecordStore(records), { iterations }, { tickets: tickets() });
    const { client } = await hall.login(alice, "192.0.2.7");
    await hall.network.run(() => client.tickets.length > 0, hall.network.nowMs + 1_000);
    for (let i = 0; i < 21; i++) await hall.login(wrong, `198.51.100.${i}`);
    expect((await hall.login(alice, "203.0.113.5")).codes).toEqual([
      "alert_access_denied",
      "login_throttled",
    ]);
    expect((await hall.login(alice, "192.0.2.7")).server?.connected).toMatchObject({ resumed: false });
    const resumed = await hall.login(alice, "203.0.113.5", { ticket: client.tickets[0]! });
    expect(resumed.server?.connected).toMatchObject({ resumed: true });
  });

  test("is refused alike for identities that do not exist", async () => {
    const outcomes = await Promise.all(
      ["alice", "carol"].map(async (identity) => {
        const hall = await Hall.open(new MemoryRecordStore(records), { iterations });
        const codes: unknown[] = [];
        for (let i = 0; i < 21; i++)
          codes.push((await hall.login({ ...wrong, identity }, `198.51.100.${i}`)).codes);
        return codes;
      }),
    );
    expect(outcomes[0]).toEqual(outcomes[1]);
  });
});

describe("a changed password", () => {
  test("ends what the old one has left: tickets", async () => {
    const store = new MemoryRecordStore(records);
    const hall = await Hall.open(store, { throttle: patient() }, { tickets: tickets() });
    const { client } = await hall.login(alice);
    await hall.network.run(() => client.tickets.length > 0, hall.network.nowMs + 1_000);
    const ticket = client.tickets[0]!;
    const resume = () => hall.login(alice, "192.0.2.1", { ticket });
    expect((await resume()).server?.connected).toMatchObject({ resumed: true });
    store.set(await register({ ...alice, iterations }));
    expect((await resume()).server?.connected).toMatchObject({ resumed: false });
    store.delete("alice");
    expect((await resume()).codes).toEqual(failed);
  });
});
