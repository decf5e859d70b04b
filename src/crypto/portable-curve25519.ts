/**
 * What runtimes without X25519 or Ed25519 load. A module of its own, because a bundler keeps the whole of a library
 * that is imported dynamically, and these two are half of it.
 */
import { ed25519 as nobleEd25519, x25519 as nobleX25519 } from "@noble/curves/ed25519.js";

// Typed here, so that the package's declarations need those of no other.
export const ed25519: {
  getPublicKey(secretKey: Uint8Array): Uint8Array;
  sign(message: Uint8Array, secretKey: Uint8Array): Uint8Array;
  verify(
    signature: Uint8Array,
    message: Uint8Array,
    publicKey: Uint8Array,
    options: { readonly zip215: boolean },
  ): boolean;
} = nobleEd25519;

export const x25519: {
  getPublicKey(secretKey: Uint8Array): Uint8Array;
  getSharedSecret(secretKey: Uint8Array, publicKey: Uint8Array): Uint8Array;
} = nobleX25519;
