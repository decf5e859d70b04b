import { SealgramError } from "../errors.ts";
import type { Agreement, Awaitable, KeyShare } from "./provider.ts";

/** One named group: both sides of its key exchange. */
export interface Group {
  generate(): Awaitable<KeyShare>;
  respond(peer: Uint8Array): Awaitable<Agreement>;
}

/** Code points of RFC 8446 §4.2.7 and draft-ietf-tls-ecdhe-mlkem. */
export const Groups: {
  readonly x25519: 0x001d;
  readonly secp256r1: 0x0017;
  readonly X25519MLKEM768: 0x11ec;
} = { x25519: 0x001d, secp256r1: 0x0017, X25519MLKEM768: 0x11ec };

/** The peer's key_exchange field is none: RFC 8446 §4.2.8.2, §7.4.2. */
export const invalidKeyShare = (reason: string, cause?: unknown): SealgramError =>
  new SealgramError("invalid_key_share", reason, { alert: "illegal_parameter", cause });

export const checkLength = (bytes: Uint8Array, length: number, what: string): void => {
  if (bytes.length !== length) throw invalidKeyShare(`${what} of ${bytes.length} bytes, not ${length}`);
};

/** In a Diffie-Hellman group the responder does what the initiator does, all at once. */
export const respondByAgreeing = async (share: Awaitable<KeyShare>, peer: Uint8Array): Promise<Agreement> => {
  const own = await share;
  return { publicKey: own.publicKey, secret: await own.agree(peer) };
};
