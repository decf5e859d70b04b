/** Servers and gateways in other programs than the one that a suite runs in, so that a page can reach them too. */
import type { Bytes } from "../../src/core/bytes.ts";

export interface Outside {
  /** Base of the WebSocket gateway in Node. */
  readonly webSocket: string;
  /** Base of the WebTransport gateway in Deno, and where its certificates' hashes are; absent where nobody needs them. */
  readonly webTransport: { readonly url: string; readonly hashes: string } | undefined;
  /** A POST to `/webSocket` or `/webTransport` there stops that gateway and starts it again; answers when it has. */
  readonly restart: string;
  /** The servers in each runtime. */
  readonly servers: Readonly<Record<ServerRuntime, Servers>>;
}

/** `node` is the one that runs the tests: the oldest that there is, or what else somebody has. */
export const SERVER_RUNTIMES = ["node", "node24", "node26", "deno", "bun"] as const;

export type ServerRuntime = (typeof SERVER_RUNTIMES)[number];

/** How a client logs in, which is what a server is named by: by `keys`, both sides have one. */
export type LoginName = "psk" | "password" | "key" | "keys";

/**
 * Servers of one runtime. They send every datagram back, and ask what they are asked: the response to a request is the
 * port that it came from, in two bytes, and the client's own response to the same request.
 */
export interface Servers {
  readonly urls: Readonly<Record<LoginName, string>>;
  /** The key of those that have a key: SubjectPublicKeyInfo in base64. */
  readonly publicKey: string;
  /** A gateway on `wss:` in the same runtime, with the path `/psk`. */
  readonly secure: SecureGateway;
}

export interface SecureGateway {
  readonly url: string;
  /** That it shows, signed by itself: PEM. */
  readonly certificate: string;
}

/** The servers behind each gateway; those in Node have short names, too. */
export type TargetName = LoginName | "dead" | `${ServerRuntime}-${LoginName}`;

export const identity = "alice";
export const sharedKey: Bytes = new Uint8Array(32).fill(9);
export const sharedPassword = "correct horse";
/** A client's PKCS #8 and SubjectPublicKeyInfo in base64: the examples of RFC 8410 §10. */
export const clientKey = {
  privateKey: "MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC",
  publicKey: "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=",
} as const;
