/**
 * What runtimes have, as types that every program knows: with the library `DOM`, or in Node with @types/node alone. The
 * declarations of the package name no others.
 */

/** WebCrypto, as `globalThis.crypto`. */
export type WebCrypto = typeof globalThis.crypto;
export type WebSubtleCrypto = WebCrypto["subtle"];
export type WebCryptoKey = Parameters<WebSubtleCrypto["exportKey"]>[1];

/** As WebCrypto generates it. */
export interface WebCryptoKeyPair {
  readonly privateKey: WebCryptoKey;
  readonly publicKey: WebCryptoKey;
}

/** A WebAssembly.Module: declared as an object without members everywhere. */
export type WasmModule = object;

/** As WebAssembly.Instance. */
export interface WasmInstance {
  readonly exports: Readonly<Record<string, unknown>>;
}

/** As WebAssembly.Memory. */
export interface WasmMemory {
  readonly buffer: ArrayBufferLike;
}

/** As WebAssembly.Global, of a number. */
export interface WasmGlobal {
  readonly value: number;
}

/** A stream that `for await` reads. The library DOM of TypeScript 5.9 and older says so with DOM.AsyncIterable alone. */
export type IterableStream<T> = ReadableStream<T> & AsyncIterable<T>;
