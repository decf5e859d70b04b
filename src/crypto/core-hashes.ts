import type { Bytes } from "../core/bytes.ts";
import type { RecordCore } from "../core/index.ts";
import { copyBytes, equalBytes } from "./bytes.ts";
import type { Hash, HashSuite } from "./provider.ts";

/**
 * SHA-256, SHA-384 and their HMACs in the WASM core: several times faster for the short inputs of a handshake than a
 * call to node:crypto, and many times faster than awaiting WebCrypto.
 */
export function createCoreHashes(core: RecordCore): HashSuite {
  const hmacSha384 = createHmacSha384(core);
  return {
    createHash: (name) => (name === "SHA-256" ? core.createSha256() : core.createSha384()),
    hmac: (name, key, ...parts) =>
      name === "SHA-256" ? core.hmacSha256(key, ...parts) : hmacSha384(key, parts),
  };
}

const BLOCK = 128;

/**
 * RFC 2104. The states behind the last key are kept: HKDF-Expand asks for several outputs under one secret
 * (RFC 8446 §7.1), and this halves the work of all but the first.
 */
function createHmacSha384(core: RecordCore): (key: Uint8Array, parts: readonly Uint8Array[]) => Bytes {
  let last: { readonly key: Bytes; readonly inner: Hash; readonly outer: Hash } | undefined;
  return (key, parts) => {
    if (last === undefined || !equalBytes(last.key, key)) {
      const short = key.length > BLOCK ? core.createSha384().update(key).digest() : key;
      const padded = (filler: number) => {
        const block = new Uint8Array(BLOCK).fill(filler);
        for (const [i, byte] of short.entries()) block[i]! ^= byte;
        return core.createSha384().update(block);
      };
      last = { key: copyBytes(key), inner: padded(0x36), outer: padded(0x5c) };
    }
    const inner = last.inner.clone();
    for (const part of parts) inner.update(part);
    return last.outer.clone().update(inner.digest()).digest();
  };
}
