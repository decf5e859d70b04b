/** Servers and gateways in other programs than the one that a suite runs in, so that a page can reach them too. */
import type { Bytes } from "../../src/core/bytes.ts";

export interface Outside {
  /** Base of the WebSocket gateway in Node. */
  readonly webSocket: string;
  /** Base of the WebTransport gateway in Deno, and where its certificates' hashes are; absent where nobody needs them. */
  readonly webTransport: { readonly url: string; readonly hashes: string } | undefined;
  /** A POST to `/webSocket` or `/webTransport` there stops that gateway and starts it again; answers when it has. */
  readonly restart: string;
  /** The key of the server that has one: SubjectPublicKeyInfo in base64. */
  readonly publicKey: string;
}

/** The servers behind each gateway send everything back; they are named by how a client logs in there. */
export type TargetName = "psk" | "password" | "key" | "dead";

export const identity = "alice";
export const sharedKey: Bytes = new Uint8Array(32).fill(9);
export const sharedPassword = "correct horse";
