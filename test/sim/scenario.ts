/** One simulated life of a session, all of it decided by a seed, and what must hold of it whatever happens. */

import { expect } from "vitest";
import { RecordCore, webCryptoAes } from "../../src/core/index.ts";
import { equalBytes } from "../../src/crypto/bytes.ts";
import { createNobleHashes } from "../../src/crypto/hashes.ts";
import { createNodeProvider } from "../../src/crypto/node.ts";
import { nodeAes } from "../../src/crypto/node-aes.ts";
import type { NamedGroup as Group } from "../../src/crypto/provider.ts";
import { createProvider } from "../../src/crypto/webcrypto.ts";
import {
  type ClientConfig,
  commonDefaults,
  type ServerConfig,
  type SessionTicket,
} from "../../src/dtls/config.ts";
import { NamedGroup } from "../../src/tls/codepoints.ts";
import { CipherSuite, suiteParameters } from "../../src/tls/suites.ts";
import { type Authentication, authenticate, authentications, ticketProtector } from "./credentials.ts";
import { SimulatedConnection } from "./endpoint.ts";
import { clear, Network, type Weather } from "./network.ts";
import { Random } from "./random.ts";
import { type Pace, pacedAes, pacedProvider, Work } from "./work.ts";

/** Everything that a seed decides; a test may fix any of it. */
export interface Scenario {
  readonly pace: Pace;
  readonly authentication: Authentication;
  /** A second session resumes the first. */
  readonly resumes: boolean;
  readonly suite: CipherSuite;
  readonly group: Group;
  /** The client guesses another group, and is asked for the right one. */
  readonly guessesWrongGroup: boolean;
  readonly applicationProtocol: string | undefined;
  /** Of the connection IDs that each side wants to receive; `undefined` for a side that does not negotiate them. */
  readonly clientIdLength: number | undefined;
  readonly serverIdLength: number | undefined;
  readonly weather: Weather;
  /** Records that a key may seal. */
  readonly sealedLimit: number | undefined;
  /** What happens once the session stands. */
  readonly steps: number;
}

const paces: readonly Pace[] = ["immediate", "immediate", "virtual", "real"];
const suites = Object.values(CipherSuite);
const groups = [NamedGroup.x25519, NamedGroup.secp256r1, NamedGroup.X25519MLKEM768] as const;

export function scenarioOf(seed: number): Scenario {
  const random = new Random(seed);
  const pick = <T>(list: readonly T[]): T => list[random.below(list.length)]!;
  const idLength = () => (random.chance(0.3) ? undefined : random.below(21));
  const isRough = random.chance(0.8);
  return {
    pace: pick(paces),
    authentication: pick(authentications),
    resumes: random.chance(0.3),
    suite: pick(suites),
    group: random.chance(0.5) ? NamedGroup.x25519 : pick(groups),
    guessesWrongGroup: random.chance(0.2),
    applicationProtocol: random.chance(0.5) ? pick(["a", "b"]) : undefined,
    clientIdLength: idLength(),
    serverIdLength: idLength(),
    weather: {
      delayMs: random.below(200),
      jitterMs: isRough ? random.below(300) : 0,
      loss: isRough ? random.next() * 0.3 : 0,
      duplication: isRough ? random.next() * 0.3 : 0,
      corruption: isRough && random.chance(0.3) ? random.next() * 0.1 : 0,
      mtuBytes: random.chance(0.3) ? 296 + random.below(1000) : 65_535,
    },
    sealedLimit: random.chance(0.2) ? 200 : undefined,
    steps: 10 + random.below(30),
  };
}

let current: Work;
const backends = { immediate: nodeAes, virtual: nodeAes, real: webCryptoAes() } as const;
const cores = Object.fromEntries(
  Object.entries(backends).map(([pace, backend]) => [
    pace,
    RecordCore.loadSync(undefined, {
      aes: pace === "immediate" ? nodeAes : pacedAes(backend, () => current),
    }),
  ]),
) as Record<Pace, RecordCore>;
const providers = {
  immediate: createNodeProvider(),
  virtual: createNodeProvider(),
  real: createProvider({ hashes: createNobleHashes() }),
};

/** What is known of how a life went, for tests that look closer. */
export interface Outcome {
  readonly established: boolean;
  readonly clientReason: string | undefined;
  readonly serverReason: string | undefined;
  readonly keyUpdates: number;
  readonly delivered: number;
}

const HANDSHAKE_LIMIT_MS = 1_200_000;

/** Lives a session, and after it one that resumes it if the scenario says so. Fails where anything does not hold. */
export async function live(seed: number, fixed: Partial<Scenario> = {}): Promise<Outcome> {
  const scenario = { ...scenarioOf(seed), ...fixed };
  const random = new Random(~seed);
  const network = new Network(new Random(seed ^ 0x5eed), scenario.weather);
  const work = new Work(network, new Random(seed ^ 0xa51c), scenario.pace);
  current = work;
  const core = cores[scenario.pace];
  const slots = core.statistics.slots;
  const secrets = [random.bytes(32)];
  const first = await new Life(scenario, network, work, random, secrets).run();
  let outcome = first.outcome;
  const ticket = first.ticket;
  if (scenario.resumes && ticket !== undefined) {
    network.weather = scenario.weather;
    // Another server of the same ring, which has a newer key by now.
    secrets.unshift(random.bytes(32));
    outcome = (await new Life(scenario, network, work, random, secrets, ticket).run()).outcome;
  }
  expect(core.statistics.slots, "slots of the record core in use").toBe(slots);
  return outcome;
}

