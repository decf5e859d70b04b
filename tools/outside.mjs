// Command lines of the programs that the runtime suite needs beside the one it runs in.
import { join } from "node:path";
import { root } from "./process.mjs";
import { findRuntime } from "./runtimes.mjs";

/** As `Programs` of test/runtime/outside.node.ts. Throws a `ToolError` where a runtime cannot be had. */
export async function outsidePrograms() {
  const line = async (runtime, script) => {
    const { command, args } = await findRuntime(runtime);
    return [command, ...args, join(root, "test/runtime", script), runtime];
  };
  const servers = {};
  for (const runtime of ["node24", "node26", "deno", "bun"]) {
    servers[runtime] = await line(runtime, "servers.main.ts");
  }
  return { webTransport: await line("deno", "outside.deno.ts"), servers };
}
