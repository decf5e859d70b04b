import type { Bytes } from "../core/bytes.ts";
import type { Hash, HashName } from "../crypto/provider.ts";
import { HandshakeType } from "./codepoints.ts";
import type { Hashing } from "./hkdf.ts";
import { encodeMessage } from "./message.ts";

/**
 * The transcript hash (RFC 9846 §4.1; the messages as RFC 9147 §5.2 counts them). Messages are buffered until the
 * hash is known, and only hashed from then on.
 */
export class Transcript {
  readonly #crypto: Hashing;
  #buffered: Uint8Array[] = [];
  #hash: Hash | undefined;

  constructor(crypto: Hashing) {
    this.#crypto = crypto;
  }

  /**
   * The transcript of a server that kept nothing but the hash of the first ClientHello.
   * @param clientHello1Hash the digest of ClientHello1 under `hash`
   * @param helloRetryRequest the message that was sent, byte for byte
   */
  static afterRetry(
    crypto: Hashing,
    hash: HashName,
    clientHello1Hash: Bytes,
    helloRetryRequest: Bytes,
  ): Transcript {
    const transcript = new Transcript(crypto);
    transcript.selectHash(hash);
    return transcript.add(messageHash(clientHello1Hash)).add(helloRetryRequest);
  }

  /** @param message type, length and body; it is read at once, or kept until `selectHash` */
  add(message: Uint8Array): this {
    if (this.#hash === undefined) this.#buffered.push(message);
    else this.#hash.update(message);
    return this;
  }

  /** The suite is chosen, and with it the hash. */
  selectHash(name: HashName): void {
    if (this.#hash !== undefined) throw new Error("the transcript has its hash already");
    const hash = this.#crypto.createHash(name);
    for (const message of this.#buffered) hash.update(message);
    this.#buffered = [];
    this.#hash = hash;
  }

  /**
   * Replaces the first ClientHello, which is all there is yet, by its message_hash: to be called before the
   * HelloRetryRequest is added.
   * @param name the hash that was selected
   * @returns the hash of the first ClientHello
   */
  replaceByMessageHash(name: HashName): Bytes {
    const clientHello1Hash = this.digest();
    this.#hash = this.#crypto.createHash(name).update(messageHash(clientHello1Hash));
    return clientHello1Hash;
  }

  /** The hash of the messages so far. */
  digest(): Bytes {
    if (this.#hash === undefined) throw new Error("the transcript has no hash yet");
    return this.#hash.digest();
  }

  /**
   * The hash of the messages so far and of a truncated ClientHello: what a binder covers (RFC 9846 §4.3.11.2).
   * @param name the hash of the PSK: before the suite is chosen it may be any
   */
  binderDigest(name: HashName, truncatedClientHello: Uint8Array): Bytes {
    const hash = this.#hash?.clone() ?? this.#crypto.createHash(name);
    for (const message of this.#buffered) hash.update(message);
    return hash.update(truncatedClientHello).digest();
  }
}

function messageHash(digest: Bytes): Bytes {
  return encodeMessage(HandshakeType.message_hash, (body) => body.bytes(digest), 64);
}
