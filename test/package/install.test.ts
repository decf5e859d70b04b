import { execFile } from "node:child_process";
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { promisify } from "node:util";
import { type BuildOptions, build } from "esbuild";
import { describe, expect, test } from "vitest";
import { consumer, ENTRIES, installed, manifest, modules, outputOf, root } from "./consumer.ts";

const execute = promisify(execFile);

/** Bundles a program of the consumer's. */
async function bundle(source: string, options: BuildOptions) {
  const { metafile, outputFiles } = await build({
    ...options,
    stdin: { contents: source, resolveDir: consumer },
    absWorkingDir: consumer,
    bundle: true,
    format: "esm",
    minify: true,
    write: false,
    metafile: true,
    outdir: "out",
    external: ["node:*", "*.wasm", "ws", "bun"],
    logLevel: "silent",
  });
  const [output] = Object.values(metafile.outputs);
  const used = Object.entries(output!.inputs).filter(([, { bytesInOutput }]) => bytesInOutput > 0);
  return {
    inputs: used.map(([path]) => path),
    external: output!.imports.filter(({ external }) => external).map(({ path }) => path),
    text: outputFiles[0]!.text,
  };
}

/** The file that a program gets under some conditions, relative to `dist/`; nothing if it gets none. */
async function resolved(name: string, conditions: string[]): Promise<string | undefined> {
  let file: string | undefined;
  await build({
    stdin: { contents: "", resolveDir: consumer },
    write: false,
    platform: "neutral",
    conditions,
    plugins: [
      {
        name: "resolve",
        setup(run) {
          run.onStart(async () => {
            const { path, errors } = await run.resolve(name, {
              kind: "import-statement",
              resolveDir: consumer,
            });
            if (errors.length === 0) file = relative(join(installed, "dist"), path);
          });
        },
      },
    ],
  });
  return file;
}

/** Those that each runtime has its own of. */
const byRuntime = ["sealgram", "sealgram/gateway", "sealgram/chat", "sealgram/chat/server"];

describe("entry points", () => {
  const none = undefined;
  test.each([
    {
      conditions: ["node"],
      files: ["node.js", "gateway/node.js", "chat/node.js", "chat/server/node.js"],
    },
    {
      conditions: ["deno", "node"],
      files: ["deno.js", "gateway/deno.js", "chat/deno.js", "chat/server/deno.js"],
    },
    {
      conditions: ["bun", "node"],
      files: ["bun.js", "gateway/bun.js", "chat/bun.js", "chat/server/bun.js"],
    },
    { conditions: ["browser"], files: ["index.js", none, "chat/index.js", none] },
    {
      conditions: ["workerd", "worker", "browser"],
      files: ["workerd.js", none, "chat/index.js", none],
    },
    { conditions: ["react-native"], files: ["index.js", none, "chat/index.js", none] },
  ])("under the conditions $conditions", async ({ conditions, files }) => {
    expect(await Promise.all(byRuntime.map((name) => resolved(name, conditions)))).toEqual(files);
  });

  test("a page's bundle needs nothing from outside", async () => {
    const { external, text } = await bundle('export * from "sealgram"', { platform: "browser" });
    expect(external).toEqual([]);
    expect(/["']node:/.test(text)).toBe(false);
  });

  test("a Worker's bundle needs the WebAssembly module only", async () => {
    const { external } = await bundle('export * from "sealgram"', {
      platform: "neutral",
      mainFields: ["module", "main"],
      conditions: ["workerd", "worker", "browser"],
    });
    expect([...new Set(external)]).toEqual(["sealgram/core.wasm"]);
  });

  test("all that package.json exports is in the package", () => {
    const paths = (target: unknown): string[] =>
      typeof target === "string" ? [target] : Object.values(target as object).flatMap(paths);
    for (const path of paths(manifest.exports)) expect(statSync(join(installed, path)).isFile()).toBe(true);
    const exported = new Set(paths(manifest.exports));
    for (const { name } of ENTRIES) expect(exported).toContain(`./dist/${name}.js`);
  });
});

test("the licences of what is carried along are there, and no text for a package that is not", () => {
  const texts = readFileSync(join(installed, "dist/THIRD-PARTY.txt"), "utf8");
  const titles = [...texts.matchAll(/^-{80}\n(\S+) \d+\.\d+\.\d+$/gm)].map(([, title]) => title);
  expect(titles).toEqual(expect.arrayContaining(["ink", "preact", "qr", "react", "yoga-layout"]));
  expect(titles).not.toContain("ws");
  expect(
    texts
      .split("-".repeat(80))
      .slice(1)
      .filter((text) => !/permission|licen[cs]ed/i.test(text)),
  ).toEqual([]);
});

describe("tree-shaking", () => {
  /** The constant M of SPAKE2+ for P-256 (RFC 9383 §4). */
  const spake2plus = "886e2f97ace46e55ba9dd7242579f2993b64e16ef3dcab95afd497333d8fa12f";
  // Without splitting: with it, esbuild keeps shared chunks whose code nobody uses.
  const options: BuildOptions = { platform: "browser" };

  test("who uses pre-shared keys gets neither passwords nor certificates", async () => {
    const { inputs, text } = await bundle('export { connect, psk } from "sealgram"', options);
    expect(inputs.filter((input) => /@peculiar|reflect-metadata/.test(input))).toEqual([]);
    expect([text.includes(spake2plus), text.includes("PBKDF2")]).toEqual([false, false]);
  });

  test("who uses passwords gets them", async () => {
    const { text } = await bundle('export { connect, password } from "sealgram"', options);
    expect([text.includes(spake2plus), text.includes("PBKDF2")]).toEqual([true, true]);
  });
});

/** What a module exports to programs, by the source that its declarations are made of. */
async function namesOf(name: string): Promise<string> {
  const { types } = manifest.exports[name.replace("sealgram", ".")] as Record<string, string>;
  const source = types!.replace("./dist/", "src/").replace(/\.d\.ts$/, ".ts");
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: [source],
    bundle: true,
    format: "esm",
    packages: "external",
    platform: "neutral",
    external: ["node:*"],
    write: false,
    metafile: true,
    outdir: "out",
  });
  return Object.values(metafile.outputs)[0]!.exports.sort().join();
}

