import type { connect as connectTcp } from "node:net";
import type { AesBackend } from "../../src/core/aes.ts";
import type { Bytes } from "../../src/core/bytes.ts";
import type { Awaitable } from "../../src/crypto/provider.ts";
import type * as entry from "../../src/endpoint/index.ts";
import type { serveDenoWebTransport } from "../../src/gateway/deno-webtransport.ts";
import type { openGateway } from "../../src/gateway/node-index.ts";
import type { UdpCarriers } from "../../src/transport/types.ts";
import type { Outside } from "./outside.ts";
import type { SystemSocket } from "./sockets.node.ts";

export type Endpoint = Pick<typeof entry, "connect" | "listen">;

export const AEADS = ["ChaCha20-Poly1305", "AES-128-GCM", "AES-256-GCM"] as const;

export type AeadName = (typeof AEADS)[number];

/** An AEAD as TLS uses it: 12-byte nonce, 16-byte tag after the ciphertext. */
export interface Aead {
  seal(
    key: Uint8Array,
    nonce: Uint8Array,
    additionalData: Uint8Array,
    plaintext: Uint8Array,
  ): Awaitable<Bytes>;
  /** `null` when the tag does not match. */
  open(
    key: Uint8Array,
    nonce: Uint8Array,
    additionalData: Uint8Array,
    ciphertext: Uint8Array,
  ): Awaitable<Bytes | null>;
  /**
   * The 16-byte mask for record numbers from a 16-byte sample of ciphertext (RFC 9147 §4.2.3),
   * where the reference has the bare cipher.
   */
  readonly mask?: (key: Uint8Array, sample: Uint8Array) => Bytes;
}

/** Somebody else's cryptography, to compare ours with. */
export interface Reference {
  readonly name: "node:crypto" | "WebCrypto" | "@noble/ciphers";
  readonly aeads: Readonly<Partial<Record<AeadName, Aead>>>;
}

/** What the runner knows of the place a suite runs in, so that suites import nothing of one runtime only. */
export interface Env {
  /** "node20", "node24", "node26", "deno", "bun", "chromium". */
  readonly runtime: string;
  readonly references: readonly Reference[];
  /** What AES-GCM records can stand on here, by name. */
  readonly aesBackends: Readonly<Record<string, AesBackend>>;
  /** The package's main entry point for this runtime. */
  readonly endpoint: Endpoint;
  /** Its sockets; `undefined` where there are none. */
  readonly carriers: UdpCarriers | undefined;
  /** Whether the runtime has UDP sockets, and whether these hear that nobody listens at the other end. */
  readonly udp: "none" | "unconnected" | "connected";
  /** The runtime's own sockets under those, in the order in which they were opened; `undefined` where there are none. */
  readonly systemSockets: readonly SystemSocket[] | undefined;
  /** What only the suites need that talk to other programs. */
  readonly gateways?: Gateways;
}

export interface Gateways {
  /** Whether clients of this runtime have WebTransport. */
  readonly hasWebTransport: boolean;
  /** The gateway of this runtime; `undefined` in browsers. */
  readonly openGateway: typeof openGateway | undefined;
  /** In Deno, which has QUIC. */
  readonly serveWebTransport: typeof serveDenoWebTransport | undefined;
  /** TCP without anything on it; `undefined` in browsers. */
  readonly connectTcp: typeof connectTcp | undefined;
  /** Whether this runtime was told to trust the certificates of {@link Servers.secure}. */
  readonly trustsSecure: boolean;
  readonly outside: Outside;
}
