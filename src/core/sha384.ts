import type { Bytes } from "./bytes.ts";
import type { CoreInstance } from "./instance.ts";

const BLOCK = 128;
const STATE = 64;
const DIGEST = 48;

/** FIPS 180-4, 5.3.4, big-endian. */
const INITIAL =
  "cbbb9d5dc1059ed8629a292a367cd5079159015a3070dd17152fecd8f70e5939" +
  "67332667ffc00b318eb44a8768581511db0c2e0d64f98fa747b5481dbefa4fa4";

/** Words of 64 bits from big-endian to native order, which is WebAssembly's, or back. */
function swapWords(bytes: Uint8Array): Bytes {
  const swapped = new Uint8Array(bytes.length);
  for (let i = 0; i < bytes.length; i++) swapped[i] = bytes[i ^ 7]!;
  return swapped;
}

const initialState = swapWords(
  Uint8Array.from({ length: STATE }, (_, i) => Number.parseInt(INITIAL.slice(2 * i, 2 * i + 2), 16)),
);

/** A running SHA-384 (FIPS 180-4). Its state lives here, so any number of them share one core. */
export class Sha384 {
  readonly #core: CoreInstance;
  readonly #state: Bytes;
  readonly #tail: Bytes;
  #length: number;

  constructor(core: CoreInstance, from?: Sha384) {
    this.#core = core;
    this.#state = (from === undefined ? initialState : from.#state).slice();
    this.#tail = from === undefined ? new Uint8Array(BLOCK) : from.#tail.slice();
    this.#length = from === undefined ? 0 : from.#length;
  }

  update(bytes: Uint8Array): this {
    const { bytes: memory, staging, stagingSize, exports } = this.#core;
    const data = staging + STATE;
    const room = stagingSize - STATE - BLOCK;
    let tailLength = this.#length % BLOCK;
    memory.set(this.#state, staging);
    for (let at = 0; at < bytes.length; ) {
      const take = Math.min(bytes.length - at, room);
      memory.set(this.#tail.subarray(0, tailLength), data);
      memory.set(bytes.subarray(at, at + take), data + tailLength);
      const used = Math.floor((tailLength + take) / BLOCK) * BLOCK;
      exports.sha512Blocks(staging, data, used / BLOCK);
      tailLength += take - used;
      this.#tail.set(memory.subarray(data + used, data + used + tailLength));
      at += take;
    }
    this.#state.set(memory.subarray(staging, staging + STATE));
    this.#length += bytes.length;
    return this;
  }

  /** The 48-byte digest of everything so far; the hash goes on afterwards. */
  digest(): Bytes {
    const tailLength = this.#length % BLOCK;
    // 5.1.2: one bit, zeros, and the length in bits, of which 64 bits are enough.
    const end = new Uint8Array((tailLength < BLOCK - 16 ? BLOCK : 2 * BLOCK) - tailLength);
    end[0] = 0x80;
    new DataView(end.buffer).setBigUint64(end.length - 8, BigInt(this.#length) * 8n);
    return swapWords(this.clone().update(end).#state).slice(0, DIGEST);
  }

  clone(): Sha384 {
    return new Sha384(this.#core, this);
  }
}
