/** Keys that users log in by, which they have to show that they have. */
import { fromBase64 } from "../../../crypto/bytes.ts";
import { createNodeProvider } from "../../../crypto/node.ts";
import type { SignatureScheme } from "../../../crypto/provider.ts";
import { signatureSchemes } from "../../../crypto/signature.ts";
import type { Session } from "../../../endpoint/session.ts";
import { keyFingerprint } from "../key-fingerprint.ts";
import { keyProof } from "../key-proof.ts";
import { ChatError } from "../protocol.ts";
import type { Credential } from "../types.ts";

const { verify } = createNodeProvider();

/**
 * The fingerprint of a key whose private half the user of a session has.
 * @throws ChatError malformed for what is no key that can be verified with; not_allowed without the proof
 */
export function provenKey(
  session: Pick<Session, "exportKeyingMaterial">,
  { publicKey, scheme, signature }: Extract<Credential, { kind: "key" }>,
): string {
  const key = bytesOf(publicKey);
  const fingerprint = keyFingerprint(key);
  const isProven =
    Object.hasOwn(signatureSchemes, scheme) &&
    verify(scheme as SignatureScheme, key, keyProof(session, key), bytesOf(signature));
  if (isProven !== true)
    throw new ChatError("not_allowed", "the signature does not show that the key is yours");
  return fingerprint;
}

function bytesOf(base64: string): Uint8Array {
  try {
    return fromBase64(base64);
  } catch {
    throw new ChatError("malformed", "not base64");
  }
}
