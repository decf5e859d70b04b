import type { Bytes } from "../core/bytes.ts";
import { loadPart } from "../lazy.ts";
import type { WebCrypto, WebCryptoKeyPair } from "../runtime-types.ts";
import { concatBytes, copyBytes, fromBase64 } from "./bytes.ts";
import { DerError } from "./der.ts";
import {
  derOrPem,
  ed25519Pkcs8,
  ed25519Seed,
  encodeSpki,
  type KeyAlgorithm,
  parsePkcs8,
  parseSpki,
} from "./key-format.ts";
import type { Awaitable, SignatureScheme, Signer } from "./provider.ts";
import { runtimeCrypto } from "./runtime-crypto.ts";
import { ecdsaToDer, schemesFor, signatureSchemes } from "./signature.ts";

/** As much of WebCrypto as is used here. */
type KeyCrypto = Pick<WebCrypto, "subtle" | "getRandomValues">;

/** A private JWK (RFC 7517). What it says of its use is not looked at. */
export interface PrivateJwk {
  readonly use?: string | undefined;
  readonly key_ops?: string[] | undefined;
  readonly alg?: string | undefined;
  readonly kid?: string | undefined;
  readonly ext?: boolean | undefined;
  readonly kty?: string | undefined;
  readonly crv?: string | undefined;
  readonly x?: string | undefined;
  readonly y?: string | undefined;
  readonly d?: string | undefined;
  readonly n?: string | undefined;
  readonly e?: string | undefined;
  readonly p?: string | undefined;
  readonly q?: string | undefined;
  readonly dp?: string | undefined;
  readonly dq?: string | undefined;
  readonly qi?: string | undefined;
}

/** What WebCrypto calls a key of ours; RSA keys there are bound to one hash. */
const importParameters = (
  algorithm: KeyAlgorithm,
  hash: string,
): EcKeyImportParams | RsaHashedImportParams => {
  if (algorithm === "RSA") return { name: "RSA-PSS", hash };
  if (algorithm === "Ed25519") return { name: "Ed25519" } as EcKeyImportParams;
  return { name: "ECDSA", namedCurve: algorithm };
};

/** A signer over an operation that already has its key; refuses what is not listed. */
const createSigner = (
  algorithm: KeyAlgorithm,
  publicKey: Bytes,
  operation: (scheme: SignatureScheme, message: Bytes) => Awaitable<Bytes>,
  schemes: readonly SignatureScheme[] = schemesFor(algorithm),
): Signer => ({
  schemes,
  publicKey,
  sign(scheme, message) {
    if (!schemes.includes(scheme)) throw new TypeError(`a ${algorithm} key does not sign with this scheme`);
    return operation(scheme, copyBytes(message));
  },
});

const signWith =
  (subtle: SubtleCrypto, algorithm: KeyAlgorithm, keyFor: (hash: string) => CryptoKey) =>
  async (scheme: SignatureScheme, message: Bytes): Promise<Bytes> => {
    const { hash, hashLength } = signatureSchemes[scheme];
    const parameters = { name: importParameters(algorithm, hash).name, hash, saltLength: hashLength };
    const signature = new Uint8Array(await subtle.sign(parameters, keyFor(hash), message));
    return algorithm === "P-256" || algorithm === "P-384" ? ecdsaToDer(signature) : signature;
  };

const publicKeyFromJwk = (algorithm: KeyAlgorithm, jwk: JsonWebKey): Bytes => {
  const x = fromBase64(jwk.x ?? "");
  if (algorithm === "Ed25519") return encodeSpki(algorithm, x);
  return encodeSpki(algorithm, concatBytes(Uint8Array.of(4), x, fromBase64(jwk.y ?? "")));
};

const portableEd25519 = async (seed: Bytes): Promise<Signer> => {
  const { ed25519 } = await loadPart(() => import("./portable-curve25519.ts"));
  return createSigner("Ed25519", encodeSpki("Ed25519", ed25519.getPublicKey(seed)), (_scheme, message) =>
    copyBytes(ed25519.sign(message, seed)),
  );
};

const unusable = (cause: unknown): TypeError => {
  const reason = cause instanceof DerError ? cause.message : "the runtime refused it";
  return new TypeError(`unusable private key: ${reason}`, { cause });
};

const importRsa = async (subtle: SubtleCrypto, pkcs8: Bytes): Promise<Signer> => {
  const hashes = ["SHA-256", "SHA-384", "SHA-512"];
  const keys = await Promise.all(
    hashes.map((hash) => subtle.importKey("pkcs8", pkcs8, importParameters("RSA", hash), false, ["sign"])),
  );
  const exportable = await subtle.importKey("pkcs8", pkcs8, importParameters("RSA", "SHA-256"), true, [
    "sign",
  ]);
  const { kty, n, e } = await subtle.exportKey("jwk", exportable);
  const half = await subtle.importKey("jwk", { kty, n, e }, importParameters("RSA", "SHA-256"), true, [
    "verify",
  ]);
  const publicKey = new Uint8Array(await subtle.exportKey("spki", half));
  parseSpki(publicKey);
  return createSigner(
    "RSA",
    publicKey,
    signWith(subtle, "RSA", (hash) => keys[hashes.indexOf(hash)]!),
  );
};

