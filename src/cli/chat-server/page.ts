/** The chat's page, as the gateway's HTTP side serves it. */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { extname, join, sep } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import type { Page, PageRequest } from "../../gateway/options.ts";

const types: Readonly<Record<string, string>> = {
  ".css": "text/css; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".ico": "image/x-icon",
  ".js": "text/javascript; charset=utf-8",
  ".json": "application/json",
  ".png": "image/png",
  ".svg": "image/svg+xml",
  ".txt": "text/plain; charset=utf-8",
  ".wasm": "application/wasm",
  ".webmanifest": "application/manifest+json",
  ".woff2": "font/woff2",
};

/** Names that change with the content, as bundlers make them. */
const HASHED = /-[A-Z0-9]{8}\.\w+$/;
const FOREVER = "public, max-age=31536000, immutable";

/** What the page is told of the chat, at `/chat.json`. */
export interface ChatDescription {
  readonly name: string;
  readonly link: string;
}

export class ChatPage {
  readonly #files = new Map<string, Page>();
  readonly #describe: () => ChatDescription;
  readonly #gateways: () => readonly string[];

  /**
   * @param folder of the page's files, which are all read now; `undefined` for no page
   * @param gateways URLs that the page may connect to, besides its own origin
   * @throws what the file system throws
   */
  constructor(
    folder: string | undefined,
    describe: () => ChatDescription,
    gateways: () => readonly string[],
  ) {
    this.#describe = describe;
    this.#gateways = gateways;
    if (folder === undefined) return;
    for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
      const type = types[extname(name)];
      if (type === undefined) continue;
      const path = `/${name.replaceAll(sep, "/")}`;
      const cache = HASHED.test(path) ? FOREVER : path === "/index.html" ? "no-store" : "no-cache";
      const body = new Uint8Array(readFileSync(join(folder, name)));
      const headers = { ...common, "content-type": type, "cache-control": cache, etag: tagOf(body) };
      this.#files.set(path, { status: 200, headers, body, encodings: compressed(body) });
    }
  }

  answer({ path }: PageRequest): Page | undefined {
    if (path === "/chat.json") {
      const headers = { ...common, "content-type": types[".json"]!, "cache-control": "no-store" };
      return { status: 200, headers, body: JSON.stringify(this.#describe()) };
    }
    const page = this.#files.get(path === "/" ? "/index.html" : path);
    return page && { ...page, headers: { ...page.headers, "content-security-policy": this.#policy() } };
  }

  /** Nothing but the page's own files, and what its own code makes of bytes; connections to this chat alone. */
  #policy(): string {
    const origins = this.#gateways().map((url) => new URL(url).origin);
    return [
      "default-src 'none'",
      "script-src 'self' 'wasm-unsafe-eval'",
      "style-src 'self'",
      "font-src 'self'",
      "img-src 'self' blob: data:",
      "media-src blob:",
      "manifest-src 'self'",
      "worker-src 'self'",
      `connect-src ${["'self'", ...origins].join(" ")}`,
      "base-uri 'none'",
      "form-action 'none'",
      "frame-ancestors 'none'",
      "require-trusted-types-for 'script'",
      "trusted-types 'none'",
    ].join("; ");
  }
}

function tagOf(body: Uint8Array): string {
  return `"${createHash("sha256").update(body).digest("base64url").slice(0, 22)}"`;
}

/** What has become shorter. All of a page takes some 50 ms at this quality, and is 10 % shorter at the highest one. */
function compressed(body: Uint8Array): NonNullable<Page["encodings"]> {
  const br = brotliCompressSync(body, { params: { [constants.BROTLI_PARAM_QUALITY]: 5 } });
  const gzip = gzipSync(body, { level: 9 });
  return {
    ...(br.length < body.length && { br: new Uint8Array(br) }),
    ...(gzip.length < body.length && { gzip: new Uint8Array(gzip) }),
  };
}

/** What the page does not use, of what browsers have to give. It writes to the clipboard, and no more. */
const DENIED = [
  ...["accelerometer", "autoplay", "camera", "display-capture", "encrypted-media", "fullscreen", "gamepad"],
  ...["geolocation", "gyroscope", "hid", "idle-detection", "magnetometer", "microphone", "midi", "payment"],
  ...["picture-in-picture", "publickey-credentials-get", "screen-wake-lock", "serial", "sync-xhr", "usb"],
  ...["web-share", "xr-spatial-tracking"],
];

/** As OWASP's Secure Headers Project recommends them. */
const common = {
  "cross-origin-embedder-policy": "require-corp",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "permissions-policy": DENIED.map((feature) => `${feature}=()`).join(", "),
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
};
