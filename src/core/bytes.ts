/** Bytes over a plain `ArrayBuffer`, the only kind WebCrypto accepts. */
export type Bytes = Uint8Array<ArrayBuffer>;

const arrayBufferLength = Object.getOwnPropertyDescriptor(ArrayBuffer.prototype, "byteLength")!.get!;

/**
 * What an application gives for bytes, as a view of the same memory: any view, or a whole ArrayBuffer, also one of another
 * realm, such as an iframe's, node:vm's or jest's. What is to be kept has to be copied.
 * @param what for the message: "a datagram"
 * @throws TypeError for anything else, and for a detached buffer, which would be taken for no bytes
 */
export function bytesOf(value: unknown, what: string): Uint8Array {
  // Asking a small array for its buffer would have one made, for every datagram.
  if (value instanceof Uint8Array && value.length > 0) return value;
  try {
    if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
    arrayBufferLength.call(value);
    return new Uint8Array(value as ArrayBuffer);
  } catch (cause) {
    throw new TypeError(`${what} is a Uint8Array, or another view of memory that is not detached`, { cause });
  }
}

/** As {@link bytesOf}, but a copy, which nothing else can change. */
export function ownBytes(value: unknown, what: string): Bytes {
  return new Uint8Array(bytesOf(value, what));
}
