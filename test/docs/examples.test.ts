import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { expect, test } from "vitest";
import { folder, Program, writePrograms } from "./programs.ts";

// The programs of docs/embedding.md do what the page says.

const programs = await writePrograms("docs/embedding.md");
const tested = new Set<string>();

/** Runs a program to its end, and answers what it has said. */
async function outputOf(name: string, runtime = "node", ...args: string[]): Promise<string> {
  tested.add(name);
  const program = await Program.run(name, runtime, ...args);
  expect(await program.ended, program.output).toBe(0);
  return program.output;
}

async function started(
  name: string,
  pattern: RegExp,
  runtime = "node",
): Promise<[program: Program, said: string]> {
  tested.add(name);
  const program = await Program.run(name, runtime);
  return [program, await program.said(pattern)];
}

const RUNTIMES = ["node", "deno", "bun"];

test.each(RUNTIMES)("a server in %s, and its clients in Node, Deno and Bun", async (runtime) => {
  const [server] = await started("server.mjs", /listening/, runtime);
  for (const each of RUNTIMES) {
    expect(await outputOf("client.mjs", each)).toBe('{"city":"Oslo","celsius":21}\n');
  }
  await server.said(/(alice is here\ngone, with code 1\n){3}/);
  expect(await server.stop()).toBe(0);
});

test("without a server", async () => {
  expect(await outputOf("client.mjs")).toBe("no session: refused\n");
  expect(await outputOf("client.mjs", "bun")).toBe("no session: refused\n");
  // Deno is not told.
  expect(await outputOf("client.mjs", "deno")).toBe("no session: timeout\n");
});

test.each(RUNTIMES)("a gateway in %s", async (runtime) => {
  const [gateway] = await started("gateway.mjs", /^http:\/\/127/, runtime);
  expect(await gateway.stop()).toBe(0);
});

test.each([
  ["site.mjs", "node"],
  ["site.mjs", "deno"],
  ["site-fetch.mjs", "deno"],
  ["site-fetch.mjs", "bun"],
])("%s: a gateway on a server that is there, in %s", async (name, runtime) => {
  const [site, said] = await started(name, /^http:\/\/127\S+/, runtime);
  expect(await (await fetch(said)).text()).toBe("a page");
  const { WebSocket } = await import("ws");
  const socket = new WebSocket(`${said.replace("http", "ws")}/gateway/none`);
  const code = await new Promise((resolve) => socket.once("close", resolve));
  // unknown_target: it is the gateway that has answered.
  expect(code).toBe(4404);
  expect(await site.stop()).toBe(0);
});

test("a page, bundled by esbuild and by Vite", async () => {
  tested.add("page.js");
  const { metafile } = await build({
    ...{ entryPoints: ["page.js"], absWorkingDir: folder, outdir: "esbuild", write: false, metafile: true },
    ...{ bundle: true, splitting: true, format: "esm", target: "es2022", logLevel: "silent" },
  });
  expect(
    Object.values(metafile.outputs).flatMap(({ imports }) => imports.filter((each) => each.external)),
  ).toEqual([]);
  // Vitest brings it.
  const vite = await import("vite");
  const built = (await vite.build({
    ...{ root: folder, configFile: false, logLevel: "silent" },
    build: { write: false, target: "es2022", rolldownOptions: { input: join(folder, "page.js") } },
  })) as { output: { type: string; code?: string }[] };
  const code = built.output.map(({ code = "" }) => code).join("\n");
  expect([code.includes("PBKDF2"), /["']node:/.test(code)]).toEqual([true, false]);
});

test("a Worker, bundled with its module", async () => {
  tested.add("worker.js");
  const { metafile } = await build({
    ...{ entryPoints: ["worker.js"], absWorkingDir: folder, outdir: "worker", write: false, metafile: true },
    ...{
      bundle: true,
      format: "esm",
      platform: "neutral",
      mainFields: ["module", "main"],
      logLevel: "silent",
    },
    ...{ conditions: ["workerd", "worker", "browser"], external: ["*.wasm"] },
  });
  const external = Object.values(metafile.outputs).flatMap(({ imports }) =>
    imports.filter((each) => each.external),
  );
  expect([...new Set(external.map(({ path }) => path))]).toEqual(["sealgram/core.wasm"]);
});

test.each(RUNTIMES)("the engine on message ports, in %s", async (runtime) => {
  expect(await outputOf("engine.mjs", runtime)).toBe("connected, TLS_CHACHA20_POLY1305_SHA256\nhello\n");
});

test.each(RUNTIMES)("the record core, in %s", async (runtime) => {
  expect(await outputOf("core.mjs", runtime)).toBe("hello\n");
});

test.each(RUNTIMES)("users in a database, in %s", async (runtime) => {
  expect(await outputOf("store.mjs", runtime)).toBe("logged in by TLS_CHACHA20_POLY1305_SHA256\n");
});

test.each(RUNTIMES)("a chat's server, a bot and a user interface, in %s", async (runtime) => {
  const link = /^sealgram:\/\/\S+/;
  const [first, ownerOfFirst] = await started("chat-server.mjs", link, runtime);
  expect(await outputOf("bot.mjs", runtime, ownerOfFirst)).toBe("bot: !add 20 22\nbot: 42\n");
  expect(await first.stop()).toBe(0);
  // The bot is the owner now; another server, another folder's owner.
  rmSync(join(folder, "chat"), { recursive: true });
  const [second, ownerOfSecond] = await started("chat-server.mjs", link, runtime);
  const seen = (await outputOf("view.mjs", runtime, ownerOfSecond)).trim().split("\n");
  expect(seen.at(-1)).toBe("connected garden: ada hello stored");
  expect(seen).toContain("connected garden: ada hello sending");
  expect(await second.stop()).toBe(0);
  // What one runtime has written, the others read: the server's key, and that there is an owner.
  const [withoutInvitation] = ownerOfSecond.split("&invitation=");
  for (const other of RUNTIMES) {
    const [server, again] = await started("chat-server.mjs", link, other);
    expect(again).toBe(withoutInvitation);
    expect(await server.stop()).toBe(0);
  }
  rmSync(join(folder, "chat"), { recursive: true });
});

test.each(RUNTIMES)("looking inside, in %s", async (runtime) => {
  const output = await outputOf("observe.mjs", runtime);
  expect(output).toMatch(/^CLIENT_HANDSHAKE_TRAFFIC_SECRET\n/);
  expect(output).toMatch(/\n1 1200 \{\}\n$/);
  expect(readFileSync(join(folder, "client.sqlog"), "utf8")).toMatch(/"name":"quic:packet_sent"/);
});

test("the table of errors is that of the source", () => {
  const read = (path: string) =>
    readFileSync(fileURLToPath(new URL(`../../${path}`, import.meta.url)), "utf8");
  const [, union] = /export type ConnectErrorCode =([\s\S]*?);\n\n/.exec(read("src/endpoint/failures.ts"))!;
  const codes = [...union!.matchAll(/^ {2}\| "(\w+)"/gm)].map(([, code]) => code);
  const [, table] = /## Errors([\s\S]*?)\n## /.exec(read("docs/embedding.md"))!;
  expect([...table!.matchAll(/^\| `(\w+)` /gm)].map(([, code]) => code)).toEqual(codes);
});

test("no program of the page was left out", () => {
  expect([...tested].sort()).toEqual([...programs.keys()].sort());
});
