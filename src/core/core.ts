import type { WasmInstance, WasmModule } from "../runtime-types.ts";
import { type AesBackend, type AesKeys, AesOpener, AesSealer } from "./aes.ts";
import type { Bytes } from "./bytes.ts";
import { DatagramReader } from "./datagram.ts";
import { CoreInstance, compileCore, compileCoreSync } from "./instance.ts";
import { keyLimits, Protection, type TrafficKeys } from "./keys.ts";
import { MAX_CONNECTION_ID, MAX_CONTENT, type RecordOpener, type RecordSealer } from "./record.ts";
import { CoreOpener, CoreSealer } from "./records.ts";
import { Sha256 } from "./sha256.ts";
import { Sha384 } from "./sha384.ts";
import { webCryptoAes } from "./webcrypto-aes.ts";

/** What a core stands on. */
export interface RecordCoreOptions {
  /** The AEAD behind the AES-GCM suites; WebCrypto unless given. */
  readonly aes?: AesBackend | undefined;
}

/** The sending side of one epoch. */
export interface SealerOptions {
  /** The epoch's number; its low two bits go into every header. */
  readonly epoch: number;
  /** The peer's connection ID, 0 to 20 bytes, sent in every record (RFC 9147 §9). */
  readonly connectionId?: Uint8Array | undefined;
  /** Records that the key may seal; by default what {@link keyLimits} says, and never more. */
  readonly limit?: number | undefined;
}

/** The receiving side of one epoch. */
export interface OpenerOptions {
  /** The epoch's number. */
  readonly epoch: number;
  /** Failed deprotections after which the key is dead; by default what {@link keyLimits} says, and never more. */
  readonly limit?: number | undefined;
}

/**
 * The record core: DTLS 1.3 record protection (RFC 9147 §4) for any number of connections in one WASM instance.
 * A connection takes 576 bytes of linear memory: a slot of 288 for each direction's epoch.
 */
export class RecordCore {
  /** Frames received datagrams; one at a time, shared by all connections of this core. */
  readonly reader: DatagramReader;
  readonly #core: CoreInstance;
  readonly #aes: AesBackend;

