import { hmac } from "@noble/hashes/hmac.js";
import { sha256, sha384 } from "@noble/hashes/sha2.js";
import type { Bytes } from "../core/bytes.ts";
import { copyBytes, equalBytes } from "./bytes.ts";
import type { Hash, HashName, HashSuite } from "./provider.ts";

type NobleHash = ReturnType<typeof sha256.create> | ReturnType<typeof sha384.create>;
type NobleHmac = ReturnType<typeof hmac.create>;

const constructors = { "SHA-256": sha256, "SHA-384": sha384 } as const;

class RunningHash implements Hash {
  #state: NobleHash;

  constructor(state: NobleHash) {
    this.#state = state;
  }

  update(bytes: Uint8Array): this {
    this.#state.update(bytes);
    return this;
  }

  digest(): Bytes {
    return this.#state.clone().digest() as Bytes;
  }

  clone(): Hash {
    return new RunningHash(this.#state.clone());
  }
}

/**
 * SHA-256, SHA-384 and their HMACs in JavaScript, on every runtime and without a promise per call.
 *
 * The state after absorbing the key is kept for the last key of each hash: HKDF-Expand asks for several
 * outputs under one secret (RFC 8446 §7.1), and this halves the work of all but the first.
 */
export const createNobleHashes = (): HashSuite => {
  const last: Partial<Record<HashName, { key: Bytes; state: NobleHmac }>> = {};
  return {
    createHash: (name) => new RunningHash(constructors[name].create()),
    hmac(name, key, ...parts) {
      let keyed = last[name];
      if (keyed === undefined || !equalBytes(keyed.key, key)) {
        keyed = { key: copyBytes(key), state: hmac.create(constructors[name], key) };
        last[name] = keyed;
      }
      const mac = keyed.state.clone();
      for (const part of parts) mac.update(part);
      return mac.digest() as Bytes;
    },
  };
};