const program = `
import { connect, listen, psk, password, publicKey, SealgramError, type Session, type Server } from "sealgram";
import { RecordCore } from "sealgram/core";
import { generatePkcs8 } from "sealgram/crypto";
import { createCertificateVerifier } from "sealgram/crypto/certificate";
import { nodeSigner } from "sealgram/crypto/node";
import { Connection } from "sealgram/dtls";
import { openGateway } from "sealgram/gateway";
import { LoginThrottle } from "sealgram/login";
import { FileRecordStore } from "sealgram/login/node";
import { qlog } from "sealgram/session";
import { ChatClient, ChatView, type ChatAuth } from "sealgram/chat";
import { openChat, type ChatServer } from "sealgram/chat/server";

const server: Server = await listen("udp://127.0.0.1:0", {
  auth: psk({ identity: "alice", key: new Uint8Array(32) }),
});
const session: Session = await connect(server.url, { auth: password({ identity: "alice", password: "x" }) });
session.ondatagram = (bytes) => void session.sendDatagram(bytes.subarray(1));
const text: string | undefined = session.peer?.identity;
// @ts-expect-error A number is no URL.
await connect(4433, { auth: publicKey({ trusted: [] }) });
const chat: ChatServer = await openChat({ folder: "chat", url: new URL("udp://127.0.0.1:0"), retentionDays: 30 });
const login: ChatAuth = await ChatClient.join(chat.link(), { name: "ada" });
const client: ChatClient = await ChatClient.connect(chat.link(), { auth: login });
for await (const { room, message } of client.messages()) await room.send(message.text.toUpperCase());
// @ts-expect-error A chat's server has a folder.
await openChat({ url: "udp://127.0.0.1:0" });
export { ChatView, qlog };
export { RecordCore, generatePkcs8, createCertificateVerifier, nodeSigner, Connection, openGateway };
export { LoginThrottle, FileRecordStore, SealgramError, text };
`;

test.each([
  ["node16", "node16"],
  ["nodenext", "nodenext"],
  ["esnext", "bundler"],
])("a TypeScript program type-checks, with module %s and resolution %s", async (module, moduleResolution) => {
  writeFileSync(join(consumer, "program.ts"), program);
  // None is left out.
  expect(modules.filter((name) => !program.includes(`from "${name}";`))).toEqual([]);
  const compilerOptions = {
    target: "es2022",
    lib: ["es2023", "dom", "dom.iterable", "dom.asynciterable"],
    module,
    moduleResolution,
    types: ["node"],
    strict: true,
    exactOptionalPropertyTypes: true,
    noEmit: true,
  };
  writeFileSync(join(consumer, "tsconfig.json"), JSON.stringify({ compilerOptions, files: ["program.ts"] }));
  const tsc = join(root, "node_modules/typescript/bin/tsc");
  const run = execute(process.execPath, [tsc, "-p", "."], { cwd: consumer });
  const { stdout } = await run.catch((error: { stdout: string }) => error);
  // With these options others' declarations have errors of their own.
  const ours = stdout.split("\n").filter((line) => /^(program\.ts|node_modules\/sealgram\/)/.test(line));
  expect(ours).toEqual([]);
});