class Life {
  readonly #scenario: Scenario;
  readonly #network: Network;
  readonly #random: Random;
  readonly #client: SimulatedConnection;
  readonly #server: SimulatedConnection;
  readonly #expected: ReturnType<typeof authenticate>;
  readonly #ticket: SessionTicket | undefined;
  /** Whether the server may send what it likes from the beginning. */
  readonly #isServerSure: boolean;

  constructor(
    scenario: Scenario,
    network: Network,
    work: Work,
    random: Random,
    secrets: readonly Uint8Array[],
    ticket?: SessionTicket,
  ) {
    this.#scenario = scenario;
    this.#network = network;
    this.#random = random;
    this.#ticket = ticket;
    const { pace, suite, group, guessesWrongGroup, applicationProtocol, sealedLimit } = scenario;
    const crypto = pacedProvider(providers[pace], work);
    const expected = authenticate(
      scenario.authentication,
      suiteParameters(suite).hash,
      network,
      work,
      crypto,
    );
    this.#expected = expected;
    const common = {
      ...commonDefaults,
      core: cores[pace],
      crypto,
      cipherSuites: [suite],
      ...(applicationProtocol === undefined ? {} : { applicationProtocols: [applicationProtocol] }),
      ...(sealedLimit === undefined ? {} : { keyLimits: { sealed: sealedLimit } }),
    };
    const guess = groups.find((candidate) => candidate !== group)!;
    const client: ClientConfig = {
      ...common,
      role: "client",
      psks: [],
      groups: guessesWrongGroup ? [guess, group] : [group],
      keyShareGroups: [guessesWrongGroup ? guess : group],
      ...(ticket === undefined ? {} : { ticket }),
      ...expected.client,
    };
    const server: ServerConfig = {
      ...common,
      role: "server",
      groups: [group],
      requireClientCertificate: false,
      acknowledgeServerName: true,
      tickets: ticketProtector(providers[pace], secrets, network, work),
      ...expected.server,
    };
    const id = (length: number | undefined) =>
      length === undefined ? {} : { connectionId: random.bytes(length) };
    const suffix = ticket === undefined ? "" : " again";
    this.#isServerSure = random.chance(0.5);
    this.#server = new SimulatedConnection(network, server, `server${suffix}`, {
      path: `client${suffix}`,
      pathValidated: this.#isServerSure,
      ...id(scenario.serverIdLength),
    });
    this.#client = new SimulatedConnection(network, client, `client${suffix}`, {
      path: `server${suffix}`,
      pathValidated: true,
      ...id(scenario.clientIdLength),
    });
  }

  #until(done: () => boolean, withinMs: number): Promise<boolean> {
    return this.#network.run(done, this.#network.nowMs + withinMs);
  }

  async run(): Promise<{ outcome: Outcome; ticket: SessionTicket | undefined }> {
    const [client, server] = [this.#client, this.#server];
    client.connection.start();
    this.#network.invariant = () => this.#checkTimers();
    await this.#until(
      () =>
        (client.connected !== undefined && server.connected !== undefined) ||
        (client.isClosed && (server.isClosed || server.connection.deadlineMs === undefined)) ||
        (server.isClosed && client.isClosed),
      HANDSHAKE_LIMIT_MS,
    );
    const established = client.connected !== undefined && server.connected !== undefined;
    let traffic = { keyUpdates: 0, delivered: 0 };
    if (established && !client.isClosed && !server.isClosed) {
      this.#checkAgreement();
      traffic = await this.#exchange();
    } else if (!established) this.#checkFailure();
    const ticket = client.tickets[0];
    await this.#end();
    return {
      outcome: {
        established,
        clientReason: client.error?.code,
        serverReason: server.error?.code,
        ...traffic,
      },
      ticket,
    };
  }

  /** Nobody waits for the other side without a timer, and timers send, but for what an address may not get. */
  #checkTimers(): void {
    // At every step: expectations would take most of the time.
    for (const end of [this.#client, this.#server]) {
      if (end.standsStill) throw new Error(`a ${end.role} waits without a timer`);
      const mayBeSilent = end === this.#server && !this.#isServerSure;
      if (end.silentTimeouts > 0 && !mayBeSilent) throw new Error(`a ${end.role} does not send what is due`);
    }
  }

  /**
   * A handshake fails only where datagrams are corrupted, and then for a reason that can be told; or where one side never
   * hears anything of the other.
   */
  #checkFailure(): void {
    const ends = [this.#client, this.#server];
    for (const { error } of ends) {
      if (error?.code === "internal_error") throw new Error("an internal error", { cause: error.cause });
    }
    if (ends.some(({ address }) => !this.#network.heard.has(address))) return;
    const reasons = ends.map(({ error }) => error && `${error.code} (${error.message})`);
    const isCorrupted = this.#scenario.weather.corruption > 0;
    expect(isCorrupted, `only corruption makes a handshake fail, not ${reasons}`).toBe(true);
  }

  #checkAgreement(): void {
    const [client, server] = [this.#client.connected!, this.#server.connected!];
    const { clientIdentity, serverIdentity } = this.#expected;
    expect(client.cipherSuite).toBe(server.cipherSuite);
    expect(client.group).toBe(this.#scenario.group);
    expect(server.group).toBe(this.#scenario.group);
    expect(client.applicationProtocol).toBe(this.#scenario.applicationProtocol);
    expect(server.applicationProtocol).toBe(this.#scenario.applicationProtocol);
    const asksForSalt = this.#scenario.authentication === "password-asking" && this.#ticket === undefined;
    const isAsked = this.#scenario.guessesWrongGroup || asksForSalt;
    expect(client.usedHelloRetryRequest).toBe(isAsked);
    expect(server.usedHelloRetryRequest).toBe(isAsked);
    expect(client.resumed).toBe(this.#ticket !== undefined);
    expect(server.resumed).toBe(this.#ticket !== undefined);
    expect(client.peer).toEqual(serverIdentity);
    expect(server.peer).toEqual(clientIdentity);
    const context = this.#random.bytes(this.#random.below(20));
    const [a, b] = [this.#client, this.#server].map(({ connection }) =>
      connection.exportKeyingMaterial("EXPORTER-simulation", context, 48),
    );
    expect(a).toEqual(b);
  }

  /** Traffic both ways under the weather, with everything that can be done to a session in between. */
  async #exchange(): Promise<{ keyUpdates: number; delivered: number }> {
    const [client, server] = [this.#client, this.#server];
    const random = this.#random;
    const ends = [
      { from: client, to: server, sent: new Map<number, Uint8Array>() },
      { from: server, to: client, sent: new Map<number, Uint8Array>() },
    ];
    const send = ({ from, sent }: (typeof ends)[number]) => {
      if (from.isClosed) return;
      const length = 4 + random.below(Math.min(from.connection.maxDataBytes - 20, 400));
      const content = random.bytes(length);
      new DataView(content.buffer).setUint32(0, sent.size);
      from.connection.send(content, random.below(3) * 8);
      sent.set(sent.size, content.slice());
    };
    for (let step = 0; step < this.#scenario.steps; step++) {
      const end = ends[random.below(2)]!;
      const action = random.next();
      if (end.from.isClosed) break;
      if (action < 0.6) for (let burst = random.below(4); burst >= 0; burst--) send(end);
      else if (action < 0.75) end.from.connection.updateKeys(random.chance(0.5));
      else if (action < 0.85) end.from.connection.requestConnectionIds(random.below(6));
      else if (action < 0.9) end.from.connection.changeConnectionId();
      else if (action < 0.95) client.move(`client at ${step}`);
      await this.#until(() => false, random.below(400));
    }
    // In better weather everything has to come to rest, whatever it was before.
    this.#network.weather = clear;
    const rest = () => ends.every(({ from }) => from.isClosed || !from.connection.isBusy);
    expect(await this.#until(rest, 600_000), "everything is acknowledged in the end").toBe(true);
    for (const end of ends) send(end);
    await this.#until(() => false, 2_000);
    let delivered = 0;
    for (const { from, to, sent } of ends) {
      const seen = new Set<number>();
      for (const content of to.received) {
        const index = new DataView(content.buffer, content.byteOffset).getUint32(0);
        if (seen.has(index)) throw new Error(`datagram ${index} was delivered twice`);
        seen.add(index);
        if (!equalBytes(content, sent.get(index)!))
          throw new Error(`datagram ${index} was changed on its way`);
      }
      delivered += seen.size;
      const hasMoved = client.address !== "client" && client.address !== "client again";
      if (!from.isClosed && !to.isClosed && !(hasMoved && from === server)) {
        expect(seen.has(sent.size - 1), "in good weather data arrives").toBe(true);
      }
    }
    for (const { error } of [client, server]) if (error !== undefined) throw error;
    return { keyUpdates: client.connection.writeEpoch + server.connection.writeEpoch - 6, delivered };
  }

  /** However it ends, nothing stays behind. */
  async #end(): Promise<void> {
    const [client, server] = [this.#client, this.#server];
    if (this.#random.chance(0.7)) (this.#random.chance(0.5) ? client : server).connection.close();
    // Whoever has not heard of the end learns it from silence; a server that waits for a first message has no timer.
    await this.#until(() => client.isClosed && server.isClosed, 1_000_000);
    for (const end of [client, server]) {
      expect(end.isClosed, "both ends come to an end").toBe(true);
      expect(end.deadlineMs, "nothing is due after the end").toBeUndefined();
    }
    await this.#until(() => false, 10_000);
  }
}
