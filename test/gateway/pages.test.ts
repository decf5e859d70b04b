/** Pages of the program that a gateway is part of, beside what is the gateway's own. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect as connectTcp } from "node:net";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test, vi } from "vitest";
import { answerHttp, type HttpAnswer } from "../../src/gateway/http.ts";
import { type Gateway, type GatewayOptions, openGateway, type Page } from "../../src/gateway/node-index.ts";
import { hashesPage } from "../../src/gateway/well-known.ts";

// Has no declarations.
const { findRuntime } = (await import(new URL("../../tools/runtimes.mjs", import.meta.url).href)) as {
  findRuntime(name: string): Promise<{ command: string; args: string[] }>;
};

const page: Page = {
  status: 200,
  headers: { "content-type": "text/html; charset=utf-8", "content-security-policy": "default-src 'none'" },
  body: "<p>dünn</p>",
};
const bytes = Uint8Array.of(0, 255, 1, 254);
const pages = ({ path }: { path: string }): Page | undefined => {
  if (path === "/") return page;
  if (path === "/bytes.bin") return { status: 200, headers: {}, body: bytes };
  return undefined;
};

function ask(
  method: string,
  target: string,
  of: GatewayOptions["pages"] | undefined = pages,
  headers: Record<string, string> = {},
  isEncrypted = false,
): Promise<HttpAnswer> {
  return answerHttp(
    { method, target, headers, remote: "192.0.2.1" },
    {
      hashes: (origin) => hashesPage([], origin, undefined),
      pages: of,
      clientAddress: ({ remote }) => remote,
      isEncrypted: () => isEncrypted,
    },
  );
}

test("GET and HEAD differ in the body alone; nothing else is allowed", async () => {
  const got = await ask("GET", "/");
  expect(got).toMatchObject({ status: 200, headers: { ...page.headers, "content-length": "12" } });
  expect(new TextDecoder().decode(got.body)).toBe(page.body);
  const head = await ask("HEAD", "/");
  expect(head).toEqual({ ...got, body: new Uint8Array(0) });
  for (const method of ["POST", "PUT", "DELETE", "OPTIONS", "get"]) {
    const refused = await ask(method, "/");
    expect(refused).toMatchObject({ status: 405, headers: { ...guarded, allow: "GET, HEAD" } });
    expect(refused.body).toHaveLength(0);
  }
});

const guarded = {
  "content-security-policy": expect.stringMatching(/^default-src 'none';.*frame-ancestors 'none'$/),
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
};

test("what is not there is not there, whether there are pages or not", async () => {
  for (const path of ["/game", "/other", "", "*", "/%2e%2e/", "http://evil.example/"]) {
    for (const of of [pages, undefined]) {
      const { status, headers, body } = await ask("GET", path, of ?? (() => undefined));
      expect([status, body.length]).toEqual([404, 0]);
      expect(headers).toEqual({ ...guarded, "content-length": "0" });
    }
  }
});

test("what is the gateway's own is not asked of the program", async () => {
  const asked = vi.fn(() => page);
  const { status, headers, body } = await ask("GET", "/.well-known/sealgram", asked);
  expect([status, JSON.parse(new TextDecoder().decode(body))]).toEqual([200, { certificateHashes: [] }]);
  expect(headers).toMatchObject({ ...guarded, "access-control-allow-origin": "*" });
  expect((await ask("POST", "/.well-known/sealgram", asked)).status).toBe(405);
  expect(asked).not.toHaveBeenCalled();
});

test("who comes by TLS is told to stay with it, whatever the answer is", async () => {
  for (const [method, target] of [
    ["GET", "/"],
    ["GET", "/none"],
    ["PUT", "/"],
    ["GET", "/.well-known/sealgram"],
  ]) {
    const [secure, plain] = [await ask(method!, target!, pages, {}, true), await ask(method!, target!)];
    expect(secure.headers["strict-transport-security"]).toMatch(/^max-age=31536000/);
    expect(plain.headers["strict-transport-security"]).toBeUndefined();
  }
});

test("the program sees the request, and may take its time", async () => {
  const seen = vi.fn(async ({ query }: { query: string }) => (query === "?in" ? page : undefined));
  expect((await ask("GET", "/x?in", seen, { cookie: "a=b" })).status).toBe(200);
  expect((await ask("GET", "/x", seen)).status).toBe(404);
  const asked = { method: "GET", path: "/x", query: "?in", headers: { cookie: "a=b" }, address: "192.0.2.1" };
  expect(seen.mock.calls[0]).toEqual([asked]);
});

test("a compressed page is told apart from the plain one, and neither is sent twice", async () => {
  const [br, gzip] = [Uint8Array.of(1), Uint8Array.of(2, 2)];
  const headers = { "content-type": "text/plain", etag: '"abc"', vary: "cookie" };
  const packed = (): Page => ({ status: 200, headers, body: "abc", encodings: { br, gzip } });
  const get = (wanted: Record<string, string>) => ask("GET", "/", packed, wanted);
  for (const [accepts, encoding, length] of [
    ["gzip, deflate, br", "br", 1],
    ["br;q=0, GZIP", "gzip", 2],
    ["*", "br", 1],
    ["*;q=0.5, br; q=0", "gzip", 2],
    ["identity, deflate", undefined, 3],
    ["br;q=0.000, gzip;q=0", undefined, 3],
    ["", undefined, 3],
  ] as const) {
    const answer = await get({ "accept-encoding": accepts });
    expect(answer.headers["content-encoding"], accepts).toBe(encoding);
    expect(answer.headers["content-length"]).toBe(`${length}`);
    expect(answer.headers.vary).toBe("cookie, accept-encoding");
    const etag = encoding === undefined ? '"abc"' : `"abc-${encoding}"`;
    expect(answer.headers.etag).toBe(etag);
    for (const known of [etag, `W/${etag}`, `"x", ${etag}`, "*"]) {
      const again = await get({ "accept-encoding": accepts, "if-none-match": known });
      expect([again.status, again.body.length, again.headers.etag], known).toEqual([304, 0, etag]);
      expect(again.headers["content-length"]).toBeUndefined();
      expect(again.headers.vary).toBe("cookie, accept-encoding");
    }
    const other = await get({ "accept-encoding": accepts, "if-none-match": '"abc-x", "ab"' });
    expect(other.status).toBe(200);
  }
});

async function gatewayWith(options: Partial<GatewayOptions>): Promise<Gateway> {
  const gateway = await openGateway("http://127.0.0.1:0", { targets: {}, ...options });
  onTestFinished(() => gateway.close());
  return gateway;
}

test("in Node, one origin for pages and hashes", async () => {
  const told = [{ algorithm: "sha-256", value: "AAAA", notAfter: "2030-01-01T00:00:00.000Z" }];
  const { url } = await gatewayWith({ pages, certificateHashes: () => told });
  const index = await fetch(`${url}/`);
  expect(index.status).toBe(200);
  expect(Object.fromEntries(index.headers)).toMatchObject({ ...page.headers, "content-length": "12" });
  expect(await index.text()).toBe(page.body);
  expect(new Uint8Array(await (await fetch(`${url}/bytes.bin?x=1`)).arrayBuffer())).toEqual(bytes);
  const head = await fetch(url, { method: "HEAD" });
  expect([head.status, head.headers.get("content-length"), await head.text()]).toEqual([200, "12", ""]);
  expect((await fetch(url, { method: "POST", body: "x" })).status).toBe(405);
  expect((await fetch(`${url}/none`)).status).toBe(404);
  const hashes = await fetch(`${url}/.well-known/sealgram`);
  expect(await hashes.json()).toEqual({ certificateHashes: told });
  await checkRequests(url);
});

/** The answer to a request as it is written here. */
function raw(url: string, ...lines: string[]): Promise<string> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve) => {
    let answer = "";
    const socket = connectTcp(Number(port), hostname);
    socket.on("error", () => {}).on("close", () => resolve(answer));
    socket.on("data", (data) => {
      answer += data;
      // Some runtimes leave the connection open after refusals.
      if (answer.includes("\r\n\r\n")) socket.end();
    });
    socket.write(`${lines.join("\r\n")}\r\n\r\n`);
  });
}

