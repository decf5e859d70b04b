import type { Bytes } from "./bytes.ts";
import type { CoreInstance } from "./instance.ts";

const BLOCK = 64;
const STATE = 32;

/** A running SHA-256 (FIPS 180-4). Its state lives here, so any number of them share one core. */
export class Sha256 {
  readonly #core: CoreInstance;
  #state: Bytes;
  #tail: Bytes;
  #length: number;

  constructor(core: CoreInstance, from?: Sha256) {
    this.#core = core;
    if (from === undefined) {
      core.exports.sha256Init(core.staging);
      this.#state = core.bytes.slice(core.staging, core.staging + STATE);
      this.#tail = new Uint8Array(BLOCK);
      this.#length = 0;
    } else {
      this.#state = from.#state.slice();
      this.#tail = from.#tail.slice();
      this.#length = from.#length;
    }
  }

  /** Takes more bytes. They are not kept. */
  update(bytes: Uint8Array): this {
    const core = this.#core;
    const { staging } = core;
    const data = staging + STATE;
    const room = core.stagingSize - STATE - BLOCK;
    core.bytes.set(this.#state, staging);
    let tailLength = this.#length % BLOCK;
    for (let at = 0; at < bytes.length || at === 0; ) {
      const take = Math.min(bytes.length - at, room);
      core.bytes.set(this.#tail.subarray(0, tailLength), data);
      core.bytes.set(bytes.subarray(at, at + take), data + tailLength);
      const blocks = Math.floor((tailLength + take) / BLOCK);
      core.exports.sha256Blocks(staging, data, blocks);
      const used = blocks * BLOCK;
      tailLength = tailLength + take - used;
      this.#tail.set(core.bytes.subarray(data + used, data + used + tailLength));
      at += take;
      if (take === 0) break;
    }
    this.#state.set(core.bytes.subarray(staging, staging + STATE));
    this.#length += bytes.length;
    return this;
  }

  /** The 32-byte digest of everything so far; the hash goes on afterwards. */
  digest(): Bytes {
    const core = this.#core;
    const tailLength = this.#length % BLOCK;
    core.bytes.set(this.#state, core.staging);
    core.bytes.set(this.#tail, core.staging + STATE);
    core.exports.sha256Finish(core.staging, this.#length, core.staging + STATE, tailLength, core.mask);
    return core.bytes.slice(core.mask, core.mask + 32);
  }

  /** Another hash that goes on from here. */
  clone(): Sha256 {
    return new Sha256(this.#core, this);
  }
}
