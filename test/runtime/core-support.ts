import type { AesBackend, AesKeys } from "../../src/core/aes.ts";
import type { Bytes } from "../../src/core/bytes.ts";
import {
  type OpenedRecord,
  Protection,
  RecordCore,
  RecordKind,
  type RecordOpener,
} from "../../src/core/index.ts";
import { type CoreExports, compileCoreSync } from "../../src/core/instance.ts";
import type { Env } from "./env.ts";

// What the suites of the record core share: reproducible randomness, and a core with its lid off.

/** Numbers that look random and depend on the seed alone (mulberry32). Put the seed into messages. */
export class Random {
  readonly seed: number;
  #state: number;

  constructor(seed: number) {
    this.seed = seed;
    this.#state = seed | 0;
  }

  /** A whole number of 32 bits. */
  word(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
  }

  /** From 0 to limit - 1, for limits up to 2^48. */
  below(limit: number): number {
    return Math.floor(((this.word() * 0x10000 + (this.word() >>> 16)) / 2 ** 48) * limit);
  }

  chance(probability: number): boolean {
    return this.word() < probability * 2 ** 32;
  }

  pick<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)];
  }

  bytes(length: number): Bytes {
    const bytes = new Uint8Array(length);
    for (let i = 0; i < length; i += 4) {
      const word = this.word();
      for (let j = i; j < i + 4 && j < length; j++) bytes[j] = word >>> (8 * (j - i));
    }
    return bytes;
  }
}

/** A record protection with a backend, if it needs one. */
export interface Variant {
  readonly name: string;
  readonly protection: Protection;
  readonly keyBytes: number;
  readonly ivBytes: number;
  readonly tagBytes: number;
  readonly aes?: AesBackend;
}

export const chacha: Variant = {
  name: "ChaCha20-Poly1305",
  protection: Protection.chacha20_poly1305,
  keyBytes: 32,
  ivBytes: 12,
  tagBytes: 16,
};

export const integrityOnly: Variant = {
  name: "integrity only",
  protection: Protection.integrity_only_sha256,
  keyBytes: 32,
  ivBytes: 32,
  tagBytes: 32,
};

export function aesVariant(name: string, aes: AesBackend, keyBytes: 16 | 32): Variant {
  return {
    name: `AES-${keyBytes * 8}-GCM (${name})`,
    protection: Protection.aes_gcm,
    keyBytes,
    ivBytes: 12,
    tagBytes: 16,
    aes,
  };
}

/** Every protection, AES on every backend that there is here. */
export function variants({ aesBackends }: Env): Variant[] {
  const aes = Object.entries(aesBackends).flatMap(([name, backend]) => [
    aesVariant(name, backend, 16),
    aesVariant(name, backend, 32),
  ]);
  return [chacha, ...aes, integrityOnly];
}

export interface RecordKeys {
  readonly protection: Protection;
  readonly key: Bytes;
  readonly iv: Bytes;
  readonly snKey: Bytes;
}

export function randomKeys({ protection, keyBytes, ivBytes }: Variant, random: Random): RecordKeys {
  return {
    protection,
    key: random.bytes(keyBytes),
    iv: random.bytes(ivBytes),
    snKey: random.bytes(keyBytes),
  };
}

/** A record core whose instance is in our hands. */
export interface OpenCore {
  readonly core: RecordCore;
  readonly exports: CoreExports;
  /** The slot that was taken last. */
  slot(): number;
  /** All of linear memory, as it is now. */
  memory(): Uint8Array;
  /** A copy of a slot. */
  slotBytes(slot: number): Uint8Array;
}

export function openCore(aes?: AesBackend): OpenCore {
  const real = new WebAssembly.Instance(compileCoreSync()).exports as unknown as CoreExports;
  let last = 0;
  const exports: CoreExports = {
    ...real,
    createSlot(...parameters) {
      last = real.createSlot(...parameters);
      return last;
    },
  };
  const core = new RecordCore(
    { exports } as unknown as WebAssembly.Instance,
    aes === undefined ? {} : { aes },
  );
  const memory = () => new Uint8Array(real.memory.buffer);
  return {
    core,
    exports,
    slot: () => last,
    memory,
    slotBytes: (slot) => memory().slice(slot, slot + real.SLOT_SIZE.value),
  };
}

/** What came out of one record; `content` is a copy. */
export interface Outcome {
  readonly drop: number;
  readonly type: number;
  readonly sequenceNumber: number;
  readonly content: Uint8Array;
}

export function outcomeOf(opened: OpenedRecord): Outcome {
  const { drop, type, sequenceNumber, buffer, start, length } = opened;
  if (drop !== 0) return { drop, type: 0, sequenceNumber: 0, content: new Uint8Array(0) };
  return { drop, type, sequenceNumber, content: buffer.slice(start, start + length) };
}

/** Opens every protected record of a datagram with one opener, whatever their epochs. */
export async function openAll(
  core: RecordCore,
  opener: RecordOpener,
  datagram: Uint8Array,
  connectionIdLength = 0,
): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  const { reader } = core;
  reader.begin(datagram, connectionIdLength);
  while (reader.next()) {
    if (reader.kind === RecordKind.ciphertext) outcomes.push(outcomeOf(await opener.open()));
  }
  return outcomes;
}

/** AES whose every answer waits until it is let go, in any order. */
export class HeldAes implements AesBackend {
  /** Answers that are due, in the order in which they were asked for. */
  readonly held: { readonly what: "mask" | "open" | "seal"; release(): void }[] = [];
  readonly #inner: AesBackend;

  constructor(inner: AesBackend) {
    this.#inner = inner;
  }

  importKeys(key: Uint8Array, snKey: Uint8Array): AesKeys {
    const keys = this.#inner.importKeys(key, snKey);
    const hold = <T>(what: "mask" | "open" | "seal", answer: () => T | Promise<T>): Promise<T> =>
      new Promise((resolve) => this.held.push({ what, release: () => resolve(answer()) }));
    return {
      seal: (nonce, additionalData, plaintext) =>
        hold("seal", () => keys.seal(nonce, additionalData, plaintext)),
      open: (nonce, additionalData, ciphertext) =>
        hold("open", () => keys.open(nonce, additionalData, ciphertext)),
      mask: (sample) => hold("mask", () => keys.mask(sample)),
    };
  }

  /** Waits until so many answers are due. */
  async due(count: number): Promise<void> {
    for (let turn = 0; this.held.length < count; turn++) {
      if (turn > 100) throw new Error(`only ${this.held.length} of ${count} answers are due`);
      await Promise.resolve();
    }
  }
}
