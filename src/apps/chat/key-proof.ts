/**
 * What a user signs to show that a key is theirs: keying material of the session (as in RFC 8471 §3), so that nobody
 * registers the key of somebody else, whose public half is no secret. No other protocol signs what begins so.
 */
import { concatBytes } from "../../crypto/bytes.ts";
import type { Session } from "../../endpoint/session.ts";

// "Labels beginning with "EXPERIMENTAL" MAY be used for private use without registration" (RFC 5705 §4).
const LABEL = "EXPERIMENTAL sealgram key proof";
const BYTES = 32;

/** @throws TypeError after the session's end */
export function keyProof(session: Pick<Session, "exportKeyingMaterial">, publicKey: Uint8Array): Uint8Array {
  const material = session.exportKeyingMaterial(LABEL, publicKey, BYTES);
  return concatBytes(new TextEncoder().encode(`${LABEL}\0`), material);
}
