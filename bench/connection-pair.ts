import { RecordCore } from "../src/core/index.ts";
import { createCoreHashes } from "../src/crypto/core-hashes.ts";
import { createNodeProvider } from "../src/crypto/node.ts";
import { nodeAes } from "../src/crypto/node-aes.ts";
import type { CryptoProvider } from "../src/crypto/provider.ts";
import { type ClientConfig, commonDefaults, type Psk, type ServerConfig } from "../src/dtls/config.ts";
import { Connection, type ConnectionHost } from "../src/dtls/connection.ts";
import { NamedGroup } from "../src/tls/codepoints.ts";
import { sideOf } from "../test/sim/side.ts";

// Both ends of a connection in one process, with nothing between them but a queue.

export const core: RecordCore = RecordCore.loadSync(undefined, { aes: nodeAes });
export const crypto: CryptoProvider = createNodeProvider(createCoreHashes(core));

const psk: Psk = {
  identity: new TextEncoder().encode("bench"),
  key: crypto.random(32),
  imported: true,
};

const common = { ...commonDefaults, core, crypto };
export const pskClient: ClientConfig = {
  ...common,
  role: "client",
  psks: [psk],
  keyShareGroups: [NamedGroup.x25519],
};
export const pskServer: ServerConfig = {
  ...common,
  role: "server",
  requireClientCertificate: false,
  acknowledgeServerName: false,
  choosePsk: () => ({ index: 0, psk }),
};

/** One end: what it sends goes into its peer's queue. */
export class End implements ConnectionHost {
  readonly connection: Connection;
  peer: End | undefined;
  isConnected = false;
  receivedBytes = 0;
  readonly #queue: Uint8Array<ArrayBuffer>[] = [];
  #woken: (() => void) | undefined;

  constructor(config: ClientConfig | ServerConfig, connectionId?: Uint8Array<ArrayBuffer>) {
    const path = { path: "peer", pathValidated: true };
    this.connection = new Connection(
      sideOf(config),
      this,
      connectionId === undefined ? path : { ...path, connectionId },
    );
  }

  now(): number {
    return performance.now();
  }

  transmit(datagram: Uint8Array<ArrayBuffer>): void {
    if (this.peer !== undefined) this.peer.#queue.push(datagram.slice());
  }

  data(_buffer: Uint8Array, _start: number, length: number): void {
    this.receivedBytes += length;
  }

  connected(): void {
    this.isConnected = true;
  }

  ticket(): void {}

  closed(reason: Error | undefined): void {
    if (reason !== undefined) throw reason;
  }

  moved(): void {}

  newConnectionId(): Uint8Array<ArrayBuffer> {
    return crypto.random(8);
  }

  wake(): void {
    this.#woken?.();
  }

  /** Takes what has arrived; answers whether there was anything. */
  takeAll(): boolean {
    const count = this.#queue.length;
    for (let i = 0; i < count; i++) this.connection.handleDatagram(this.#queue[i]!, "peer");
    this.#queue.splice(0, count);
    return count > 0;
  }

  /** Settles when something asynchronous is done. */
  woken(): Promise<void> {
    return new Promise((resolve) => {
      this.#woken = resolve;
    });
  }
}

/** A client and a server after their handshake. */
export async function connect(
  client: ClientConfig,
  server: ServerConfig,
  connectionId?: Uint8Array<ArrayBuffer>,
): Promise<{ client: End; server: End }> {
  const dialling = new End(client, connectionId === undefined ? undefined : new Uint8Array(0));
  const listening = new End(server, connectionId);
  dialling.peer = listening;
  listening.peer = dialling;
  dialling.connection.start();
  while (!(dialling.isConnected && listening.isConnected)) {
    const moved = listening.takeAll() || dialling.takeAll();
    if (moved) continue;
    if (!dialling.connection.isComputing && !listening.connection.isComputing)
      throw new Error("a handshake stalls");
    await Promise.race([dialling.woken(), listening.woken()]);
  }
  while (listening.takeAll() || dialling.takeAll());
  return { client: dialling, server: listening };
}
