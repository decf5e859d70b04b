/** What a gateway answers to who asks by HTTP: where WebTransport is, and which certificates it shows there. */
import { toBase64 } from "../crypto/bytes.ts";
import { HASHES_PATH } from "../endpoint/gateway-hashes.ts";
import type { OwnCertificateHash } from "./certificates.ts";

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface HttpQuestion {
  readonly method: string;
  /** The URL's path. */
  readonly path: string;
  readonly origin: string | undefined;
}

/** For how long an answer is good, in seconds. */
const MAX_AGE = 60;

/**
 * Answers a request that is none for a WebSocket.
 * @param origins of pages that may read the hashes; `undefined` for any
 */
export function answerHttp(
  { method, path, origin }: HttpQuestion,
  hashes: readonly OwnCertificateHash[],
  origins: ReadonlySet<string> | undefined,
): HttpAnswer {
  if (path !== HASHES_PATH) return { status: 404, headers: {}, body: "" };
  if (method !== "GET" && method !== "HEAD") {
    return { status: 405, headers: { allow: "GET, HEAD" }, body: "" };
  }
  const headers: Record<string, string> = {
    "content-type": "application/json",
    "cache-control": `max-age=${MAX_AGE}`,
    "x-content-type-options": "nosniff",
  };
  if (origins === undefined) headers["access-control-allow-origin"] = "*";
  else {
    headers.vary = "origin";
    if (origin !== undefined && origins.has(origin)) headers["access-control-allow-origin"] = origin;
  }
  const certificateHashes = hashes.map(({ algorithm, value, notAfterMs }) => ({
    algorithm,
    value: toBase64(value),
    notAfter: new Date(notAfterMs).toISOString(),
  }));
  return { status: 200, headers, body: method === "HEAD" ? "" : JSON.stringify({ certificateHashes }) };
}
