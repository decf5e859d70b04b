/** How a gateway answers requests by HTTP: with what is its own first, and else with the pages of its program. */
import { HASHES_PATH } from "../endpoint/gateway-hashes.ts";
import type { Encoding, Page, PageRequest } from "./options.ts";

/** A request as a runtime's server has it. */
export interface HttpQuestion {
  readonly method: string;
  /** The URL's path and query, as they were sent. */
  readonly target: string;
  /** By their names in small letters. */
  readonly headers: Readonly<Record<string, string>>;
  /** Where the connection comes from. */
  readonly remote: string;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array<ArrayBuffer>;
}

export interface HttpSources {
  hashes(origin: string | undefined): Page;
  readonly pages: ((request: PageRequest) => PageAnswer | Promise<PageAnswer>) | undefined;
  clientAddress(question: HttpQuestion): string;
  /** Whether the client has come by TLS, as far as that is known. */
  isEncrypted(question: HttpQuestion): boolean;
}

type PageAnswer = Page | undefined;

const NOTHING = new Uint8Array(0);

/** Of answers that are the gateway's own, in which there is nothing to show. */
const plain = {
  "content-security-policy":
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
};

/** A year, as browsers want it at least for their lists (RFC 6797 §6.1). */
const HSTS = "max-age=31536000";

/** The path of a request's target. */
export function pathOf(target: string): string {
  return target.split("?", 1)[0]!;
}

/** Answers a request that is none for a WebSocket. */
export async function answerHttp(question: HttpQuestion, sources: HttpSources): Promise<HttpAnswer> {
  const answer = await answerPlainly(question, sources);
  if (!sources.isEncrypted(question)) return answer;
  return { ...answer, headers: { "strict-transport-security": HSTS, ...answer.headers } };
}

async function answerPlainly(question: HttpQuestion, sources: HttpSources): Promise<HttpAnswer> {
  const { method, target, headers } = question;
  const page = await pageFor(question, sources);
  if (typeof page === "number") return refusal(page);
  if (method !== "GET" && method !== "HEAD") return refusal(405, { allow: "GET, HEAD" });
  const answer = chosen(page, headers);
  const isOwn = pathOf(target) === HASHES_PATH;
  const all = isOwn ? { ...plain, ...answer.headers } : answer.headers;
  return { ...answer, headers: all, body: method === "HEAD" ? NOTHING : answer.body };
}

/** An answer without a body. */
export function refusal(status: number, headers: Readonly<Record<string, string>> = {}): HttpAnswer {
  return { status, headers: { ...plain, ...headers, "content-length": "0" }, body: NOTHING };
}

/** The program's faults are its own: they are reported as uncaught, and no reason to answer nothing. */
async function pageFor(question: HttpQuestion, sources: HttpSources): Promise<Page | number> {
  const { method, target, headers } = question;
  const path = pathOf(target);
  const query = target.slice(path.length);
  try {
    if (path === HASHES_PATH) return sources.hashes(headers.origin);
    return (
      (await sources.pages?.({ method, path, query, headers, address: sources.clientAddress(question) })) ??
      404
    );
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
    return 500;
  }
}

/** The page in the best encoding that the client takes, or what tells that the client has it (RFC 9110 §12.5.3, §13.1.2). */
function chosen(page: Page, wanted: Readonly<Record<string, string>>): HttpAnswer {
  const { status, encodings = {} } = page;
  const headers: Record<string, string> = { ...page.headers };
  const names = Object.keys(encodings) as Encoding[];
  if (names.length > 0) headers.vary = [headers.vary, "accept-encoding"].filter(Boolean).join(", ");
  const encoding = names.find((name) => takes(wanted["accept-encoding"] ?? "", name));
  const { etag } = headers;
  // Another encoding is another representation, with a tag of its own (RFC 9110 §8.8.3.3).
  if (etag !== undefined && encoding !== undefined) headers.etag = etag.replace(/"$/, `-${encoding}"`);
  if (status === 200 && headers.etag !== undefined && matches(wanted["if-none-match"], headers.etag)) {
    const { "content-type": _, ...kept } = headers;
    return { status: 304, headers: kept, body: NOTHING };
  }
  if (encoding !== undefined) headers["content-encoding"] = encoding;
  const content = (encoding && encodings[encoding]) ?? page.body;
  const body = typeof content === "string" ? new TextEncoder().encode(content) : content;
  return { status, headers: { ...headers, "content-length": `${body.length}` }, body };
}

function takes(acceptEncoding: string, encoding: Encoding): boolean {
  let takesOthers = false;
  for (const each of acceptEncoding.toLowerCase().split(",")) {
    const [name, ...parameters] = each.split(";").map((part) => part.trim());
    const weight = parameters.find((parameter) => parameter.startsWith("q="))?.slice(2) ?? "1";
    const isWanted = Number(weight) > 0;
    if (name === encoding) return isWanted;
    if (name === "*") takesOthers = isWanted;
  }
  return takesOthers;
}

/** By weak comparison (RFC 9110 §8.8.3.2). */
function matches(ifNoneMatch: string | undefined, etag: string): boolean {
  const opaque = (tag: string) => tag.trim().replace(/^W\//, "");
  const tags = ifNoneMatch?.split(",").map(opaque) ?? [];
  return tags.includes("*") || tags.includes(opaque(etag));
}