  /** A core on an instance of the module in the caller's hands; {@link load} makes one itself. */
  constructor(instance: WasmInstance, options?: RecordCoreOptions) {
    this.#core = new CoreInstance(instance);
    this.#aes = options?.aes ?? webCryptoAes();
    this.reader = new DatagramReader(this.#core);
  }

  /**
   * A core of its own memory; compiles the bundled module off the calling thread, unless one is passed in.
   * @throws SealgramError no_webassembly
   */
  static async load(module?: WasmModule, options?: RecordCoreOptions): Promise<RecordCore> {
    const compiled = module ?? (await compileCore());
    return new RecordCore(await WebAssembly.instantiate(compiled), options);
  }

  /** As {@link load}, at once: for servers and scripts. Some browsers refuse to compile on their main thread. */
  static loadSync(module?: WasmModule, options?: RecordCoreOptions): RecordCore {
    const compiled = module ?? compileCoreSync();
    return new RecordCore(new WebAssembly.Instance(compiled), options);
  }

  /**
   * Takes a slot for the sending side of one epoch. Close it, or its keys stay in memory.
   * @throws TypeError for keys of the wrong lengths, RangeError for a connection ID above 20 bytes or a limit below 1
   */
  createSealer(keys: TrafficKeys, options: SealerOptions): RecordSealer {
    const { epoch, connectionId = new Uint8Array(0) } = options;
    const limit = Math.min(checkLimit(options.limit), keyLimits(keys.protection).sealed);
    const slot = this.#createSlot(keys, epoch, connectionId, limit);
    const sealer = new CoreSealer(this.#core, slot, keys.protection, connectionId.length, limit);
    if (keys.protection !== Protection.aes_gcm) return sealer;
    return new AesSealer(this.#core, this.#importAes(keys, sealer), sealer);
  }

  /** Takes a slot for the receiving side of one epoch. Errors as {@link createSealer}. */
  createOpener(keys: TrafficKeys, options: OpenerOptions): RecordOpener {
    const limit = Math.min(checkLimit(options.limit), keyLimits(keys.protection).failed);
    const slot = this.#createSlot(keys, options.epoch, new Uint8Array(0), limit);
    const opener = new CoreOpener(this.#core, slot, limit);
    if (keys.protection !== Protection.aes_gcm) return opener;
    return new AesOpener(this.#core, this.#importAes(keys, opener), opener);
  }

  /**
   * Writes a DTLSPlaintext record (RFC 9147 §4) into `out` at `at` and answers its length, 13 more than the content's.
   * @throws RangeError for a content above 2^14 bytes, a sequence number above 2^48-1 or an `out` that is too short
   */
  writePlaintext(
    type: number,
    sequenceNumber: number,
    content: Uint8Array,
    out: Uint8Array,
    at: number,
  ): number {
    const core = this.#core;
    const length = content.length + 13;
    if (content.length > MAX_CONTENT) throw new RangeError(`a record holds ${MAX_CONTENT} bytes at most`);
    if (!(Number.isInteger(sequenceNumber) && sequenceNumber >= 0 && sequenceNumber < 2 ** 48)) {
      throw new RangeError(`not a sequence number of 48 bits: ${sequenceNumber}`);
    }
    if (at >>> 0 !== at || at + length > out.length)
      throw new RangeError("the record does not fit into the buffer");
    core.bytes.set(content, core.out + 13);
    core.exports.framePlaintext(type, sequenceNumber, content.length);
    out.set(core.output(length), at);
    return length;
  }

  /** A running SHA-256 in the core, several times faster for short inputs than a call out of the language. */
  createSha256(): Sha256 {
    return new Sha256(this.#core);
  }

  /** A running SHA-384 in the core. */
  createSha384(): Sha384 {
    return new Sha384(this.#core);
  }

  /** HMAC-SHA-256 (RFC 2104) over the concatenation of `parts`, of up to 16 kB with the key. */
  hmacSha256(key: Uint8Array, ...parts: Uint8Array[]): Bytes {
    const core = this.#core;
    let length = key.length;
    for (const part of parts) length += part.length;
    if (length > core.stagingSize) throw new RangeError("key and message exceed 16 kB");
    core.bytes.set(key, core.staging);
    let at = core.staging + key.length;
    for (const part of parts) {
      core.bytes.set(part, at);
      at += part.length;
    }
    core.exports.hmacStaged(key.length, length - key.length);
    const tag = core.bytes.slice(core.mask, core.mask + 32);
    core.bytes.fill(0, core.mask, core.mask + 32);
    return tag;
  }

  /** Slots that are neither closed nor free, and the linear memory that the instance holds. */
  get statistics(): { slots: number; slotBytes: number; memoryBytes: number } {
    const { exports } = this.#core;
    return {
      slots: exports.slotsInUse(),
      slotBytes: exports.SLOT_SIZE.value,
      memoryBytes: exports.memory.buffer.byteLength,
    };
  }

  /** A backend may refuse, for instance a page that is no secure context and has no WebCrypto. */
  #importAes({ key, snKey }: TrafficKeys, framing: { close(): void }): AesKeys {
    try {
      return this.#aes.importKeys(key, snKey);
    } catch (error) {
      framing.close();
      throw error;
    }
  }

  #createSlot(keys: TrafficKeys, epoch: number, connectionId: Uint8Array, limit: number): number {
    checkKeys(keys);
    if (!Number.isSafeInteger(epoch) || epoch < 0) throw new RangeError(`not an epoch: ${epoch}`);
    if (connectionId.length > MAX_CONNECTION_ID) {
      throw new RangeError(`a connection ID has ${MAX_CONNECTION_ID} bytes at most`);
    }
    const core = this.#core;
    const { staging } = core;
    core.bytes.fill(0, staging, staging + 116);
    if (keys.protection !== Protection.aes_gcm) {
      core.bytes.set(keys.key, staging);
      if (keys.protection === Protection.chacha20_poly1305) core.bytes.set(keys.snKey, staging + 32);
    }
    core.bytes.set(keys.iv, staging + 64);
    core.bytes.set(connectionId, staging + 96);
    const slot = core.exports.createSlot(keys.protection, epoch & 3, connectionId.length, limit);
    core.refresh();
    if (slot === 0) throw new RangeError("the record core has no memory left for another connection");
    return slot;
  }
}

function checkLimit(limit: number | undefined): number {
  if (limit === undefined) return Number.POSITIVE_INFINITY;
  if (!(limit >= 1)) throw new RangeError(`not a limit: ${limit}`);
  return limit;
}

function checkKeys({ protection, key, iv, snKey }: TrafficKeys): void {
  const fits =
    protection === Protection.chacha20_poly1305
      ? key.length === 32 && iv.length === 12 && snKey.length === 32
      : protection === Protection.aes_gcm
        ? (key.length === 16 || key.length === 32) && iv.length === 12 && snKey.length === key.length
        : protection === Protection.integrity_only_sha256 && key.length === 32 && iv.length === 32;
  if (!fits) throw new TypeError("these keys do not have the lengths of their protection");
}
