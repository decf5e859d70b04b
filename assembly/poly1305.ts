// Poly1305, RFC 8439 2.5, on whole 16-byte blocks: the AEAD pads everything to them (RFC 8439 2.8).
//
// Radix: limbs of 32, 32, 32 and 34 bits, each in a u64. The clamped r (2.5) has r0..r3 < 2^28, and r1..r3 are
// multiples of 4, so that a product above 2^128 folds back by an exact factor: 2^130 = 5 (mod p), hence
// h[i] * r[j] * 2^128 = h[i] * (5 / 4 * r[j]), and s[j] = r[j] + r[j] / 4 < 1.25 * 2^28.
// Bounds before a multiplication, in units of 2^32: h0 <= 1 + 1.04 + 1 (carry, message), h1 and h2 <= 1 + 1,
// h3 <= 4 + 1 + 1 (message, the bit 2^128). The largest sum is then d0 = h0 r0 + h1 s3 + h2 s2 + h3 s1
// < (3.04 + 2 * 1.25 + 2 * 1.25 + 6 * 1.25) * 2^60 = 15.54 * 2^60, which fits 64 bits without an intermediate carry;
// d3 + carry < (3.04 + 2 + 2 + 6) * 2^60 + 2^32, hence 5 * (d3 >> 34) < 1.04 * 2^32.

/**
 * The running state: h0 and h3 as u64, h1 and h2 (always reduced to 32 bits) as u32, then r0..r3 and (0) s1..s3 as u32,
 * then the 16 bytes that are added at the end. chacha20.ts advances it too.
 */
export const POLY1305: usize = memory.data(80, 16);
export const H0: usize = 0;
export const H3: usize = 8;
export const H1: usize = 16;
export const H2: usize = 20;
export const R: usize = 32;
export const S: usize = 48;
const PAD: usize = 64;

const LOW_32: u64 = 0xffffffff;
const LOW_34: u64 = 0x3ffffffff;

/** Starts a message under the one-time key (r, s) of 32 bytes at `key`. */
export function poly1305Init(key: usize): void {
  v128.store(POLY1305, i32x4.splat(0));
  v128.store(POLY1305, i32x4.splat(0), 16);
  // RFC 8439 2.5: r &= 0x0ffffffc0ffffffc0ffffffc0fffffff
  const r = v128.and(v128.load(key), i32x4(0x0fffffff, 0x0ffffffc, 0x0ffffffc, 0x0ffffffc));
  v128.store(POLY1305, r, R);
  v128.store(POLY1305, i32x4.add(r, i32x4.shr_u(r, 2)), S);
  v128.store(POLY1305, v128.load(key, 16), PAD);
}

/** Absorbs `blocks` whole blocks of 16 bytes: h = (h + block + 2^128) * r mod 2^130 - 5, partly reduced. */
export function poly1305Blocks(data: usize, blocks: i32): void {
  const r0 = <u64>load<u32>(POLY1305, R);
  const r1 = <u64>load<u32>(POLY1305, R + 4);
  const r2 = <u64>load<u32>(POLY1305, R + 8);
  const r3 = <u64>load<u32>(POLY1305, R + 12);
  const s1 = <u64>load<u32>(POLY1305, S + 4);
  const s2 = <u64>load<u32>(POLY1305, S + 8);
  const s3 = <u64>load<u32>(POLY1305, S + 12);
  let h0 = load<u64>(POLY1305, H0);
  let h3 = load<u64>(POLY1305, H3);
  for (; blocks > 0; blocks--) {
    const h1 = <u64>load<u32>(POLY1305, H1) + <u64>load<u32>(data, 4);
    const h2 = <u64>load<u32>(POLY1305, H2) + <u64>load<u32>(data, 8);
    h3 += <u64>load<u32>(data, 12) + 0x100000000;
    h0 += <u64>load<u32>(data);
    // h0 closes the carry chain and is known last: its products come last. The stores of h1 and h2 stand where they do
    // because the optimiser would otherwise nest these sums the other way around, p3 first, which costs up to a quarter
    // of the speed; and reloading the low halves spares the masks and two registers.
    const p0 = h1 * s3 + h2 * s2 + h3 * s1 + h0 * r0;
    const p1 = h1 * r0 + h2 * s3 + h3 * s2 + h0 * r1 + (p0 >> 32);
    store<u32>(POLY1305, <u32>p1, H1);
    const p2 = h1 * r1 + h2 * r0 + h3 * s3 + h0 * r2 + (p1 >> 32);
    store<u32>(POLY1305, <u32>p2, H2);
    const p3 = h1 * r2 + h2 * r1 + h3 * r0 + h0 * r3 + (p2 >> 32);
    h3 = p3 & LOW_34;
    h0 = (p0 & LOW_32) + (p3 >> 34) * 5;
    data += 16;
  }
  store<u64>(POLY1305, h0, H0);
  store<u64>(POLY1305, h3, H3);
}

/** Ends the message: tag = ((h mod 2^130 - 5) + s) mod 2^128, and forgets the key. */
export function poly1305Finish(tag: usize): void {
  let h0 = load<u64>(POLY1305, H0);
  let h1 = <u64>load<u32>(POLY1305, H1) + (h0 >> 32);
  let h2 = <u64>load<u32>(POLY1305, H2) + (h1 >> 32);
  let h3 = load<u64>(POLY1305, H3) + (h2 >> 32);
  // Fold what is above 2^130 once more; the carry may ripple through all limbs again.
  h0 = (h0 & LOW_32) + (h3 >> 34) * 5;
  h1 = (h1 & LOW_32) + (h0 >> 32);
  h2 = (h2 & LOW_32) + (h1 >> 32);
  h3 = (h3 & LOW_34) + (h2 >> 32);
  // h + 5 reaches 2^130 exactly if h >= p, and then its low 130 bits are h - p. At most p - 1 + 5 here, so either way
  // adding 5 * (that bit) and dropping what is above 2^128 gives h mod p (mod 2^128).
  const carry = ((((h0 & LOW_32) + 5) >> 32) + (h1 & LOW_32)) >> 32;
  const above = (((carry + (h2 & LOW_32)) >> 32) + h3) >> 34;
  h0 = (h0 & LOW_32) + above * 5 + <u64>load<u32>(POLY1305, PAD);
  h1 = (h1 & LOW_32) + <u64>load<u32>(POLY1305, PAD + 4) + (h0 >> 32);
  h2 = (h2 & LOW_32) + <u64>load<u32>(POLY1305, PAD + 8) + (h1 >> 32);
  h3 = h3 + <u64>load<u32>(POLY1305, PAD + 12) + (h2 >> 32);
  store<u32>(tag, <u32>h0);
  store<u32>(tag, <u32>h1, 4);
  store<u32>(tag, <u32>h2, 8);
  store<u32>(tag, <u32>h3, 12);
  for (let i: usize = 0; i < 80; i += 16) v128.store(POLY1305 + i, i32x4.splat(0));
}