const importSigner = async (subtle: SubtleCrypto, pkcs8: Bytes): Promise<Signer> => {
  const { algorithm } = parsePkcs8(pkcs8);
  if (algorithm === "RSA") return importRsa(subtle, pkcs8);
  const parameters = importParameters(algorithm, "SHA-256");
  const exportable = await subtle.importKey("pkcs8", pkcs8, parameters, true, ["sign"]);
  const publicKey = publicKeyFromJwk(algorithm, await subtle.exportKey("jwk", exportable));
  const key = await subtle.importKey("pkcs8", pkcs8, parameters, false, ["sign"]);
  return createSigner(
    algorithm,
    publicKey,
    signWith(subtle, algorithm, () => key),
  );
};

/**
 * A signer from a PKCS #8 private key (RFC 5958), as DER or as PEM with one `PRIVATE KEY` block: ECDSA on
 * P-256 or P-384, Ed25519, or RSA of 2048 to 8192 bits. What the signer keeps cannot be exported.
 * `TypeError` for anything else.
 */
export const signerFromPkcs8 = async (
  key: Uint8Array | string,
  crypto: Awaitable<KeyCrypto> = runtimeCrypto(),
): Promise<Signer> => {
  const pkcs8 = derOrPem(key, "PRIVATE KEY");
  let seed: Bytes | undefined;
  try {
    if (parsePkcs8(pkcs8).algorithm === "Ed25519") seed = ed25519Seed(pkcs8);
    return await importSigner((await crypto).subtle, pkcs8);
  } catch (cause) {
    // Every well-formed seed is a key, so what failed is a WebCrypto without Ed25519.
    if (seed !== undefined) return portableEd25519(seed);
    throw unusable(cause);
  }
};

/** A signer from a private JWK (RFC 7517): kty EC (P-256, P-384), OKP (Ed25519) or RSA. `TypeError` for anything else. */
export const signerFromJwk = async (
  jwk: PrivateJwk,
  crypto: Awaitable<KeyCrypto> = runtimeCrypto(),
): Promise<Signer> => {
  const { kty, crv, x, y, d, n, e, p, q, dp, dq, qi } = jwk;
  if (d === undefined) throw new TypeError("the JWK has no private part");
  if (kty === "OKP" && crv === "Ed25519") return signerFromPkcs8(ed25519Pkcs8(fromBase64(d)), crypto);
  const algorithm =
    kty === "RSA" ? kty : kty === "EC" && (crv === "P-256" || crv === "P-384") ? crv : undefined;
  if (algorithm === undefined) throw new TypeError("the JWK is of no supported key type");
  // `use`, `key_ops` and `alg` are left behind: they may name an operation other than this one.
  const members = algorithm === "RSA" ? { kty, n, e, d, p, q, dp, dq, qi } : { kty, crv, x, y, d };
  try {
    const { subtle } = await crypto;
    const key = await subtle.importKey("jwk", members, importParameters(algorithm, "SHA-256"), true, [
      "sign",
    ]);
    return await importSigner(subtle, new Uint8Array(await subtle.exportKey("pkcs8", key)));
  } catch (cause) {
    throw unusable(cause);
  }
};

/**
 * A signer over a WebCrypto key pair (ECDSA, Ed25519 or RSA-PSS); the private key need not be extractable. An
 * RSA-PSS pair signs with the one scheme whose hash it has. `TypeError` for any other pair.
 */
export const signerFromKeyPair = async (
  pair: WebCryptoKeyPair,
  crypto: Awaitable<KeyCrypto> = runtimeCrypto(),
): Promise<Signer> => {
  const { privateKey, publicKey } = pair;
  if (privateKey.type !== "private" || !privateKey.usages.includes("sign")) {
    throw new TypeError("the key pair has no private key for signing");
  }
  try {
    const { subtle } = await crypto;
    const spki = new Uint8Array(await subtle.exportKey("spki", publicKey));
    const { algorithm } = parseSpki(spki);
    const { name, hash } = privateKey.algorithm as RsaHashedKeyAlgorithm;
    if (name !== importParameters(algorithm, "").name) throw new DerError(`a ${name} key does not sign here`);
    const schemes = schemesFor(algorithm).filter(
      (scheme) => algorithm !== "RSA" || signatureSchemes[scheme].hash === hash.name,
    );
    const operation = signWith(subtle, algorithm, () => privateKey);
    return createSigner(algorithm, spki, operation, schemes);
  } catch (cause) {
    throw unusable(cause);
  }
};

/** A new PKCS #8 private key, for a caller that stores it. RSA keys have 3072 bits. */
export const generatePkcs8 = async (
  algorithm: KeyAlgorithm,
  crypto: Awaitable<KeyCrypto> = runtimeCrypto(),
): Promise<Bytes> => {
  const webCrypto = await crypto;
  if (algorithm === "Ed25519") return ed25519Pkcs8(webCrypto.getRandomValues(new Uint8Array(32)));
  const parameters = {
    ...importParameters(algorithm, "SHA-256"),
    ...(algorithm === "RSA" ? { modulusLength: 3072, publicExponent: Uint8Array.of(1, 0, 1) } : {}),
  };
  const pair = (await webCrypto.subtle.generateKey(parameters, true, ["sign", "verify"])) as CryptoKeyPair;
  return new Uint8Array(await webCrypto.subtle.exportKey("pkcs8", pair.privateKey));
};

/** A signer with a new key that exists in it alone. */
export const generateSigner = async (
  algorithm: KeyAlgorithm = "P-256",
  crypto: Awaitable<KeyCrypto> = runtimeCrypto(),
): Promise<Signer> => signerFromPkcs8(await generatePkcs8(algorithm, crypto), crypto);
