/** Sessions as applications have them, on real DTLS connections and a virtual network: only sockets and the clock are not. */
import { setImmediate } from "node:timers/promises";
import type { Bytes } from "../../src/core/bytes.ts";
import type { CryptoProvider } from "../../src/crypto/provider.ts";
import { type ClientConfig, commonDefaults, type ServerConfig } from "../../src/dtls/config.ts";
import { Association, type AssociationOwner } from "../../src/endpoint/association.ts";
import { Deadlines } from "../../src/endpoint/deadlines.ts";
import { Session } from "../../src/endpoint/session.ts";
import { StreamsLink } from "../../src/endpoint/streams-link.ts";
import { Views } from "../../src/endpoint/views.ts";
import { uncaught } from "../../src/faults.ts";
import { SESSION_ALPN } from "../../src/session/alpn.ts";
import type { StreamSettings } from "../../src/session/settings.ts";
import { NamedGroup } from "../../src/tls/codepoints.ts";
import { clear, Network, type Node, type Weather } from "../sim/network.ts";
import { core, crypto, sharedPsk } from "../sim/pair.ts";
import { Random } from "../sim/random.ts";
import { sideOf } from "../sim/side.ts";

const CLIENT = "10.0.0.1:1";
const SERVER = "10.0.0.2:2";

/** The network asks for deadlines by itself. */
class VirtualDeadlines extends Deadlines {
  readonly #network: Network;

  constructor(network: Network) {
    super();
    this.#network = network;
  }

  override now(): number {
    return this.#network.nowMs;
  }

  override update(): void {}

  override remove(): void {}
}

function addressOf(text: string): { host: string; port: number } {
  const [host, port] = text.split(":");
  return { host: host!, port: Number(port) };
}

class End implements Node {
  readonly association: Association;
  session: Session | undefined;
  isClosed = false;
  #address: string;
  readonly #network: Network;

  constructor(
    network: Network,
    config: ClientConfig | ServerConfig,
    settings: StreamSettings,
    [address, peer]: [string, string],
    random: Random,
  ) {
    this.#network = network;
    this.#address = address;
    network.attach(address, this);
    const owner: AssociationOwner = {
      transmit: (datagram, to) => {
        network.send(this.#address, `${to.host}:${to.port}`, datagram as Bytes);
        return true;
      },
      newConnectionId: () => random.bytes(4),
      established: (association, details) => {
        this.session = new Session(association, {
          views: new Views(),
          details,
          peer: undefined,
          report: uncaught,
          drained: () => new Promise(() => {}),
          maxDatagramBytes: () => undefined,
          openStreams: (host) =>
            new StreamsLink(settings, false, association, config, addressOf(peer).host, host),
        });
      },
      moved() {},
      ended: () => {
        this.isClosed = true;
      },
      overdue() {},
    };
    const options = { pathValidated: true, connectionId: random.bytes(4) };
    const deadlines = new VirtualDeadlines(network);
    const never = Number.POSITIVE_INFINITY;
    this.association = new Association(owner, deadlines, sideOf(config), addressOf(peer), options, never);
  }

  /** Another address from now on, as behind a NAT that forgot. */
  move(address: string): void {
    this.#address = address;
    this.#network.attach(address, this);
  }

  get deadlineMs(): number | undefined {
    return this.association.deadlineMs;
  }

  receive(datagram: Bytes, from: string): void {
    const { host, port } = addressOf(from);
    this.association.receive(datagram, host, port);
  }

  handleTimeout(): void {
    this.association.handleTimeout();
  }

  /** Computations and promises come to rest. */
  async idle(): Promise<void> {
    do await setImmediate();
    while (this.association.connection.isComputing);
  }
}

export interface SealedPairOptions {
  readonly seed: number;
  readonly weather?: Partial<Weather>;
  readonly client?: StreamSettings;
  readonly server?: StreamSettings;
}

export class SealedPair {
  readonly network: Network;
  readonly random: Random;
  readonly clientEnd: End;
  readonly serverEnd: End;

  private constructor({ seed, weather, client = {}, server = {} }: SealedPairOptions) {
    this.random = new Random(seed);
    this.network = new Network(this.random, { ...clear, ...weather });
    // Keys are new each time; chance that decides when and how much is sent comes from the seed.
    const seeded: CryptoProvider = Object.create(crypto, {
      random: { value: (length: number) => this.random.bytes(length) },
    });
    const common = { ...commonDefaults, core, crypto: seeded, applicationProtocols: [SESSION_ALPN] };
    const { x25519 } = NamedGroup;
    const ofClient: ClientConfig = { ...common, role: "client", psks: [sharedPsk], keyShareGroups: [x25519] };
    const ofServer: ServerConfig = {
      ...common,
      role: "server",
      requireClientCertificate: false,
      acknowledgeServerName: true,
      choosePsk: () => ({ index: 0, psk: sharedPsk }),
    };
    this.clientEnd = new End(this.network, ofClient, client, [CLIENT, SERVER], this.random);
    this.serverEnd = new End(this.network, ofServer, server, [SERVER, CLIENT], this.random);
  }

  static async connected(options: SealedPairOptions): Promise<SealedPair> {
    const pair = new SealedPair(options);
    pair.clientEnd.association.start();
    const hasBoth = () => pair.clientEnd.session !== undefined && pair.serverEnd.session !== undefined;
    if (!(await pair.until(hasBoth, 60_000))) throw new Error("no handshake");
    return pair;
  }

  get client(): Session {
    return this.clientEnd.session!;
  }

  get server(): Session {
    return this.serverEnd.session!;
  }

  /** Lets time pass until a condition holds. */
  until(done: () => boolean, withinMs: number): Promise<boolean> {
    return this.network.run(done, this.network.nowMs + withinMs);
  }

  /** Lets time pass until something settles. */
  async settled<T>(promise: Promise<T>, withinMs = 600_000): Promise<T> {
    let isSettled = false;
    const settle = () => {
      isSettled = true;
    };
    promise.then(settle, settle);
    if (!(await this.until(() => isSettled, withinMs))) throw new Error(`nothing within ${withinMs} ms`);
    return promise;
  }
}
