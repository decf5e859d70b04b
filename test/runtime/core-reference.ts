import type { Bytes } from "../../src/core/bytes.ts";
import type { DropReasonName } from "../../src/core/drop.ts";
import { Protection } from "../../src/core/keys.ts";
import { runtimeCrypto } from "../../src/crypto/runtime-crypto.ts";
import type { RecordKeys } from "./core-support.ts";
import type { Aead, AeadName, Reference } from "./env.ts";

// DTLSCiphertext records once more, written from RFC 9147 §4 and RFC 9150 §5 alone, with other people's ciphers, and
// without a thought for speed. Of src/ it knows the keys' shape only.

const MAX_SEQUENCE_NUMBER = 2 ** 48 - 1;

export interface ReferenceRecord {
  readonly epoch: number;
  readonly sequenceNumber: number;
  readonly type: number;
  readonly content: Uint8Array;
  /** Zeros behind the type (RFC 8446 §5.4). */
  readonly padding?: number;
  readonly connectionId?: Uint8Array;
  /** 2 unless given. */
  readonly sequenceNumberBytes?: 1 | 2;
  /** Whether there is a length field; true unless given. */
  readonly withLength?: boolean;
}

/** §4.2.2: "numerically closest" to `expected`, by looking at one number after the other. */
export function closestSequenceNumber(partial: number, bits: 8 | 16, expected: number): number {
  const modulus = 2 ** bits;
  for (let distance = 0; ; distance++) {
    const above = expected + distance;
    if (above <= MAX_SEQUENCE_NUMBER && above % modulus === partial) return above;
    const below = expected - distance;
    if (below >= 0 && below <= MAX_SEQUENCE_NUMBER && below % modulus === partial) return below;
  }
}

/** A number's low bytes in network order. */
function uint(value: number, length: number): Bytes {
  const bytes = new Uint8Array(length);
  let rest = value;
  for (let i = length - 1; i >= 0; i--) {
    bytes[i] = rest % 256;
    rest = Math.floor(rest / 256);
  }
  return bytes;
}

