import type { WebSubtleCrypto } from "../runtime-types.ts";
import type { AesBackend, AesKeys } from "./aes.ts";
import type { Bytes } from "./bytes.ts";

/**
 * AES-GCM and the AES block of record number encryption from WebCrypto, under non-extractable keys that are imported
 * once an epoch. WebCrypto has no ECB: AES-CTR with the sample as counter over zeros is the same block.
 */
export function webCryptoAes(subtle?: WebSubtleCrypto): AesBackend {
  return { importKeys: (key, snKey) => new WebCryptoAesKeys(subtle ?? crypto.subtle, key, snKey) };
}

const ZEROS = new Uint8Array(16);

class WebCryptoAesKeys implements AesKeys {
  readonly #subtle: SubtleCrypto;
  readonly #key: Promise<CryptoKey>;
  readonly #snKey: Promise<CryptoKey>;

  constructor(subtle: SubtleCrypto, key: Uint8Array, snKey: Uint8Array) {
    this.#subtle = subtle;
    this.#key = subtle.importKey("raw", new Uint8Array(key), "AES-GCM", false, ["encrypt", "decrypt"]);
    this.#snKey = subtle.importKey("raw", new Uint8Array(snKey), "AES-CTR", false, ["encrypt"]);
    // Whoever uses the keys sees the failure; nobody may ever use them.
    this.#key.catch(() => {});
    this.#snKey.catch(() => {});
  }

  async seal(nonce: Bytes, additionalData: Bytes, plaintext: Bytes): Promise<Bytes> {
    const algorithm = { name: "AES-GCM", iv: nonce, additionalData };
    return new Uint8Array(await this.#subtle.encrypt(algorithm, await this.#key, plaintext));
  }

  async open(nonce: Bytes, additionalData: Bytes, ciphertext: Bytes): Promise<Bytes | null> {
    const key = await this.#key;
    try {
      const algorithm = { name: "AES-GCM", iv: nonce, additionalData };
      return new Uint8Array(await this.#subtle.decrypt(algorithm, key, ciphertext));
    } catch {
      return null;
    }
  }

  async mask(sample: Bytes): Promise<Bytes> {
    const algorithm = { name: "AES-CTR", counter: sample, length: 128 };
    return new Uint8Array(await this.#subtle.encrypt(algorithm, await this.#snKey, ZEROS));
  }
}
