/** Cryptography outside the record hot path, on WebCrypto: for every runtime. */
export { createCoreHashes } from "./core-hashes.ts";
export { createNobleHashes } from "./hashes.ts";
export type { KeyAlgorithm } from "./key-format.ts";
export type {
  Awaitable,
  CertificateChain,
  CertificateVerifier,
  CryptoProvider,
  HashSuite,
  NamedGroup,
  SignatureScheme,
  Signer,
} from "./provider.ts";
export { createPinnedKeys } from "./raw-public-key.ts";
export {
  generatePkcs8,
  generateSigner,
  signerFromJwk,
  signerFromKeyPair,
  signerFromPkcs8,
} from "./signer.ts";
export { TicketKeys } from "./ticket-keys.ts";
export { createProvider, type WebCryptoOptions } from "./webcrypto.ts";