/** What no client sends that means well, and what some do. */
async function checkRequests(url: string): Promise<void> {
  const upgrade = (protocol: string) => ["Connection: Upgrade", `Upgrade: ${protocol}`];
  for (const hosts of [
    ["Host: a", "Host: b"],
    ["Host: a", "host: a"],
    ["Host: a b"],
    ["Host: a/b"],
    ["Host: x@y"],
  ]) {
    expect(await raw(url, "GET / HTTP/1.1", ...hosts), hosts.join()).toMatch(/^HTTP\/1.1 400 /);
    const socket = [
      ...upgrade("websocket"),
      "Sec-WebSocket-Version: 13",
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    ];
    expect(await raw(url, "GET /game HTTP/1.1", ...hosts, ...socket), hosts.join()).toMatch(
      /^HTTP\/1.1 400 /,
    );
  }
  for (const protocol of ["h2c", "TLS/1.0, HTTP/1.1", "nonsense"]) {
    expect(await raw(url, "GET / HTTP/1.1", "Host: a", ...upgrade(protocol)), protocol).toMatch(
      /^HTTP\/1.1 200 /,
    );
    expect(await raw(url, "GET /no HTTP/1.1", "Host: a", ...upgrade(protocol)), protocol).toMatch(
      /^HTTP\/1.1 404 /,
    );
  }
  const old = [
    "Host: a",
    ...upgrade("websocket"),
    "Sec-WebSocket-Version: 7",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
  ];
  expect(await raw(url, "GET /game HTTP/1.1", ...old)).toMatch(
    /^HTTP\/1.1 4(00|26) .*sec-websocket-version: 13/is,
  );
  const missing = await fetch(`${url}/none`);
  expect(Object.fromEntries(missing.headers)).toMatchObject(guarded);
  const refused = await fetch(url, { method: "DELETE" });
  expect(Object.fromEntries(refused.headers)).toMatchObject({ ...guarded, allow: "GET, HEAD" });
}

