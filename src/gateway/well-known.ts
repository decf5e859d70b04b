/** What a gateway tells at a well-known place: which certificates are shown where its WebTransport is. */
import { toBase64 } from "../crypto/bytes.ts";
import type { OwnCertificateHash } from "./certificates.ts";
import type { Page } from "./options.ts";

/** For how long an answer is good, in seconds. */
const MAX_AGE = 60;

/** A hash as JSON has it. */
export interface ToldHash {
  /** The algorithm, and the digest over the DER certificate. */
  readonly algorithm: string;
  /** In base64. */
  readonly value: string;
  /** When the certificate ends, by ISO 8601. */
  readonly notAfter: string;
}

export function toldHashes(hashes: readonly OwnCertificateHash[]): ToldHash[] {
  return hashes.map(({ algorithm, value, notAfterMs }) => ({
    algorithm,
    value: toBase64(value),
    notAfter: new Date(notAfterMs).toISOString(),
  }));
}

/**
 * @param origin of the page that asks
 * @param origins of pages that may read the answer; `undefined` for any
 */
export function hashesPage(
  certificateHashes: readonly ToldHash[],
  origin: string | undefined,
  origins: ReadonlySet<string> | undefined,
): Page {
  const headers: Record<string, string> = {
    "content-type": "application/json",
    "cache-control": `max-age=${MAX_AGE}`,
  };
  if (origins === undefined) headers["access-control-allow-origin"] = "*";
  else {
    headers.vary = "origin";
    if (origin !== undefined && origins.has(origin)) headers["access-control-allow-origin"] = origin;
  }
  return { status: 200, headers, body: JSON.stringify({ certificateHashes }) };
}
