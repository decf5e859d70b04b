import { execFile } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { beforeAll, expect, test } from "vitest";
import { consumer, installed, modules, root } from "./consumer.ts";

// The declarations of the package, and the programs of README and docs, under the strictest settings of each TypeScript
// from the oldest that is promised on; with the library DOM, and with Node's types alone.

const execute = promisify(execFile);
// Has no declarations.
const { setupCompilers } = (await import(new URL("../../tools/setup.mjs", import.meta.url).href)) as {
  setupCompilers(): Promise<void>;
};
beforeAll(setupCompilers);

/** What a fragment of a page takes for granted. */
const CONTEXT = `/** @type {import("sealgram").Session} */
const session = /** @type {any} */ (undefined);
const bytes = new Uint8Array(1);
const { signal } = new AbortController();
`;

/** These run in pages and Workers, and need the library DOM. */
const NEEDS_DOM = /^(page|worker)\.js$/;

interface Block {
  readonly file: string;
  readonly code: string;
  readonly needsDom: boolean;
}

/** The JavaScript and TypeScript of a page; what is no program has no file's name. */
function blocksOf(page: string): Block[] {
  const text = readFileSync(join(root, page), "utf8");
  const blocks = [
    ...text.matchAll(/^```(js|ts|tsx|mjs|javascript|typescript)(?: (\S+))?\n([\s\S]*?)^```$/gm),
  ];
  return blocks.map(([, language, name = "", code], index) => ({
    file: `${page.replace(/\W/g, "-")}-${index}.${/^t/.test(language!) ? "ts" : "js"}`,
    code: `${name === "" ? CONTEXT : ""}${code}\nexport {};\n`,
    needsDom: NEEDS_DOM.test(name),
  }));
}

const docs = readdirSync(join(root, "docs")).filter((name) => name.endsWith(".md"));
const blocks = ["README.md", "CONTRIBUTING.md", ...docs.map((name) => `docs/${name}`)]
  .flatMap(blocksOf)
  // Programs of Deno and Bun are checked by those.
  .filter(({ code }) => !/\b(?:Deno|Bun)\.serve\b/.test(code));

/** Every entry; what is documented to be typed as it is; and values of \`undefined\`, which is what options often are. */
const program = `
${modules.map((name, index) => `export * as entry${index} from "${name}";`).join("\n")}
import { connect, type ConnectOptions, listen, password, type Session } from "sealgram";
import type { GatewayOptions } from "sealgram/gateway";

declare const session: Session;
const auth = password({ identity: undefined, password: "x", serverIdentity: undefined });
await connect("udp://127.0.0.1:1", { auth, ticket: session.ticket, signal: undefined, timeoutMs: undefined });
await listen("udp://127.0.0.1:1", { auth, onsession: undefined, tickets: undefined, limits: { sessions: undefined } });
const options: ConnectOptions = { auth, streams: { log: undefined } };
export const gateway: GatewayOptions = { targets: {}, signal: undefined, limits: undefined };
for await (const stream of session.incomingUnidirectionalStreams) {
  for await (const chunk of stream) chunk satisfies Uint8Array;
}
for await (const { readable } of session.incomingBidirectionalStreams) readable.id satisfies number;
for await (const datagram of session.datagrams.readable) datagram satisfies Uint8Array;
export { options };
`;

/** What TypeScript says of some files. */
async function faultsOf(compiler: string, settings: object, files: readonly string[]): Promise<string[]> {
  const config = `tsconfig-${compiler.replace(/\W/g, "-")}.json`;
  const compilerOptions = {
    target: "es2022",
    ...{ strict: true, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true },
    ...{ noPropertyAccessFromIndexSignature: true, verbatimModuleSyntax: true, skipLibCheck: false },
    noEmit: true,
    ...settings,
  };
  writeFileSync(join(consumer, config), JSON.stringify({ compilerOptions, files }));
  const tsc = join(root, compiler, "bin/tsc");
  const run = execute(process.execPath, [tsc, "-p", config], { cwd: consumer, maxBuffer: 1 << 26 });
  const { stdout } = await run.catch((error: { stdout: string }) => error);
  // Not ours to mend: Node's own declarations, where they contradict a library of this TypeScript.
  return stdout
    .split("\n")
    .filter((line) => line !== "" && !/^(node_modules\/@types\/|\.\.\/|\s)/.test(line));
}

const COMPILERS = [
  "test/compilers/node_modules/typescript-5.7",
  "test/compilers/node_modules/typescript-5.9",
  "node_modules/typescript",
];
const MODULES = [
  { module: "nodenext", moduleResolution: "nodenext" },
  { module: "preserve", moduleResolution: "bundler" },
];
const LIBRARIES = [["es2023", "dom"], ["es2023"]];

/** JavaScript cannot say the types of parameters; everything else is as strict. */
const forJavaScript = { allowJs: true, checkJs: true, noImplicitAny: false };

test.each(COMPILERS)("%s takes the declarations and the documented programs", async (compiler) => {
  mkdirSync(join(consumer, "docs"), { recursive: true });
  writeFileSync(join(consumer, "entries.ts"), program);
  for (const { file, code } of blocks) writeFileSync(join(consumer, "docs", file), code);
  expect(blocks.length).toBeGreaterThan(15);
  for (const lib of LIBRARIES) {
    const taken = blocks.filter(({ needsDom }) => !needsDom || lib.includes("dom"));
    const files = taken.map(({ file }) => `docs/${file}`);
    for (const settings of MODULES.map((each) => ({ ...each, lib, types: ["node"] }))) {
      const label = `${settings.module}, ${lib.join("+")}`;
      const all = ["entries.ts", ...files];
      expect(await faultsOf(compiler, { ...settings, ...forJavaScript }, all), label).toEqual([]);
    }
  }
});

test("a page's program has the portable entries without Node's types", async () => {
  const portable = modules.filter((name) => !/node|gateway|chat\/server/.test(name));
  const code = portable.map((name, index) => `export * as entry${index} from "${name}";`).join("\n");
  writeFileSync(join(consumer, "page.ts"), code);
  const settings = { module: "preserve", moduleResolution: "bundler", lib: ["es2023", "dom"], types: [] };
  for (const compiler of COMPILERS) expect(await faultsOf(compiler, settings, ["page.ts"])).toEqual([]);
});

test("the declarations need those of no other package", () => {
  const files = readdirSync(join(installed, "dist"), { recursive: true, encoding: "utf8" });
  const declarations = files.filter((name) => name.endsWith(".d.ts"));
  expect(declarations.length).toBeGreaterThan(100);
  const foreign = declarations.flatMap((name) => {
    const text = readFileSync(join(installed, "dist", name), "utf8");
    return [...text.matchAll(/(?:from|import\()\s*"(?!\.|node:)([^"]+)"/g)].map(
      ([, from]) => `${name}: ${from}`,
    );
  });
  expect(foreign).toEqual([]);
});
