import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { BuildResult, Metafile } from "esbuild";
import { expect, onTestFinished, test } from "vitest";
import { listen, password, psk, register } from "../../src/endpoint/node-index.ts";
import { openGateway } from "../../src/gateway/node-index.ts";
import { MemoryRecordStore } from "../../src/login/store.ts";

// What `npm run check` weighs is what apps of pages load.

interface App {
  readonly name: string;
  readonly later: readonly string[];
}

const root = fileURLToPath(new URL("../../", import.meta.url));
// Have no declarations.
const { PAGE_APPS, bundleApp, loadedWith } = (await import(
  new URL("../../tools/page-apps.mjs", import.meta.url).href
)) as {
  PAGE_APPS: readonly App[];
  bundleApp(app: App): Promise<BuildResult<{ write: false; metafile: true }>>;
  loadedWith(metafile: Metafile, sources: readonly string[]): ReadonlySet<string>;
};

test.each(PAGE_APPS)("a page's app loads what is weighed: $name", async (app) => {
  const alice = psk({ identity: "alice", key: new Uint8Array(32).fill(7) });
  const bob = await register({ identity: "bob", password: "correct horse", iterations: 30_000 });
  const auth = app.name.includes("password") ? password(new MemoryRecordStore([bob])) : alice;
  const server = await listen("udp://127.0.0.1:0", {
    auth,
    onsession: (session) => {
      session.ondatagram = (datagram) => void session.sendDatagram(datagram);
    },
  });
  onTestFinished(() => server.close());
  const gateway = await openGateway("http://127.0.0.1:0", { targets: { echo: server.url } });
  onTestFinished(() => gateway.close());

  mkdirSync(join(root, "build"), { recursive: true });
  const folder = mkdtempSync(join(root, "build/page-app-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const { outputFiles, metafile } = await bundleApp(app);
  for (const { path, text } of outputFiles) {
    const name = basename(path);
    writeFileSync(join(folder, name), `${text}\nglobalThis.loaded.push(${JSON.stringify(name)});`);
  }
  const entry = basename(
    Object.keys(metafile.outputs).find((path) => metafile.outputs[path]!.entryPoint === "app.js")!,
  );
  const program = `
import { WebSocket } from "ws";
globalThis.WebSocket ??= WebSocket;
globalThis.url = ${JSON.stringify(`${gateway.url.replace("http", "ws")}/echo`)};
globalThis.loaded = [];
globalThis.answered = (answer) => {
  console.log(JSON.stringify({ answer, loaded }));
  process.exit();
};
await import("./${entry}");
`;
  writeFileSync(join(folder, "package.json"), '{"type":"module"}');
  writeFileSync(join(folder, "main.mjs"), program);
  const { stdout } = await promisify(execFile)(process.execPath, [join(folder, "main.mjs")]);
  const { answer, loaded } = JSON.parse(stdout) as { answer: string; loaded: string[] };
  expect(answer).toBe("hello");
  const weighed = [...loadedWith(metafile, ["app.js", ...app.later])].map((path) => basename(path));
  expect(loaded.sort()).toEqual(weighed.sort());
});
