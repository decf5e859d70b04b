/**
 * What runtimes without X25519 or Ed25519 load. A module of its own, because a bundler keeps the whole of a library
 * that is imported dynamically, and these two are half of it.
 */
export { ed25519, x25519 } from "@noble/curves/ed25519.js";
