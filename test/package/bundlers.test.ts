import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { build } from "esbuild";
import { beforeAll, expect, onTestFinished, test } from "vitest";
import { consumer, outputOf, root } from "./consumer.ts";

// What bundlers make of the package, and what becomes of that where a page may not do everything.

// These have no declarations.
const { setupCompilers } = (await import(new URL("../../tools/setup.mjs", import.meta.url).href)) as {
  setupCompilers(): Promise<void>;
};
const { findRuntime } = (await import(new URL("../../tools/runtimes.mjs", import.meta.url).href)) as {
  findRuntime(name: string): Promise<{ command: string }>;
};
beforeAll(setupCompilers);

const PAGE = `
import { connect, psk } from "sealgram";
const auth = psk({ identity: "alice", key: new Uint8Array(32) });
globalThis.codeOf = (url) => connect(url, { auth, timeoutMs: 50_000 }).then(() => "connected", ({ code, message }) => code + ": " + message);
`;

test("webpack bundles a page without a warning", async () => {
  writeFileSync(join(consumer, "page.js"), PAGE);
  const webpack = createRequire(join(root, "test/compilers/"))("webpack");
  const stats = await new Promise<{ compilation: { warnings: Error[]; errors: Error[] } }>(
    (resolve, reject) => {
      const output = { path: join(consumer, "webpack") };
      const config = {
        mode: "production",
        context: consumer,
        entry: "./page.js",
        output,
        resolve: { symlinks: false },
      };
      webpack(config, (error: Error | null, result: never) =>
        error === null ? resolve(result) : reject(error),
      );
    },
  );
  const { warnings, errors } = stats.compilation;
  expect([...warnings, ...errors].map(({ message }) => message)).toEqual([]);
});

test("a chat's server in a bundle, with SQLite left outside", async () => {
  const source = `
import { openChat } from "sealgram/chat/server";
const chat = await openChat({ folder: "bundled-chat", url: "udp://127.0.0.1:0" });
console.log(new URL(chat.url).protocol);
await chat.close();
`;
  const { outputFiles } = await build({
    ...{ stdin: { contents: source, resolveDir: consumer }, bundle: true, write: false, logLevel: "silent" },
    ...{ platform: "node", format: "esm", external: ["node-sqlite3-wasm", "ws"] },
  });
  expect(await outputOf("node", "bundled-chat.mjs", outputFiles[0]!.text)).toBe("udp:\n");
});

/** A page of its own under a policy, with the bundle of PAGE; asked in Chromium. */
async function inChromium(policy: string, ask: string, isServiceWorker = false): Promise<string> {
  writeFileSync(join(consumer, "page.js"), PAGE);
  const { outputFiles } = await build({
    ...{ entryPoints: [join(consumer, "page.js")], bundle: true, write: false, format: "esm", outdir: "/" },
    ...{ splitting: isServiceWorker, platform: "browser", logLevel: "silent" },
  });
  const files = new Map(outputFiles.map(({ path, text }) => [path, text]));
  const worker = `${files.get("/page.js")}\nonmessage = ({ data, ports: [port] }) => codeOf(data).then((code) => port.postMessage(code));`;
  const server = createServer(({ url = "/" }, response) => {
    const script = url === "/worker.js" ? worker : files.get(url);
    response.setHeader("content-type", script === undefined ? "text/html" : "text/javascript");
    if (policy !== "") response.setHeader("content-security-policy", policy);
    response.end(script ?? '<!doctype html><script type="module" src="/page.js"></script>');
  });
  await new Promise<void>((resolve) => server.listen(0, "localhost", resolve));
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  const { chromium } = await import("playwright-core");
  const { command: executablePath } = await findRuntime("chromium");
  const browser = await chromium.launch({ executablePath, chromiumSandbox: false, args: ["--disable-gpu"] });
  onTestFinished(() => browser.close());
  const page = await browser.newPage();
  await page.goto(`http://localhost:${(server.address() as AddressInfo).port}/`);
  await page.waitForFunction("globalThis.codeOf");
  if (!isServiceWorker) return page.evaluate(`codeOf(${JSON.stringify(ask)})`);
  return page.evaluate(`(async () => {
    await navigator.serviceWorker.register("/worker.js", { type: "module" });
    const { active } = await navigator.serviceWorker.ready;
    const { port1, port2 } = new MessageChannel();
    const answer = new Promise((resolve) => { port1.onmessage = ({ data }) => resolve(data); });
    active.postMessage(${JSON.stringify(ask)}, [port2]);
    return answer;
  })()`);
}

test("a page whose policy forbids WebAssembly is told so", async () => {
  expect(await inChromium("script-src 'self'", "ws://127.0.0.1:1/x")).toMatch(
    /^no_webassembly: .*wasm-unsafe-eval/,
  );
});

test.each(["ws://127.0.0.1:2/x", "https://127.0.0.1:2/x"])(
  "a page whose policy forbids %s is told so",
  async (url) => {
    const policy = "script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'";
    expect(await inChromium(policy, url)).toMatch(/^gateway_unreachable: /);
  },
);

test("a service worker that was bundled with splitting is told so", async () => {
  expect(await inChromium("", "ws://127.0.0.1:2/x", true)).toMatch(
    /^module_unavailable: .*service workers have no import\(\)/,
  );
});
