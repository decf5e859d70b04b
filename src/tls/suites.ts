import type { HashName } from "../crypto/provider.ts";

/** CipherSuite code points (RFC 9846 §B.4, RFC 9150). */
export const CipherSuite = {
  TLS_AES_128_GCM_SHA256: 0x1301,
  TLS_AES_256_GCM_SHA384: 0x1302,
  TLS_CHACHA20_POLY1305_SHA256: 0x1303,
  TLS_SHA256_SHA256: 0xc0b4,
} as const;
export type CipherSuite = (typeof CipherSuite)[keyof typeof CipherSuite];

/** How a suite protects records; `hmac-sha256` is integrity only (RFC 9150 §5). */
export type RecordProtection = "aes-gcm" | "chacha20-poly1305" | "hmac-sha256";

/** What a cipher suite fixes. Lengths are in bytes. */
export interface SuiteParameters {
  readonly suite: CipherSuite;
  readonly name: keyof typeof CipherSuite;
  readonly hash: HashName;
  readonly hashLength: 32 | 48;
  readonly protection: RecordProtection;
  readonly keyLength: number;
  readonly ivLength: number;
  /** Of the "sn" key that encrypts record numbers (RFC 9147 §4.2.3); 0 where they stay in the clear. */
  readonly recordNumberKeyLength: number;
}

const gcm = {
  protection: "aes-gcm",
  ivLength: 12,
} as const;
const sha256 = { hash: "SHA-256", hashLength: 32 } as const;
const sha384 = { hash: "SHA-384", hashLength: 48 } as const;

const table: ReadonlyMap<number, SuiteParameters> = new Map(
  (
    [
      {
        suite: CipherSuite.TLS_AES_128_GCM_SHA256,
        name: "TLS_AES_128_GCM_SHA256",
        ...sha256,
        ...gcm,
        keyLength: 16,
        recordNumberKeyLength: 16,
      },
      {
        suite: CipherSuite.TLS_AES_256_GCM_SHA384,
        name: "TLS_AES_256_GCM_SHA384",
        ...sha384,
        ...gcm,
        keyLength: 32,
        recordNumberKeyLength: 32,
      },
      {
        suite: CipherSuite.TLS_CHACHA20_POLY1305_SHA256,
        name: "TLS_CHACHA20_POLY1305_SHA256",
        ...sha256,
        protection: "chacha20-poly1305",
        keyLength: 32,
        ivLength: 12,
        recordNumberKeyLength: 32,
      },
      {
        // RFC 9150: key and IV are as long as the hash (§6), and record numbers stay in the clear (§9).
        suite: CipherSuite.TLS_SHA256_SHA256,
        name: "TLS_SHA256_SHA256",
        ...sha256,
        protection: "hmac-sha256",
        keyLength: 32,
        ivLength: 32,
        recordNumberKeyLength: 0,
      },
    ] satisfies SuiteParameters[]
  ).map((parameters) => [parameters.suite, parameters]),
);

/** The parameters of a suite, or `undefined` for a code point that is not implemented. */
export function suiteParameters(suite: CipherSuite): SuiteParameters;
export function suiteParameters(suite: number): SuiteParameters | undefined;
export function suiteParameters(suite: number): SuiteParameters | undefined {
  return table.get(suite);
}
