import { createHash, createHmac } from "node:crypto";
import type { Bytes } from "../../src/core/bytes.ts";
import type { Hash, HashName } from "../../src/crypto/provider.ts";
import type { Hashing } from "../../src/tls/hkdf.ts";

/** OpenSSL's hashes, through Node, behind the provider's interface. */
const digests: Record<HashName, string> = { "SHA-256": "sha256", "SHA-384": "sha384" };

function running(hash: ReturnType<typeof createHash>): Hash {
  return {
    update(bytes) {
      hash.update(bytes);
      return this;
    },
    digest: () => new Uint8Array(hash.copy().digest()),
    clone: () => running(hash.copy()),
  };
}

export const crypto: Hashing = {
  createHash: (name) => running(createHash(digests[name])),
  hmac(name, key, ...parts) {
    const hmac = createHmac(digests[name], key);
    for (const part of parts) hmac.update(part);
    return new Uint8Array(hmac.digest());
  },
};

export function fromHex(hex: string): Bytes {
  return new Uint8Array(Buffer.from(hex, "hex"));
}

export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
