/** How a gateway answers who asks by HTTP: with what is its own first, and else with the pages of its program. */
import { HASHES_PATH } from "../endpoint/gateway-hashes.ts";
import type { Page, PageRequest } from "./options.ts";

export interface HttpQuestion {
  readonly method: string;
  /** The URL's path, as it was sent. */
  readonly path: string;
  readonly origin: string | undefined;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array<ArrayBuffer>;
}

export interface HttpSources {
  hashes(origin: string | undefined): Page;
  readonly pages: ((request: PageRequest) => Page | undefined) | undefined;
}

const NOTHING = new Uint8Array(0);

/** Answers a request that is none for a WebSocket. */
export function answerHttp({ method, path, origin }: HttpQuestion, sources: HttpSources): HttpAnswer {
  const page = path === HASHES_PATH ? sources.hashes(origin) : askFor({ path }, sources.pages);
  if (typeof page === "number") return { status: page, headers: { "content-length": "0" }, body: NOTHING };
  if (method !== "GET" && method !== "HEAD") {
    return { status: 405, headers: { allow: "GET, HEAD", "content-length": "0" }, body: NOTHING };
  }
  const body = typeof page.body === "string" ? new TextEncoder().encode(page.body) : page.body;
  return {
    status: page.status,
    headers: { ...page.headers, "content-length": `${body.length}` },
    body: method === "HEAD" ? NOTHING : body,
  };
}

/** The program's faults are its own: they are reported as uncaught, and no reason to answer nothing. */
function askFor(request: PageRequest, pages: HttpSources["pages"]): Page | number {
  try {
    return pages?.(request) ?? 404;
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
    return 500;
  }
}
