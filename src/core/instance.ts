import { SealgramError } from "../errors.ts";
import type { WasmGlobal, WasmInstance, WasmMemory, WasmModule } from "../runtime-types.ts";
import type { Bytes } from "./bytes.ts";
import { coreHex } from "./wasm.ts";

/** What the WASM module exports: assembly/index.ts. Pointers are byte offsets into `memory`. */
export interface CoreExports {
  readonly memory: WasmMemory;
  readonly IN: WasmGlobal;
  readonly OUT: WasmGlobal;
  readonly STAGING: WasmGlobal;
  readonly STAGING_SIZE: WasmGlobal;
  readonly RESULT: WasmGlobal;
  readonly HEADER: WasmGlobal;
  readonly NONCE: WasmGlobal;
  readonly MASK: WasmGlobal;
  readonly SLOT_SIZE: WasmGlobal;
  frame(at: number, end: number, cidLength: number): number;
  framePlaintext(type: number, sequenceNumber: number, contentLength: number): number;
  open(slot: number): number;
  seal(slot: number, type: number, contentLength: number, padding: number): number;
  prepareOpen(slot: number, headerLength: number): number;
  finishOpen(slot: number, sequenceNumber: number, authentic: boolean, innerLength: number): number;
  prepareSeal(slot: number, type: number, contentLength: number, padding: number): number;
  createSlot(kind: number, epoch: number, cidLength: number, limit: number): number;
  releaseSlot(slot: number): void;
  setConnectionId(slot: number, cidLength: number): void;
  nextSequence(slot: number): number;
  setNextSequence(slot: number, sequenceNumber: number): void;
  failedRecords(slot: number): number;
  slotsInUse(): number;
  windowMayAccept(slot: number, sequenceNumber: number): number;
  windowAccept(slot: number, sequenceNumber: number): number;
  sha256Init(state: number): void;
  sha256Blocks(state: number, data: number, blocks: number): void;
  sha256Finish(state: number, totalLength: number, tail: number, tailLength: number, out: number): void;
  sha512Blocks(state: number, data: number, blocks: number): void;
  hmacStaged(keyLength: number, length: number): void;
  // The kernels by themselves, for test vectors; records do not need them.
  chacha20Block(key: number, counter: number, nonce: number, out: number): void;
  poly1305Init(key: number): void;
  poly1305Blocks(data: number, blocks: number): void;
  poly1305Finish(tag: number): void;
  aeadSeal(key: number, nonce: number, aad: number, aadLength: number, data: number, length: number): void;
  aeadOpen(key: number, nonce: number, aad: number, aadLength: number, data: number, length: number): number;
}

/**
 * One instance of the WASM module and the views on its memory. Any number of connections share it: what they keep
 * between calls is in their slots, and every call is synchronous.
 */
export class CoreInstance {
  readonly exports: CoreExports;
  /** All of linear memory. Taken again by {@link refresh} whenever memory may have grown. */
  bytes: Bytes;
  /** The same memory as 32-bit words. */
  words: Int32Array<ArrayBuffer>;
  /** The same memory as doubles. */
  doubles: Float64Array<ArrayBuffer>;
  readonly in: number;
  readonly out: number;
  readonly staging: number;
  readonly stagingSize: number;
  readonly header: number;
  readonly nonce: number;
  readonly mask: number;
  /** Index into {@link words} of the result area (assembly/layout.ts). */
  readonly result: number;
  #output: Bytes;

  constructor(instance: WasmInstance) {
    const exports = instance.exports as unknown as CoreExports;
    this.exports = exports;
    // The module's memory is not shared, which some runtimes' declarations leave open.
    const buffer = exports.memory.buffer as ArrayBuffer;
    this.bytes = new Uint8Array(buffer);
    this.words = new Int32Array(buffer);
    this.doubles = new Float64Array(buffer);
    this.in = exports.IN.value;
    this.out = exports.OUT.value;
    this.staging = exports.STAGING.value;
    this.stagingSize = exports.STAGING_SIZE.value;
    this.header = exports.HEADER.value;
    this.nonce = exports.NONCE.value;
    this.mask = exports.MASK.value;
    this.result = exports.RESULT.value >> 2;
    this.#output = this.bytes.subarray(this.out, this.out);
  }

  /** Growing memory detaches its buffer, and every view with it. */
  refresh(): void {
    const buffer = this.exports.memory.buffer as ArrayBuffer;
    if (this.bytes.buffer === buffer) return;
    this.bytes = new Uint8Array(buffer);
    this.words = new Int32Array(buffer);
    this.doubles = new Float64Array(buffer);
  }

  /**
   * The first bytes at {@link out}. Making a view costs more than copying a small record, and one record is often as
   * long as the last; a view that growing memory has detached has no length at all.
   */
  output(length: number): Bytes {
    if (this.#output.length !== length) this.#output = this.bytes.subarray(this.out, this.out + length);
    return this.#output;
  }

  /**
   * Claims the DTLSCiphertext that the reader stands on. Its place and length are in the result area only until it
   * is opened, so that opening anything else would read bytes that are no record.
   */
  takeRecord(): void {
    if (this.words[this.result] !== FRAMED_CIPHERTEXT) {
      throw new TypeError("the reader stands on no protected record, or it was opened already");
    }
    this.forgetRecord();
  }

  /** Leaves no record to open. */
  forgetRecord(): void {
    this.words[this.result] = 0;
  }
}

const FRAMED_CIPHERTEXT = 2;

/** The module that the bundle carries, as bytes. */
export function coreBytes(): Bytes {
  const bytes = new Uint8Array(coreHex.length / 2);
  for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(coreHex.slice(2 * i, 2 * i + 2), 16);
  return bytes;
}

let compiled: WasmModule | undefined;

/**
 * Compiles the bundled module once, at once. Browsers' main threads should prefer {@link compileCore}.
 * @throws SealgramError no_webassembly
 */
export function compileCoreSync(): WasmModule {
  try {
    compiled ??= new WebAssembly.Module(coreBytes());
    return compiled;
  } catch (cause) {
    throw noWebAssembly(cause);
  }
}

/**
 * Compiles the bundled module once, off the calling thread where the runtime can.
 * @throws SealgramError no_webassembly
 */
export async function compileCore(): Promise<WasmModule> {
  try {
    compiled ??= await WebAssembly.compile(coreBytes());
    return compiled;
  } catch (cause) {
    throw noWebAssembly(cause);
  }
}

/** The module itself is good: it is the runtime that has no WebAssembly, or does not let this program compile any. */
function noWebAssembly(cause: unknown): SealgramError {
  const policy = "a page's Content-Security-Policy has to allow 'wasm-unsafe-eval' in script-src";
  return new SealgramError("no_webassembly", `WebAssembly cannot be compiled here: ${policy}`, { cause });
}
