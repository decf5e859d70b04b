/** A client and a server on a virtual network: the shortest way to a handshake in a test. */
import { RecordCore } from "../../src/core/index.ts";
import { createNodeProvider } from "../../src/crypto/node.ts";
import { nodeAes } from "../../src/crypto/node-aes.ts";
import type { CryptoProvider } from "../../src/crypto/provider.ts";
import { type ClientConfig, commonDefaults, type Psk, type ServerConfig } from "../../src/dtls/config.ts";
import type { ConnectionOptions } from "../../src/dtls/connection.ts";
import { NamedGroup } from "../../src/tls/codepoints.ts";
import { SimulatedConnection } from "./endpoint.ts";
import { clear, Network, type Weather } from "./network.ts";
import { Random } from "./random.ts";

export const core: RecordCore = RecordCore.loadSync(undefined, { aes: nodeAes });
export const crypto: CryptoProvider = createNodeProvider();

/** A key that both sides have, unless a test says otherwise. */
export const sharedPsk: Psk = {
  identity: new TextEncoder().encode("alice"),
  key: new Uint8Array(32).fill(7),
  imported: true,
};

export interface PairOptions {
  readonly seed?: number;
  readonly weather?: Partial<Weather>;
  readonly client?: Partial<ClientConfig>;
  readonly server?: Partial<ServerConfig>;
  readonly clientOptions?: Partial<ConnectionOptions>;
  readonly serverOptions?: Partial<ConnectionOptions>;
}

export interface Pair {
  readonly network: Network;
  readonly client: SimulatedConnection;
  readonly server: SimulatedConnection;
  /** Whether both sides are connected; false once either has ended. */
  connect(withinMs?: number): Promise<boolean>;
  /** Runs the network until a condition holds. */
  until(done: () => boolean, withinMs?: number): Promise<boolean>;
}

/** Two connections that share {@link sharedPsk} and know each other's address. */
export function createPair(options: PairOptions = {}): Pair {
  const network = new Network(new Random(options.seed ?? 1), { ...clear, ...options.weather });
  const base = { ...commonDefaults, core, crypto };
  const client = new SimulatedConnection(
    network,
    { ...base, role: "client", psks: [sharedPsk], keyShareGroups: [NamedGroup.x25519], ...options.client },
    "client",
    { pathValidated: true, ...options.clientOptions, path: "server" },
  );
  const server = new SimulatedConnection(
    network,
    {
      ...base,
      role: "server",
      requireClientCertificate: false,
      acknowledgeServerName: true,
      choosePsk: () => ({ index: 0, psk: sharedPsk }),
      ...options.server,
    },
    "server",
    { pathValidated: true, ...options.serverOptions, path: "client" },
  );
  const until = (done: () => boolean, withinMs = 60_000) => network.run(done, network.nowMs + withinMs);
  return {
    network,
    client,
    server,
    until,
    async connect(withinMs = 120_000) {
      client.connection.start();
      const connected = () => client.connected !== undefined && server.connected !== undefined;
      await until(() => connected() || client.isClosed || server.isClosed, withinMs);
      return connected() && !client.isClosed && !server.isClosed;
    },
  };
}
