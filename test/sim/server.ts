/** A server at one address of the virtual network, with the stateless front that all servers have. */
import type { Bytes } from "../../src/core/bytes.ts";
import { Acceptor, type Verdict } from "../../src/dtls/acceptor.ts";
import type { ServerConfig } from "../../src/dtls/config.ts";
import { SimulatedConnection } from "./endpoint.ts";
import type { Network, Node } from "./network.ts";

export class SimulatedServer implements Node {
  /** By the client's address. */
  readonly connections: Map<string, SimulatedConnection> = new Map();
  readonly drops: string[] = [];
  readonly #network: Network;
  readonly #config: ServerConfig;
  readonly #acceptor: Acceptor;
  readonly #address: string;
  /** Verdicts that wait for a look-up. */
  readonly #pending = new Set<Promise<void>>();

  constructor(network: Network, config: ServerConfig, address: string) {
    this.#network = network;
    this.#config = config;
    this.#address = address;
    this.#acceptor = new Acceptor(config);
    network.attach(address, this);
  }

  receive(datagram: Bytes, from: string): void {
    const known = this.connections.get(from);
    if (known !== undefined) {
      known.receive(datagram, from);
      return;
    }
    this.#follow(this.#acceptor.judge(datagram, new TextEncoder().encode(from), this.#network.nowMs), from);
  }

  #follow(verdict: Verdict, from: string): void {
    if (verdict.kind === "drop") this.drops.push(verdict.reason);
    else if (verdict.kind === "answer") this.#network.send(this.#address, from, verdict.datagram);
    else if (verdict.kind === "later") {
      const followed = verdict.verdict.then((later) => {
        this.#pending.delete(followed);
        this.#follow(later, from);
      });
      this.#pending.add(followed);
    } else {
      const options = { path: from, pathValidated: true, retry: verdict.retry };
      const connection = new SimulatedConnection(this.#network, this.#config, this.#address, options);
      // The server answers at the address, not the connection.
      this.#network.attach(this.#address, this);
      this.connections.set(from, connection);
      connection.receive(new Uint8Array(verdict.datagram), from);
    }
  }

  get deadlineMs(): number | undefined {
    const deadlines = [...this.connections.values()].map(
      ({ deadlineMs }) => deadlineMs ?? Number.POSITIVE_INFINITY,
    );
    const first = Math.min(Number.POSITIVE_INFINITY, ...deadlines);
    return first === Number.POSITIVE_INFINITY ? undefined : first;
  }

  handleTimeout(): void {
    for (const connection of this.connections.values()) {
      if ((connection.deadlineMs ?? Number.POSITIVE_INFINITY) <= this.#network.nowMs)
        connection.handleTimeout();
    }
  }

  async idle(): Promise<void> {
    while (this.#pending.size > 0) await Promise.all(this.#pending);
    for (const connection of this.connections.values()) await connection.idle();
  }
}
