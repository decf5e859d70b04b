/** The record protections (RFC 8446 §B.4; RFC 9150), by what protects the record rather than by cipher suite. */
export const Protection = {
  chacha20_poly1305: 1,
  aes_gcm: 2,
  /** TLS_SHA256_SHA256: authentic and replay-safe, but readable. Only on explicit request. */
  integrity_only_sha256: 3,
} as const;
export type Protection = (typeof Protection)[keyof typeof Protection];

/** Keys of one epoch in one direction (RFC 8446 §7.3, RFC 9147 §4.2.3). The core copies and does not keep them. */
export interface TrafficKeys {
  /** What protects the records. */
  readonly protection: Protection;
  /** 32 bytes; 16 or 32 for AES-GCM. */
  readonly key: Uint8Array;
  /** 12 bytes; 32 for TLS_SHA256_SHA256, whose IV is as long as its hash. */
  readonly iv: Uint8Array;
  /** Record number key, as long as `key`; unused by TLS_SHA256_SHA256, whose record numbers are readable too. */
  readonly snKey: Uint8Array;
}

/** How often one key may be used (RFC 8446 §5.5, RFC 9147 §4.5.3). */
export interface KeyLimits {
  /** Records that may be sealed; the sealer asks for a key update well before. */
  readonly sealed: number;
  /** Records that may fail deprotection before the key is dropped. */
  readonly failed: number;
}

const SEQUENCE_NUMBERS = 2 ** 48;

/**
 * ChaCha20-Poly1305 is bound by the 48-bit sequence number only; AES-GCM by 2^24.5 full-size records.
 * RFC 9147 §4.5.3 sets 2^36 failures for both. For HMAC-SHA-256 the same bounds are far on the safe side.
 */
export function keyLimits(protection: Protection): KeyLimits {
  const sealed = protection === Protection.aes_gcm ? Math.floor(2 ** 24.5) : SEQUENCE_NUMBERS;
  return { sealed, failed: 2 ** 36 };
}
