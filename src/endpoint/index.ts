/**
 * Sessions over the network: `connect` and `listen`. This is the entry point of runtimes without UDP sockets; Node, Deno
 * and Bun have one each, with the same exports.
 */

import { RecordCore } from "../core/index.ts";
import { webCryptoAes } from "../core/webcrypto-aes.ts";
import { createCoreHashes } from "../crypto/core-hashes.ts";
import { runtimeCrypto } from "../crypto/runtime-crypto.ts";
import { createProvider } from "../crypto/webcrypto.ts";
import { type ConnectOptions, connectOn } from "./connect.ts";
import type { ListenOptions } from "./listen.ts";
import { noUdp, parseUrl } from "./options.ts";
import { sharing } from "./platform.ts";
import type { Server } from "./server.ts";
import type { Session } from "./session.ts";

export * from "./api.ts";

const platform = sharing(async () => {
  const crypto = await runtimeCrypto();
  const core = await RecordCore.load(undefined, { aes: webCryptoAes(crypto.subtle) });
  return { core, crypto: createProvider({ crypto, hashes: createCoreHashes(core) }) };
});

/**
 * Opens a session with a server; it is established when the promise resolves.
 * @param url `udp://host:port`; or a gateway's, with a path that names the server: `https://host:port/name` for
 * WebTransport, `wss://` or `ws://` for WebSocket
 * @throws TypeError or RangeError for wrong arguments; what else goes wrong is a SealgramError with a
 * {@link ConnectErrorCode}, or the reason of the signal
 */
export function connect(url: string | URL, options: ConnectOptions): Promise<Session> {
  return connectOn(platform, url, options);
}

/**
 * Listens for clients.
 * @param url `udp://address:port`, with port 0 for one that the system chooses
 * @throws TypeError or RangeError for wrong arguments, and the system's error if it does not give out the port
 */
export async function listen(url: string | URL, _options: ListenOptions): Promise<Server> {
  parseUrl(url);
  // Without sockets that listen, what a server needs would only be to load.
  throw noUdp();
}
