import { execFile } from "node:child_process";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { build } from "esbuild";
import { expect, test } from "vitest";
import { listen } from "../../src/endpoint/node-index.ts";
import { alice, echoServer } from "./support.ts";

// Has no declarations.
const { findRuntime } = (await import(new URL("../../tools/runtimes.mjs", import.meta.url).href)) as {
  findRuntime(name: string): Promise<{ command: string; args: string[] }>;
};

const root = fileURLToPath(new URL("../..", import.meta.url));

/** A program as bundlers make it for Node, in a file. */
async function bundle(name: string, contents: string): Promise<string> {
  const outfile = join(root, `build/test/${name}.${process.pid}.mjs`);
  await build({
    stdin: { contents, resolveDir: root, loader: "ts" },
    bundle: true,
    format: "esm",
    platform: "node",
    packages: "external",
    outfile,
    logLevel: "silent",
  });
  return outfile;
}

async function output(command: string, ...args: string[]): Promise<string[]> {
  const { stdout } = await promisify(execFile)(command, args, { env: { ...process.env, NO_COLOR: "1" } });
  return stdout.trimEnd().split("\n");
}

test("a port that another server of this process has is not given out", async () => {
  const server = await echoServer();
  await expect(listen(server.url, { auth: alice })).rejects.toMatchObject({ code: "EADDRINUSE" });
  await server.close();
});

test("workers of a cluster do not share a port", async () => {
  const program = await bundle(
    "cluster",
    `import cluster from "node:cluster";
    import { listen, psk } from "./src/endpoint/node-index.ts";
    const say = (message) => process.send(message);
    if (cluster.isPrimary) {
      const server = await listen("udp://127.0.0.1:0", { auth: psk({ identity: "a", key: new Uint8Array(16) }) });
      const { url } = server;
      await server.close();
      const results = [];
      for (let i = 0; i < 2; i++) {
        const worker = cluster.fork({ SERVER_URL: url });
        worker.on("message", (result) => {
          if (results.push(result) === 2) {
            console.log(results.sort().join("\\n"));
            process.exit();
          }
        });
      }
    } else {
      const auth = psk({ identity: "a", key: new Uint8Array(16) });
      listen(process.env.SERVER_URL, { auth }).then(() => say("listens"), ({ code }) => say(code));
    }`,
  );
  expect(await output(process.execPath, program)).toEqual(["EADDRINUSE", "listens"]);
});

const udpInDeno = `import { connect, listen, psk } from "./src/endpoint/node-index.ts";
  const auth = psk({ identity: "a", key: new Uint8Array(16) });
  const fate = async (attempt) => console.log(await attempt.then(() => "done", ({ code, message }) => code + ": " + message));
  await fate(connect("udp://127.0.0.1:9", { auth, timeoutMs: 60_000 }));
  await fate(listen("udp://127.0.0.1:0", { auth }).then((server) => server.close()));`;

test("a bundle for Node uses the sockets of Deno, and says how to get them", async () => {
  const program = await bundle("deno", udpInDeno);
  const { command } = await findRuntime("deno");
  const missing = "no_udp: Deno has UDP sockets only when it runs with --unstable-net";
  expect(await output(command, "run", "-A", "--no-lock", program)).toEqual([missing, missing]);
});
