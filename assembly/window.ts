// The replay window (RFC 9147 §4.5.1): the last 1,024 sequence numbers of one epoch, as a ring of 64-bit words
// (RFC 6479), so that moving it forward clears whole words instead of shifting them. 1,024 bits at any alignment
// touch up to 17 words.

import { NEXT, WINDOW } from "./slot";

export const WINDOW_SIZE: u64 = 1024;
const WORDS: u64 = 17;

/** Where in the slot the word of this sequence number is. 2^16 is 1 modulo 17, and a 32-bit remainder is cheap. */
function wordOf(slot: usize, sequence: u64): usize {
  const index = sequence >> 6;
  const folded = <u32>(index & 0xffff) + <u32>((index >> 16) & 0xffff) + <u32>(index >> 32);
  return slot + WINDOW + <usize>(folded % 17) * 8;
}

/** Whether a record with this sequence number could be new: neither seen nor left of the window. */
export function mayAccept(slot: usize, sequence: u64): bool {
  const next = load<u64>(slot + NEXT);
  if (sequence >= next) return true;
  if (next - sequence > WINDOW_SIZE) return false;
  const word = load<u64>(wordOf(slot, sequence));
  return ((word >> (sequence & 63)) & 1) == 0;
}

/** Marks an authenticated record's number as seen: tests and sets in one step. False: it was seen already, or is too old. */
export function accept(slot: usize, sequence: u64): bool {
  const next = load<u64>(slot + NEXT);
  const bit = (<u64>1) << (sequence & 63);
  const at = wordOf(slot, sequence);
  if (sequence >= next) {
    // The words between the old right edge and the new one hold numbers a ring's length ago.
    const last = sequence >> 6;
    const first = next == 0 ? <u64>0 : ((next - 1) >> 6) + 1;
    if (first <= last) {
      let clear = last - first + 1;
      if (clear > WORDS) clear = WORDS;
      for (let i: u64 = 0; i < clear; i++) {
        store<u64>(wordOf(slot, (last - i) << 6), 0);
      }
    }
    store<u64>(slot + NEXT, sequence + 1);
    store<u64>(at, load<u64>(at) | bit);
    return true;
  }
  if (next - sequence > WINDOW_SIZE) return false;
  const word = load<u64>(at);
  if ((word & bit) != 0) return false;
  store<u64>(at, word | bit);
  return true;
}
