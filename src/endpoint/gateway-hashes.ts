/** The certificates that a gateway has made itself, for WebTransport's serverCertificateHashes. */

import { fromBase64 } from "../crypto/bytes.ts";
import { SealgramError } from "../errors.ts";
import { checkOptions } from "../options.ts";
import type { CertificateHash } from "../transport/types.ts";

/** Where a gateway tells them, relative to its origin. */
export const HASHES_PATH = "/.well-known/sealgram";

/** Of SHA-256. */
const HASH_BYTES = 32;

/**
 * Asks a gateway for the hashes of the certificate that it shows at present, and of the one it will show next.
 * @param url of the gateway; what its HTTP side is reached by, as `https://gateway.example`
 * @throws SealgramError gateway_unreachable, or the signal's reason
 */
export async function gatewayHashes(
  url: string | URL,
  options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<CertificateHash[]> {
  checkOptions("gatewayHashes", options, { signal: 1 });
  const { href } = new URL(HASHES_PATH, url);
  const { signal = null } = options;
  let problem: unknown;
  try {
    const response = await fetch(href, { signal, credentials: "omit" });
    if (response.ok) return read(await response.json());
    problem = new Error(`HTTP status ${response.status}`);
  } catch (error) {
    signal?.throwIfAborted();
    problem = error;
  }
  throw new SealgramError("gateway_unreachable", `there are no hashes to be had from ${href}`, {
    cause: problem,
  });
}

/** @throws TypeError for anything else than a gateway's answer */
function read(body: unknown): CertificateHash[] {
  const { certificateHashes } = body as { certificateHashes: readonly Record<string, string>[] };
  return certificateHashes.map(({ algorithm, value }) => {
    const bytes = fromBase64(value ?? "");
    if (algorithm !== "sha-256" || bytes.length !== HASH_BYTES) throw new TypeError("not a SHA-256 hash");
    return { algorithm, value: bytes };
  });
}
