/** The name of a public key, as sessions have it: `sha256:` and base64url. */
import { sha256 } from "@noble/hashes/sha2.js";
import { toBase64Url } from "../../crypto/bytes.ts";
import { createPinnedKeys } from "../../crypto/raw-public-key.ts";
import { ChatError } from "./protocol.ts";

/** @throws ChatError malformed for what is no key that can be verified with */
export function keyFingerprint(publicKey: Uint8Array): string {
  try {
    createPinnedKeys([publicKey]);
  } catch {
    throw new ChatError("malformed", "not a key that can be verified with");
  }
  return `sha256:${toBase64Url(sha256(publicKey))}`;
}