test("a stack trace leads to the sources, and so does what an editor follows from a declaration", async () => {
  const source = `import { connect } from "sealgram"; try { await connect("x:", {}); } catch (error) { console.log(error.stack); }`;
  writeFileSync(join(consumer, "stack.mjs"), source);
  const args = ["--enable-source-maps", "stack.mjs"];
  const { stdout } = await execute(process.execPath, args, { cwd: consumer });
  expect(stdout).toMatch(/src\/endpoint\/(options|connect)\.ts:\d+/);
  const files = readdirSync(join(installed, "dist"), { recursive: true, encoding: "utf8" });
  const maps = files.filter((name) => name.endsWith(".d.ts.map"));
  expect(maps.length).toBe(files.filter((name) => name.endsWith(".d.ts")).length);
  for (const name of maps) {
    const { sources } = JSON.parse(readFileSync(join(installed, "dist", name), "utf8"));
    for (const each of sources)
      expect(statSync(join(installed, "dist", dirname(name), each)).isFile()).toBe(true);
  }
});

test("what README links to is in the package", () => {
  const text = readFileSync(join(installed, "README.md"), "utf8").replace(/^```[\s\S]*?^```/gm, "");
  const links = [...text.matchAll(/\]\(([^)\s#]+)[^)]*\)|(?:src|srcset)="([^"]+)"/g)].map(
    ([, a, b]) => a ?? b!,
  );
  const own = links.filter((link) => !/^[a-z]+:/.test(link));
  expect(own.length).toBeGreaterThan(8);
  for (const link of own) expect(existsSync(join(installed, link)), link).toBe(true);
});

test("the command runs", async () => {
  const path = join(installed, manifest.bin.sealgram);
  expect(statSync(path).mode & 0o111).toBe(0o111);
  expect(readFileSync(path, "utf8")).toMatch(/^#!\/usr\/bin\/env node\n/);
  const { stdout } = await execute(process.execPath, [path, "--version"], { cwd: consumer });
  expect(stdout).toBe(`${manifest.version}\n`);
});

const RUNTIMES = ["node20", "node24", "node26", "deno", "bun"];

describe.each(RUNTIMES)("in %s", (runtime) => {
  test("programs get that runtime's entry points", async () => {
    const source = `
for (const name of ${JSON.stringify(byRuntime)}) console.log(import.meta.resolve(name).split("/dist/")[1]);
`;
    const own = runtime.replace(/\d+$/, "");
    const files = [`${own}.js`, `gateway/${own}.js`, `chat/${own}.js`, `chat/server/${own}.js`];
    expect((await outputOf(runtime, "resolve.mjs", source)).trim().split("\n")).toEqual(files);
  });

  test("all that is exported is there, and the WASM core", async () => {
    const source = `
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
for (const name of ${JSON.stringify(modules)}) {
  console.log(name, Object.keys(await import(name)).sort().join());
}
const core = readFileSync(fileURLToPath(import.meta.resolve("sealgram/core.wasm")));
console.log(WebAssembly.Module.imports(new WebAssembly.Module(core)).length);
`;
    const lines = (await outputOf(runtime, "exports.mjs", source)).trim().split("\n");
    expect(lines.pop()).toBe("0");
    expect(lines).toEqual(await Promise.all(modules.map(async (name) => `${name} ${await namesOf(name)}`)));
  });

  test("a bot of an installed package answers in a chat of an installed package", async () => {
    const source = `
import { ChatClient } from "sealgram/chat";
import { openChat } from "sealgram/chat/server";
const server = await openChat({ folder: "chat-${runtime}", url: "udp://127.0.0.1:0" });
const link = server.link({ invitation: server.ownerInvitation });
const olga = await ChatClient.connect(link, { auth: await ChatClient.join(link, { name: "olga" }) });
const room = await olga.createRoom("garden");
const auth = await ChatClient.join(await olga.invite({ room }), { name: "bot" });
const bot = await ChatClient.connect(link, { auth });
const answered = (async () => {
  for await (const { room, message } of bot.messages())
    if (message.text === "!ping") return room.send("pong");
})();
const messages = room[Symbol.asyncIterator]();
await room.send("!ping");
for (let i = 0; i < 2; i++) console.log((await messages.next()).value.text);
await answered;
await bot.close();
await olga.close();
await server.close();
`;
    expect(await outputOf(runtime, `bot-${runtime}.mjs`, source)).toBe("!ping\npong\n");
  });
});
