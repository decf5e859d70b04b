/** What CertificateVerify and Finished prove (RFC 9846 §4.5.2 and §4.5.3). */
import type { Bytes } from "../core/bytes.ts";
import { constantTimeEqual } from "./constant-time.ts";
import { fault } from "./wire.ts";

export type Role = "client" | "server";

const encoder = new TextEncoder();
const paddingLength = 64;

function prefix(role: Role): Uint8Array {
  const context = encoder.encode(`TLS 1.3, ${role} CertificateVerify`);
  const bytes = new Uint8Array(paddingLength + context.length + 1);
  bytes.fill(0x20, 0, paddingLength);
  bytes.set(context, paddingLength);
  return bytes;
}

const prefixes: Readonly<Record<Role, Uint8Array>> = { client: prefix("client"), server: prefix("server") };

/**
 * The content that a CertificateVerify signs. DTLS keeps the context strings of TLS.
 * @param signer who signs
 * @param transcriptHash through the signer's Certificate
 */
export function certificateVerifyContent(signer: Role, transcriptHash: Uint8Array): Bytes {
  const start = prefixes[signer];
  const content = new Uint8Array(start.length + transcriptHash.length);
  content.set(start);
  content.set(transcriptHash, start.length);
  return content;
}

/** @throws SealgramError decrypt_error unless a Finished holds the verify_data that it should */
export function checkFinished(expected: Uint8Array, received: Uint8Array): void {
  if (!constantTimeEqual(expected, received)) {
    throw fault("decrypt_error", "finished_mismatch", "the Finished message does not match the handshake");
  }
}
