import { execFile } from "node:child_process";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { type BuildOptions, build } from "esbuild";
import { afterAll, describe, expect, test } from "vitest";

// The package as a program finds it that has installed it.

const execute = promisify(execFile);
const root = fileURLToPath(new URL("../../", import.meta.url));
// Has no declarations.
const { buildPackage, ENTRIES } = (await import(new URL("../../tools/build.mjs", import.meta.url).href)) as {
  buildPackage(dist: string): Promise<unknown>;
  ENTRIES: { name: string; source: string }[];
};

const consumer = mkdtempSync(join(tmpdir(), "sealgram-consumer-"));
afterAll(() => rmSync(consumer, { recursive: true, force: true }));
const installed = join(consumer, "node_modules/sealgram");
mkdirSync(installed, { recursive: true });
cpSync(join(root, "package.json"), join(installed, "package.json"));
const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
for (const name of [...Object.keys(manifest.dependencies), "@types/node", "undici-types"]) {
  const link = join(consumer, "node_modules", name);
  mkdirSync(dirname(link), { recursive: true });
  symlinkSync(join(root, "node_modules", name), link);
}
writeFileSync(
  join(consumer, "package.json"),
  JSON.stringify({ type: "module", dependencies: { sealgram: "*" } }),
);
await buildPackage(join(installed, "dist"));

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

describe("entry points", () => {
  const main = (name: string) => `node_modules/sealgram/dist/${name}.js`;

  test.each([
    [["node"], "node"],
    [["deno", "node"], "deno"],
    [["bun", "node"], "bun"],
    [["browser"], "index"],
    [["workerd", "worker", "browser"], "workerd"],
    [["react-native"], "index"],
  ])("under the conditions %j the main entry is %s.js", async (conditions, name) => {
    const { inputs } = await bundle('export * from "sealgram"', {
      conditions,
      platform: "neutral",
      mainFields: ["module", "main"],
    });
    const entries = ["node", "deno", "bun", "index", "workerd"].filter((each) => inputs.includes(main(each)));
    expect(entries).toEqual([name]);
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

  test("all that package.json exports is there", () => {
    const paths = (target: unknown): string[] =>
      typeof target === "string" ? [target] : Object.values(target as object).flatMap(paths);
    for (const path of paths(manifest.exports)) expect(statSync(join(installed, path)).isFile()).toBe(true);
    const exported = new Set(paths(manifest.exports));
    for (const { name } of ENTRIES) expect(exported).toContain(`./dist/${name}.js`);
  });
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

const server: Server = await listen("udp://127.0.0.1:0", {
  auth: psk({ identity: "alice", key: new Uint8Array(32) }),
});
const session: Session = await connect(server.url, { auth: password({ identity: "alice", password: "x" }) });
session.ondatagram = (bytes) => void session.sendDatagram(bytes.subarray(1));
const text: string | undefined = session.peer?.identity;
// @ts-expect-error A number is no URL.
await connect(4433, { auth: publicKey({ trusted: [] }) });
export { RecordCore, generatePkcs8, createCertificateVerifier, nodeSigner, Connection, openGateway };
export { LoginThrottle, FileRecordStore, SealgramError, text };
`;

test.each([
  ["node16", "node16"],
  ["nodenext", "nodenext"],
  ["esnext", "bundler"],
])("a TypeScript program type-checks, with module %s and resolution %s", async (module, moduleResolution) => {
  writeFileSync(join(consumer, "program.ts"), program);
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

test("the command runs", async () => {
  const path = join(installed, manifest.bin.sealgram);
  expect(statSync(path).mode & 0o111).toBe(0o111);
  expect(readFileSync(path, "utf8")).toMatch(/^#!\/usr\/bin\/env node\n/);
  const { stdout } = await execute(process.execPath, [path, "--version"], { cwd: consumer });
  expect(stdout).toBe(`${manifest.version}\n`);
});

test("a bot of an installed package answers in a chat of an installed package", async () => {
  const script = `
import { ChatClient } from "sealgram/chat";
import { openChat } from "sealgram/chat/server";
const server = await openChat({ folder: "chat", url: "udp://127.0.0.1:0" });
const link = server.link({ invitation: server.ownerInvitation });
const olga = await ChatClient.connect(link, { auth: await ChatClient.join(link, { name: "olga" }) });
const room = await olga.createRoom("general");
const auth = await ChatClient.join(await olga.invite({ room }), { name: "bot" });
const bot = await ChatClient.connect(link, { auth });
void (async () => {
  for await (const { room, message } of bot.messages())
    if (message.text === "!ping") await room.send("pong");
})();
const messages = room[Symbol.asyncIterator]();
await room.send("!ping");
for (let i = 0; i < 2; i++) console.log((await messages.next()).value.text);
await bot.close();
await olga.close();
await server.close();
`;
  writeFileSync(join(consumer, "bot.mjs"), script);
  const { stdout } = await execute(process.execPath, ["bot.mjs"], { cwd: consumer });
  expect(stdout).toBe("!ping\npong\n");
}, 60_000);
