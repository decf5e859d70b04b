/** Pages of the program that a gateway is part of, beside what is the gateway's own. */
import { spawn } from "node:child_process";
import { once } from "node:events";
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

function ask(method: string, path: string, of: typeof pages | undefined = pages): HttpAnswer {
  return answerHttp(
    { method, path, origin: undefined },
    { hashes: (origin) => hashesPage([], origin, undefined), pages: of },
  );
}

test("GET and HEAD differ in the body alone; nothing else is allowed", () => {
  const got = ask("GET", "/");
  expect(got).toMatchObject({ status: 200, headers: { ...page.headers, "content-length": "12" } });
  expect(new TextDecoder().decode(got.body)).toBe(page.body);
  const head = ask("HEAD", "/");
  expect(head).toEqual({ ...got, body: new Uint8Array(0) });
  for (const method of ["POST", "PUT", "DELETE", "OPTIONS", "get"]) {
    const refused = ask(method, "/");
    expect(refused).toMatchObject({ status: 405, headers: { allow: "GET, HEAD" } });
    expect(refused.body).toHaveLength(0);
  }
});

test("what is not there is not there, whether there are pages or not", () => {
  for (const path of ["/game", "/other", "", "*", "/%2e%2e/", "http://evil.example/"]) {
    for (const of of [pages, undefined]) {
      expect(ask("GET", path, of)).toEqual({
        status: 404,
        headers: { "content-length": "0" },
        body: new Uint8Array(0),
      });
    }
  }
});

test("what is the gateway's own is not asked of the program", () => {
  const asked = vi.fn(() => page);
  const { status, body } = ask("GET", "/.well-known/sealgram", asked);
  expect([status, JSON.parse(new TextDecoder().decode(body))]).toEqual([200, { certificateHashes: [] }]);
  expect(ask("POST", "/.well-known/sealgram", asked).status).toBe(405);
  expect(asked).not.toHaveBeenCalled();
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
});

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