export function concat(...parts: Uint8Array[]): Bytes {
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

function xor(bytes: Uint8Array, mask: Uint8Array): Bytes {
  return Uint8Array.from(bytes, (byte, i) => byte ^ mask[i]);
}

/** RFC 8446 §5.3. */
function nonceOf(iv: Uint8Array, sequenceNumber: number): Bytes {
  return xor(iv, concat(new Uint8Array(iv.length - 8), uint(sequenceNumber, 8)));
}

/** A DTLSPlaintext record (§4). */
export function plaintextRecord(
  type: number,
  epoch: number,
  sequenceNumber: number,
  content: Uint8Array,
): Bytes {
  return concat(
    Uint8Array.of(type, 254, 253),
    uint(epoch, 2),
    uint(sequenceNumber, 6),
    uint(content.length, 2),
    content,
  );
}

/** Somebody else's AEAD: the first that has this cipher, and the first that has its mask. */
export function referenceAead(references: readonly Reference[], cipher: AeadName): Required<Aead> {
  const all = references.flatMap(({ aeads }) => aeads[cipher] ?? []);
  const mask = all.find((aead) => aead.mask !== undefined)?.mask;
  if (all.length === 0 || mask === undefined) throw new Error(`no reference for ${cipher}`);
  return { seal: all[0].seal, open: all[0].open, mask };
}

/** RFC 9150 §5 as an AEAD: "Tag = HMAC(write_key, nonce || additional_data || DTLSInnerPlaintext)". */
const integrityOnlyAead: Required<Aead> = {
  async seal(key, nonce, additionalData, plaintext) {
    const algorithm = { name: "HMAC", hash: "SHA-256" };
    const { subtle } = await runtimeCrypto();
    const hmacKey = await subtle.importKey("raw", new Uint8Array(key), algorithm, false, ["sign"]);
    const tag = await subtle.sign("HMAC", hmacKey, concat(nonce, additionalData, plaintext));
    return concat(plaintext, new Uint8Array(tag));
  },
  async open(key, nonce, additionalData, ciphertext) {
    if (ciphertext.length < 32) return null;
    const plaintext = new Uint8Array(ciphertext.subarray(0, ciphertext.length - 32));
    const again = await this.seal(key, nonce, additionalData, plaintext);
    return again.every((byte, i) => byte === ciphertext[i]) ? plaintext : null;
  },
  /** No confidentiality, and none for record numbers. */
  mask: () => new Uint8Array(16),
};

/** How a datagram falls into records (§4, §4.1): what each is and how long, and what ends the reading early. */
export function framesOf(
  datagram: Uint8Array,
  connectionIdLength: number,
): { records: string[]; drop: DropReasonName | undefined } {
  const records: string[] = [];
  const lengthAt = (at: number) => datagram[at] * 256 + datagram[at + 1];
  for (let at = 0; at < datagram.length; ) {
    const rest = datagram.length - at;
    const first = datagram[at];
    let kind: "plaintext" | "ciphertext" | "unusable";
    let recordLength: number;
    if (first === 21 || first === 22 || first === 26) {
      if (rest < 13) return { records, drop: "truncated" };
      const length = lengthAt(at + 11);
      if (13 + length > rest) return { records, drop: "length" };
      kind = lengthAt(at + 3) === 0 && length <= 2 ** 14 ? "plaintext" : "unusable";
      recordLength = 13 + length;
    } else if (first >> 5 === 0b001) {
      const hasConnectionId = (first & 0b10000) !== 0;
      // "If a Connection ID is negotiated, then it MUST be contained in all datagrams."
      const isWrong = connectionIdLength === 0 ? hasConnectionId : !hasConnectionId && at === 0;
      if (isWrong) return { records, drop: "connection_id" };
      const beforeLength = 1 + (hasConnectionId ? connectionIdLength : 0) + ((first & 0b01000) !== 0 ? 2 : 1);
      const hasLength = (first & 0b00100) !== 0;
      const headerLength = beforeLength + (hasLength ? 2 : 0);
      if (rest < headerLength) return { records, drop: "truncated" };
      const length = hasLength ? lengthAt(at + beforeLength) : rest - headerLength;
      if (headerLength + length > rest) return { records, drop: "length" };
      // §4.2.3: "at least 16 bytes"; RFC 8446 §5.2: at most 2^14 + 256
      kind = length >= 16 && length <= 2 ** 14 + 256 ? "ciphertext" : "unusable";
      recordLength = headerLength + length;
    } else {
      return { records, drop: "unknown_type" };
    }
    records.push(`${kind} ${recordLength}`);
    at += recordLength;
  }
  return { records, drop: undefined };
}

/** The AEAD that these keys are for, if any. */
function cipherOf({ protection, key }: RecordKeys): AeadName | undefined {
  if (protection === Protection.integrity_only_sha256) return undefined;
  if (protection === Protection.chacha20_poly1305) return "ChaCha20-Poly1305";
  return key.length === 16 ? "AES-128-GCM" : "AES-256-GCM";
}

/** One epoch's records in one direction. */
export class ReferenceRecords {
  readonly #keys: RecordKeys;
  readonly #aead: Required<Aead>;

  constructor(references: readonly Reference[], keys: RecordKeys) {
    this.#keys = keys;
    const cipher = cipherOf(keys);
    this.#aead = cipher === undefined ? integrityOnlyAead : referenceAead(references, cipher);
  }

  seal(record: ReferenceRecord): Promise<Bytes> {
    const inner = concat(record.content, Uint8Array.of(record.type), new Uint8Array(record.padding ?? 0));
    return this.sealInner(record, inner);
  }

  /** Seals any bytes in place of a DTLSInnerPlaintext. */
  async sealInner(
    record: Omit<ReferenceRecord, "type" | "content" | "padding">,
    inner: Uint8Array,
  ): Promise<Bytes> {
    const { epoch, sequenceNumber, connectionId = new Uint8Array(0) } = record;
    const { sequenceNumberBytes = 2, withLength = true } = record;
    const { key, iv, snKey } = this.#keys;
    const tagBytes = iv.length === 32 ? 32 : 16;
    const first =
      0b001_00000 +
      (connectionId.length > 0 ? 0b10000 : 0) +
      (sequenceNumberBytes === 2 ? 0b01000 : 0) +
      (withLength ? 0b00100 : 0) +
      (epoch % 4);
    const before = concat(Uint8Array.of(first), connectionId);
    const number = uint(sequenceNumber, sequenceNumberBytes);
    const length = withLength ? uint(inner.length + tagBytes, 2) : new Uint8Array(0);
    const header = concat(before, number, length);
    const sealed = await this.#aead.seal(key, nonceOf(iv, sequenceNumber), header, inner);
    const mask = this.#aead.mask(snKey, sealed.subarray(0, 16));
    return concat(before, xor(number, mask), length, sealed);
  }

  /** Opens a datagram of one record; `null` when it is not authentic. */
  async open(
    datagram: Uint8Array,
    connectionIdLength: number,
    expected: number,
  ): Promise<(Required<Omit<ReferenceRecord, "epoch">> & { readonly epochBits: number }) | null> {
    const first = datagram[0];
    if (first >> 5 !== 1) throw new RangeError("not a DTLSCiphertext");
    const cidEnd = 1 + ((first & 0b10000) !== 0 ? connectionIdLength : 0);
    const sequenceNumberBytes = (first & 0b01000) !== 0 ? 2 : 1;
    const numberEnd = cidEnd + sequenceNumberBytes;
    const withLength = (first & 0b00100) !== 0;
    const bodyStart = numberEnd + (withLength ? 2 : 0);
    const body = datagram.subarray(bodyStart);
    if (withLength && datagram[numberEnd] * 256 + datagram[numberEnd + 1] !== body.length) {
      throw new RangeError("not one record");
    }
    const { key, iv, snKey } = this.#keys;
    const mask = this.#aead.mask(snKey, body.subarray(0, 16));
    const number = xor(datagram.subarray(cidEnd, numberEnd), mask);
    const partial = number.reduce((value, byte) => value * 256 + byte, 0);
    const sequenceNumber = closestSequenceNumber(partial, sequenceNumberBytes === 2 ? 16 : 8, expected);
    const header = concat(datagram.subarray(0, cidEnd), number, datagram.subarray(numberEnd, bodyStart));
    const inner = await this.#aead.open(key, nonceOf(iv, sequenceNumber), header, body);
    if (inner === null) return null;
    let end = inner.length;
    while (inner[end - 1] === 0) end--;
    return {
      epochBits: first & 3,
      sequenceNumber,
      type: inner[end - 1],
      content: inner.subarray(0, end - 1),
      padding: inner.length - end,
      connectionId: datagram.subarray(1, cidEnd),
      sequenceNumberBytes,
      withLength,
    };
  }
}
