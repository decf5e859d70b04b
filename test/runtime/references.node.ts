import { createCipheriv, createDecipheriv, getCiphers } from "node:crypto";
import type { Aead, AeadName, Reference } from "./env.ts";

// The reference that Node, Deno and Bun have, with the ciphers that each of them offers under that name.

type AeadCipher = "chacha20-poly1305" | "aes-128-gcm" | "aes-256-gcm";

const TAG_BYTES = 16;

function nodeAead(cipher: AeadCipher, maskCipher: string, maskWithIv: boolean): Aead {
  const options = { authTagLength: TAG_BYTES };
  const aead: Aead = {
    seal(key, nonce, additionalData, plaintext) {
      // The three ciphers share these calls; the types know them by one name each.
      const sealer = createCipheriv(cipher as "aes-128-gcm", key, nonce, options);
      sealer.setAAD(additionalData);
      const parts = [sealer.update(plaintext), sealer.final(), sealer.getAuthTag()];
      return new Uint8Array(Buffer.concat(parts));
    },
    open(key, nonce, additionalData, ciphertext) {
      if (ciphertext.length < TAG_BYTES) return null;
      const opener = createDecipheriv(cipher as "aes-128-gcm", key, nonce, options);
      opener.setAAD(additionalData);
      opener.setAuthTag(ciphertext.subarray(ciphertext.length - TAG_BYTES));
      const plaintext = opener.update(ciphertext.subarray(0, ciphertext.length - TAG_BYTES));
      try {
        return new Uint8Array(Buffer.concat([plaintext, opener.final()]));
      } catch {
        return null;
      }
    },
  };
  if (!getCiphers().includes(maskCipher)) return aead;
  return {
    ...aead,
    mask(key, sample) {
      // OpenSSL's chacha20 takes counter and nonce as one 16-byte IV, in the order of the sample.
      const masker = createCipheriv(maskCipher, key, maskWithIv ? sample : null);
      return new Uint8Array(masker.update(maskWithIv ? new Uint8Array(16) : sample));
    },
  };
}

const ALL: Readonly<Record<AeadName, () => Aead>> = {
  "ChaCha20-Poly1305": () => nodeAead("chacha20-poly1305", "chacha20", true),
  "AES-128-GCM": () => nodeAead("aes-128-gcm", "aes-128-ecb", false),
  "AES-256-GCM": () => nodeAead("aes-256-gcm", "aes-256-ecb", false),
};

export const nodeReference: Reference = {
  name: "node:crypto",
  aeads: Object.fromEntries(
    Object.entries(ALL)
      .filter(([name]) => getCiphers().includes(name.toLowerCase()))
      .map(([name, make]) => [name, make()]),
  ),
};
