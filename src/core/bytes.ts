/** Bytes over a plain `ArrayBuffer`, the only kind WebCrypto accepts. */
export type Bytes = Uint8Array<ArrayBuffer>;