test.each(["deno", "bun"])("the same in %s", async (runtime) => {
  const { command, args } = await findRuntime(runtime);
  const program = fileURLToPath(new URL("paged-gateway.ts", import.meta.url));
  const child = spawn(command, [...args, program], { stdio: ["pipe", "pipe", "inherit"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  const [line] = await once(child.stdout, "data");
  const url = String(line).trim();
  const index = await fetch(`${url}/`);
  expect(index.headers.get("content-type")).toBe("text/html");
  expect([index.status, index.headers.get("content-length")]).toEqual([200, "12"]);
  expect(await index.text()).toBe(page.body);
  const head = await fetch(url, { method: "HEAD" });
  expect([head.status, head.headers.get("content-length"), await head.text()]).toEqual([200, "12", ""]);
  expect((await fetch(url, { method: "POST", body: "x" })).status).toBe(405);
  expect((await fetch(`${url}/none`)).status).toBe(404);
  await checkRequests(url);
  child.stdin.end();
  expect(await once(child, "exit")).toEqual([0, null]);
});

test("a program that fails is its own fault, and the gateway goes on", async () => {
  const fault = new Error("no such page");
  const uncaught = new Promise((resolve) => {
    const others = process.rawListeners("uncaughtException");
    process.removeAllListeners("uncaughtException");
    process.once("uncaughtException", (error) => {
      for (const other of others) process.on("uncaughtException", other as () => void);
      resolve(error);
    });
  });
  const { url } = await gatewayWith({
    pages({ path }) {
      if (path === "/fails") throw fault;
      return page;
    },
  });
  expect((await fetch(`${url}/fails`)).status).toBe(500);
  expect(await uncaught).toBe(fault);
  expect((await fetch(url)).status).toBe(200);
});
