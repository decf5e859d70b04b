const p = 0xffffffff00000001000000000000000000000000ffffffffffffffffffffffffn;
const b = 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn;

/**
 * The curve P-256 (SP 800-186 §3.2.1.3): y² = x³ + ax + b over the field of p, with a base point of order n and the
 * cofactor h.
 */
export const parameters: Readonly<Record<"p" | "a" | "b" | "n" | "h" | "Gx" | "Gy", bigint>> = {
  p,
  a: p - 3n,
  b,
  n: 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
  h: 1n,
  Gx: 0x6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296n,
  Gy: 0x4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5n,
};

export const pointLength = 65;

const toInteger = (bytes: Uint8Array): bigint => {
  let hex = "0x0";
  for (const byte of bytes) hex += byte.toString(16).padStart(2, "0");
  return BigInt(hex);
};

/**
 * Whether the bytes are an uncompressed point of P-256: the length, both coordinates below p and the
 * curve equation (SP 800-56A §5.6.2.3.3; the cofactor is 1 and this form has no point at infinity).
 * Checked here because some runtimes accept any 65 bytes until the key is used.
 */
export const isP256Point = (bytes: Uint8Array): boolean => {
  if (bytes.length !== pointLength || bytes[0] !== 4) return false;
  const x = toInteger(bytes.subarray(1, 33));
  const y = toInteger(bytes.subarray(33));
  return x < p && y < p && (y * y - (x * x - 3n) * x - b) % p === 0n;
};
