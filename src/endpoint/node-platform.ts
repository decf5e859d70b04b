/** The platform in Node, and in runtimes with Node's modules. */
import { appendFileSync } from "node:fs";
import process from "node:process";
import { RecordCore } from "../core/index.ts";
import { createCoreHashes } from "../crypto/core-hashes.ts";
import { createNodeProvider } from "../crypto/node.ts";
import { nodeAes } from "../crypto/node-aes.ts";
import type { UdpCarriers } from "../transport/types.ts";
import type { Platform } from "./platform.ts";

/** @param mayRead whether the environment may be read */
export async function nodePlatform(udp: UdpCarriers, mayRead = true): Promise<Platform> {
  const core = await RecordCore.load(undefined, { aes: nodeAes });
  const file = mayRead ? process.env.SSLKEYLOGFILE : undefined;
  return {
    core,
    crypto: createNodeProvider(createCoreHashes(core)),
    udp,
    ...(file ? { keyLog: keyLogTo(file) } : {}),
  };
}

/** A file that cannot be written is no reason to do without sessions: it is warned of, once. */
function keyLogTo(file: string): (line: string) => void {
  let isWarned = false;
  return (line) => {
    try {
      // Secrets: nobody else may read them.
      appendFileSync(file, `${line}\n`, { mode: 0o600 });
    } catch (error) {
      if (!isWarned) process.emitWarning(`SSLKEYLOGFILE cannot be written: ${(error as Error).message}`);
      isWarned = true;
    }
  };
}
