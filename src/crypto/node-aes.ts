import { createCipheriv, createDecipheriv } from "node:crypto";
import type { AesBackend, AesKeys } from "../core/aes.ts";
import type { Bytes } from "../core/bytes.ts";

const TAG_LENGTH = 16;
const GCM = { authTagLength: TAG_LENGTH } as const;

/** AES through node:crypto: at once, and several times faster a record than awaiting WebCrypto. */
export const nodeAes: AesBackend = { importKeys: (key, snKey) => new NodeAesKeys(key, snKey) };

class NodeAesKeys implements AesKeys {
  readonly #key: Uint8Array;
  readonly #gcm: "aes-128-gcm" | "aes-256-gcm";
  readonly #ecb: ReturnType<typeof createCipheriv>;

  constructor(key: Uint8Array, snKey: Uint8Array) {
    const bits = key.length === 16 ? 128 : 256;
    this.#key = new Uint8Array(key);
    this.#gcm = `aes-${bits}-gcm`;
    // Every sample is a whole block of its own, so one cipher serves the epoch.
    this.#ecb = createCipheriv(`aes-${bits}-ecb`, snKey, null).setAutoPadding(false);
  }

  seal(nonce: Bytes, additionalData: Bytes, plaintext: Bytes): Bytes {
    const cipher = createCipheriv(this.#gcm, this.#key, nonce, GCM).setAAD(additionalData);
    const sealed = new Uint8Array(plaintext.length + TAG_LENGTH);
    sealed.set(cipher.update(plaintext));
    cipher.final();
    sealed.set(cipher.getAuthTag(), plaintext.length);
    return sealed;
  }

  open(nonce: Bytes, additionalData: Bytes, ciphertext: Bytes): Bytes | null {
    const length = ciphertext.length - TAG_LENGTH;
    const decipher = createDecipheriv(this.#gcm, this.#key, nonce, GCM)
      .setAAD(additionalData)
      .setAuthTag(ciphertext.subarray(length));
    const plaintext = decipher.update(ciphertext.subarray(0, length));
    try {
      decipher.final();
    } catch {
      plaintext.fill(0);
      return null;
    }
    // A small Buffer is a window on node's shared pool; callers are promised bytes of their own.
    return new Uint8Array(plaintext);
  }

  mask(sample: Bytes): Bytes {
    return this.#ecb.update(sample) as Bytes;
  }

  close(): void {
    this.#key.fill(0);
  }
}
