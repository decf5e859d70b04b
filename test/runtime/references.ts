import { ecb, gcm } from "@noble/ciphers/aes.js";
import { chacha20, chacha20poly1305 } from "@noble/ciphers/chacha.js";
import type { Bytes } from "../../src/core/bytes.ts";
import type { Aead, Reference } from "./env.ts";

// The references that every runtime has.

type NobleAead = (
  key: Uint8Array,
  nonce: Uint8Array,
  additionalData: Uint8Array,
) => { encrypt(plaintext: Uint8Array): Uint8Array; decrypt(ciphertext: Uint8Array): Uint8Array };

function nobleAead(cipher: NobleAead, mask: (key: Uint8Array, sample: Uint8Array) => Uint8Array): Aead {
  return {
    seal: (key, nonce, additionalData, plaintext) =>
      new Uint8Array(cipher(key, nonce, additionalData).encrypt(plaintext)),
    open: (key, nonce, additionalData, ciphertext) => {
      try {
        return new Uint8Array(cipher(key, nonce, additionalData).decrypt(ciphertext));
      } catch {
        return null;
      }
    },
    mask: (key, sample) => new Uint8Array(mask(key, sample)),
  };
}

const nobleAes = nobleAead(gcm, (key, sample) => ecb(key, { disablePadding: true }).encrypt(sample));

const nobleChaCha = nobleAead(chacha20poly1305, (key, sample) => {
  const counter = new DataView(sample.buffer, sample.byteOffset).getUint32(0, true);
  return chacha20(key, sample.subarray(4), new Uint8Array(16), undefined, counter);
});

export const nobleReference: Reference = {
  name: "@noble/ciphers",
  aeads: { "ChaCha20-Poly1305": nobleChaCha, "AES-128-GCM": nobleAes, "AES-256-GCM": nobleAes },
};

const webCryptoAes: Aead = {
  async seal(key, nonce, additionalData, plaintext) {
    const algorithm = { name: "AES-GCM", iv: own(nonce), additionalData: own(additionalData) };
    return new Uint8Array(await crypto.subtle.encrypt(algorithm, await importAes(key), own(plaintext)));
  },
  async open(key, nonce, additionalData, ciphertext) {
    const algorithm = { name: "AES-GCM", iv: own(nonce), additionalData: own(additionalData) };
    const cryptoKey = await importAes(key);
    try {
      return new Uint8Array(await crypto.subtle.decrypt(algorithm, cryptoKey, own(ciphertext)));
    } catch {
      return null;
    }
  },
};

function importAes(key: Uint8Array): Promise<CryptoKey> {
  return crypto.subtle.importKey("raw", own(key), "AES-GCM", false, ["encrypt", "decrypt"]);
}

/** A copy whose buffer is its own, as WebCrypto's types want it. */
function own(bytes: Uint8Array): Bytes {
  return new Uint8Array(bytes);
}

export const webCryptoReference: Reference = {
  name: "WebCrypto",
  aeads: { "AES-128-GCM": webCryptoAes, "AES-256-GCM": webCryptoAes },
};
