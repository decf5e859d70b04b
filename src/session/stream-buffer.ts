/**
 * Bytes of a stream between two offsets, in blocks that begin small, so that ten thousand short streams are cheap, and
 * that soon have 64 KiB, so that a long one is fast.
 */
import type { Bytes } from "../core/bytes.ts";

const FIRST_BLOCK_BYTES = 512;
const BLOCK_BYTES = 65_536;
/** Blocks of 512, 512, 1024 … 32,768 bytes come before those of full size. */
const SMALL_BLOCKS = 8;
/** Free blocks that are kept for use again, of all sessions together: those of short streams, and those of long ones. */
const MAX_FREE_FIRST = 256;
const MAX_FREE_FULL = 32;
const freeFirst: Bytes[] = [];
const freeFull: Bytes[] = [];

/** What is in it is of no meaning: only what was written is ever read. */
function takeBlock(length: number): Bytes {
  const free = length === BLOCK_BYTES ? freeFull : length === FIRST_BLOCK_BYTES ? freeFirst : undefined;
  return free?.pop() ?? new Uint8Array(length);
}

function giveBlock(block: Bytes): void {
  if (block.length === BLOCK_BYTES && freeFull.length < MAX_FREE_FULL) freeFull.push(block);
  else if (block.length === FIRST_BLOCK_BYTES && freeFirst.length < MAX_FREE_FIRST) freeFirst.push(block);
}

function blockOf(offset: number): number {
  if (offset < FIRST_BLOCK_BYTES) return 0;
  if (offset < BLOCK_BYTES) return 32 - Math.clz32(offset / FIRST_BLOCK_BYTES);
  return SMALL_BLOCKS - 1 + Math.floor(offset / BLOCK_BYTES);
}

function startOf(block: number): number {
  if (block === 0) return 0;
  if (block < SMALL_BLOCKS) return FIRST_BLOCK_BYTES * 2 ** (block - 1);
  return (block - SMALL_BLOCKS + 1) * BLOCK_BYTES;
}

export class StreamBuffer {
  /** From the block that {@link #first} is the number of. */
  #blocks: (Bytes | undefined)[] = [];
  #first = 0;

  /** Bytes that blocks take up. */
  get allocatedBytes(): number {
    let sum = 0;
    for (const block of this.#blocks) sum += block?.length ?? 0;
    return sum;
  }

  /** Puts `source[start]` to `source[start + length - 1]` at an offset that was not released. */
  write(offset: number, source: Uint8Array, start: number, length: number): void {
    let at = offset;
    let from = start;
    const end = start + length;
    while (from < end) {
      const number = blockOf(at);
      const blockStart = startOf(number);
      const block = this.#block(number);
      const count = Math.min(end - from, block.length - (at - blockStart));
      if (from === 0 && count === source.length) block.set(source, at - blockStart);
      else block.set(source.subarray(from, from + count), at - blockStart);
      at += count;
      from += count;
    }
  }

  #block(number: number): Bytes {
    const index = number - this.#first;
    while (this.#blocks.length <= index) this.#blocks.push(undefined);
    let block = this.#blocks[index];
    if (block === undefined) {
      block = takeBlock(startOf(number + 1) - startOf(number));
      this.#blocks[index] = block;
    }
    return block;
  }

  /** A view on what is at an offset, up to `length` bytes: fewer where a block ends. */
  view(offset: number, length: number): Bytes {
    const number = blockOf(offset);
    const block = this.#blocks[number - this.#first]!;
    const at = offset - startOf(number);
    return block.subarray(at, Math.min(block.length, at + length));
  }

  /** Copies `length` bytes from an offset into `target`. */
  read(offset: number, length: number, target: Uint8Array, at: number): void {
    for (let done = 0; done < length; ) {
      const part = this.view(offset + done, length - done);
      target.set(part, at + done);
      done += part.length;
    }
  }

  /** Whether what is at an offset is `source[start]` to `source[start + length - 1]`. */
  equals(offset: number, source: Uint8Array, start: number, length: number): boolean {
    for (let done = 0; done < length; ) {
      const part = this.view(offset + done, length - done);
      for (let i = 0; i < part.length; i++) if (part[i] !== source[start + done + i]) return false;
      done += part.length;
    }
    return true;
  }

  /** Forgets everything below an offset. */
  release(offset: number): void {
    const keep = blockOf(offset);
    while (this.#first < keep && this.#blocks.length > 0) {
      const block = this.#blocks.shift();
      if (block !== undefined) giveBlock(block);
      this.#first++;
    }
    if (this.#blocks.length === 0) this.#first = Math.max(this.#first, keep);
  }

  /** Forgets everything. */
  clear(): void {
    for (const block of this.#blocks) if (block !== undefined) giveBlock(block);
    this.#blocks = [];
  }
}
