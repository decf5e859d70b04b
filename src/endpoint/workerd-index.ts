/**
 * The entry point in workerd, the runtime of Cloudflare Workers: as index.ts, but Workers compile no WebAssembly, so they
 * get it as a module.
 */
/// <reference path="../wasm-modules.d.ts" />
import coreModule from "sealgram/core.wasm";
import { RecordCore } from "../core/index.ts";
import { createCoreHashes } from "../crypto/core-hashes.ts";
import { createProvider } from "../crypto/webcrypto.ts";
import { type ConnectOptions, connectOn } from "./connect.ts";
import { sharing } from "./platform.ts";
import type { Session } from "./session.ts";

export * from "./api.ts";
export { listen } from "./index.ts";

let core: RecordCore | undefined;

/** As in index.ts. A session belongs to the request that has opened it, as a Worker's sockets and timers do. */
export function connect(url: string | URL, options: ConnectOptions): Promise<Session> {
  const platform = sharing(async () => {
    core ??= RecordCore.loadSync(coreModule);
    return { core, crypto: createProvider({ hashes: createCoreHashes(core) }) };
  });
  return connectOn(platform, url, options);
}
