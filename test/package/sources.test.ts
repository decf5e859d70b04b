import { execFile } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { transform } from "esbuild";
import { expect, test } from "vitest";

// What Deno, JSR and dnt rely on: the sources run as they are.

const root = fileURLToPath(new URL("../../", import.meta.url));
const read = (path: string) => readFileSync(join(root, path), "utf8");
const { dependencies, exports, version } = JSON.parse(read("package.json"));
const jsr = JSON.parse(read("jsr.json"));
// These have no declarations.
const { BUNDLED } = (await import(new URL("../../tools/build.mjs", import.meta.url).href)) as {
  BUNDLED: string[];
};
const { findRuntime } = (await import(new URL("../../tools/runtimes.mjs", import.meta.url).href)) as {
  findRuntime(name: string): Promise<{ command: string; args: string[] }>;
};

const sources = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" })
  .filter((path) => path.endsWith(".ts") && !path.endsWith(".d.ts"))
  .map((path) => `src/${path}`);

/** Every module that a source imports, types included, as it is written there. */
function importsOf(path: string): string[] {
  const statements =
    /^(?:import|export)\b[^;"]*\bfrom "([^"]+)"|^import "([^"]+)"|\bimport\(\s*"([^"]+)"\s*\)/gm;
  return [...read(path).matchAll(statements)].map(([, from, bare, dynamic]) => (from ?? bare ?? dynamic)!);
}

test("every import names a file that is there, a dependency, a module of Node's, or what the command or the page carries along", () => {
  const wrong: string[] = [];
  let count = 0;
  for (const path of sources) {
    for (const specifier of importsOf(path)) {
      count++;
      const [scope, name] = specifier.split("/");
      const dependency = scope!.startsWith("@") ? `${scope}/${name}` : scope!;
      const isFine = specifier.startsWith(".")
        ? specifier.endsWith(".ts") && existsSync(join(root, dirname(path), specifier))
        : specifier.startsWith("node:") ||
          dependency in dependencies ||
          specifier === "sealgram/core.wasm" ||
          (path.startsWith("src/cli/") && BUNDLED.includes(dependency)) ||
          (path.startsWith("src/apps/chat/page/") && dependency === "preact");
      if (!isFine) wrong.push(`${path}: ${specifier}`);
    }
  }
  expect(wrong).toEqual([]);
  // Were the imports not found, none would be wrong.
  expect(count).toBeGreaterThan(2 * sources.length);
});

test("the core names no global of any one runtime", async () => {
  const globals = ["process", "Buffer", "Deno", "Bun", "require", "__dirname", "__filename", "window"];
  const isCore = /^src\/(core|crypto|tls|dtls|session)\/(?!node)/;
  const mark = "__runtime_global_";
  const define = Object.fromEntries(
    globals.flatMap((name) => [
      [name, mark + name],
      [`globalThis.${name}`, mark + name],
    ]),
  );
  const marked = async (contents: string) => {
    const { code } = await transform(contents, { loader: "ts", define, target: "es2022" });
    return [...new Set(code.match(/__runtime_global_\w+/g))].map((name) => name.slice(mark.length));
  };
  expect(await marked("const { process } = { process: 1 }; f(process);")).toEqual([]);
  expect(await marked("f(process.env); globalThis.Deno;")).toEqual(["process", "Deno"]);
  const core = sources.filter((path) => isCore.test(path));
  expect(core.length).toBeGreaterThan(60);
  for (const path of core) expect([path, await marked(read(path))]).toEqual([path, []]);
});

test("JSR's manifest is of this release, and its entries are there", () => {
  expect(jsr.version).toBe(version);
  for (const path of Object.values<string>(jsr.exports)) expect(existsSync(join(root, path))).toBe(true);
});

test("JSR's entries are npm's, and export the same, types too", async () => {
  // What is no module is a file of npm's alone.
  const npm = Object.entries<{ types?: string }>(exports).flatMap(([path, { types }]) =>
    types === undefined ? [] : [[path, types.replace("./dist/", "src/").replace(/\.d\.ts$/, ".ts")] as const],
  );
  expect(Object.keys(jsr.exports).sort()).toEqual(npm.map(([path]) => path).sort());
  const { command } = await findRuntime("deno");
  const sources = new Set([...npm.map(([, source]) => source), ...Object.values<string>(jsr.exports)]);
  const { stdout } = await promisify(execFile)(command, ["doc", "--json", ...sources], {
    cwd: root,
    env: { ...process.env, NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1" },
    maxBuffer: 1 << 30,
  });
  const { nodes } = JSON.parse(stdout) as { nodes: Record<string, { symbols: { name: string }[] }> };
  const namesOf = (source: string) =>
    nodes[new URL(source, pathToFileURL(root)).href]!.symbols.map(({ name }) => name).sort();
  for (const [path, source] of npm) {
    expect([path, namesOf(jsr.exports[path])]).toEqual([path, namesOf(source)]);
    expect(namesOf(source).length).toBeGreaterThan(0);
  }
}, 120_000);

test("what dnt makes npm's package of is Node's, and Deno finds it", async () => {
  const { command } = await findRuntime("deno");
  const program = `
    import { nodeSources } from "./tools/build.mjs";
    console.log(JSON.stringify(nodeSources(JSON.parse(Deno.readTextFileSync("package.json")).exports)));
  `;
  const running = promisify(execFile)(command, ["run", "-A", "--no-lock", "--quiet", "-"], { cwd: root });
  running.child.stdin!.end(program);
  const found = JSON.parse((await running).stdout) as Record<string, string>;
  expect(Object.keys(found).sort()).toEqual(Object.keys(jsr.exports).sort());
  for (const path of Object.values(found)) expect(existsSync(join(root, path))).toBe(true);
  expect(Object.values(found).filter((path) => /(deno|bun)-index/.test(path))).toEqual([]);
  expect(found).toMatchObject({
    ".": "src/endpoint/node-index.ts",
    "./gateway": "src/gateway/node-index.ts",
    "./chat": "src/apps/chat/client/node-index.ts",
    "./chat/server": "src/apps/chat/server/node-index.ts",
  });
});

test("Deno type-checks the sources and runs them", async () => {
  const { command } = await findRuntime("deno");
  const program = `
    import { connect, listen, psk } from "./deno/mod.ts";
    const auth = psk({ identity: "alice", key: new Uint8Array(32) });
    const server = await listen("udp://127.0.0.1:0", {
      auth,
      onsession: (session) => {
        session.ondatagram = (bytes) => void session.sendDatagram(bytes);
      },
    });
    const session = await connect(server.url, { auth });
    const answer = new Promise<string>((resolve) => {
      session.ondatagram = (bytes) => resolve(new TextDecoder().decode(bytes));
    });
    session.sendDatagram(new TextEncoder().encode("hello"));
    console.log(await answer);
    session.close();
    await server.close();
  `;
  const args = ["run", "--check", "-A", "--no-lock", "--unstable-net", "--quiet", "--ext=ts", "-"];
  const running = promisify(execFile)(command, args, { cwd: root, env: { ...process.env, NO_COLOR: "1" } });
  running.child.stdin!.end(program);
  expect((await running).stdout).toBe("hello\n");
});
