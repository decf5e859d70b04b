import type { RecordCore } from "../core/index.ts";
import { createNobleHashes } from "./hashes.ts";
import type { HashSuite } from "./provider.ts";

/**
 * SHA-256 and its HMAC in the WASM core: several times faster for the short inputs of a handshake than a call to
 * node:crypto, and many times faster than awaiting WebCrypto. SHA-384 comes from elsewhere.
 */
export function createCoreHashes(core: RecordCore, others: HashSuite = createNobleHashes()): HashSuite {
  return {
    createHash: (name) => (name === "SHA-256" ? core.createSha256() : others.createHash(name)),
    hmac: (name, key, ...parts) =>
      name === "SHA-256" ? core.hmacSha256(key, ...parts) : others.hmac(name, key, ...parts),
  };
}
