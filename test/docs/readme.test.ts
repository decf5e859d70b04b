import { build } from "esbuild";
import { expect, test } from "vitest";
import { folder, Program, writePrograms } from "./programs.ts";

// The README's programs do what it says, and its commands are there.

const programs = await writePrograms("README.md");

test.each(["node", "deno", "bun"])("a server in %s, and clients in Deno, Bun and Node", async (own) => {
  const server = await Program.run("server.mjs", own);
  await server.said(/listening on udp/);
  for (const runtime of ["deno", "bun", "node"]) {
    const client = await Program.run("client.mjs", runtime);
    expect(await client.ended, client.output).toBe(0);
    expect(client.output.trim().split("\n").sort()).toEqual(["a datagram", "a request"]);
  }
  await server.said(/(alice is here\n){3}/);
  await server.stop();
});

test("a gateway in Deno, and a page's bundle", async () => {
  const gateway = await Program.run("gateway.mjs", "deno");
  await gateway.said(/^http:\/\/127\.0\.0\.1:\d+ https:\/\/127\.0\.0\.1:\d+\n/);
  const { outputFiles } = await build({
    ...{ entryPoints: ["page.js"], absWorkingDir: folder, bundle: true, format: "esm", write: false },
    logLevel: "silent",
  });
  expect(outputFiles[0]!.text).not.toMatch(/["']node:/);
});

test("no program was left out", () => {
  expect([...programs.keys()]).toEqual(["server.mjs", "client.mjs", "gateway.mjs", "page.js"]);
});
