import { type Bytes, ownBytes } from "../core/bytes.ts";
import { copyBytes, fromBase64, toBase64, toHex } from "./bytes.ts";
import { DerError, DerReader, encodeDer, Tag } from "./der.ts";

/** The public-key algorithms of the signature schemes, by the name that WebCrypto's curves have. */
export type KeyAlgorithm = "P-256" | "P-384" | "Ed25519" | "RSA";

/** AlgorithmIdentifier contents (RFC 5480 §2.1.1, RFC 8410 §3, RFC 4055 §1.2): exactly these, byte for byte. */
const algorithmIdentifiers: Record<KeyAlgorithm, string> = {
  "P-256": "06072a8648ce3d020106082a8648ce3d030107",
  "P-384": "06072a8648ce3d020106052b81040022",
  Ed25519: "06032b6570",
  RSA: "06092a864886f70d0101010500",
};

const fromHex = (hex: string): Bytes =>
  Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));

const publicKeyLength = { "P-256": 65, "P-384": 97, Ed25519: 32 } as const;

const identify = (contents: Uint8Array): KeyAlgorithm => {
  const hex = toHex(contents);
  for (const [name, identifier] of Object.entries(algorithmIdentifiers)) {
    if (hex === identifier) return name as KeyAlgorithm;
  }
  throw new DerError("unsupported key algorithm or parameters");
};

export interface PublicKeyParts {
  readonly algorithm: KeyAlgorithm;
  /** Uncompressed point, 32 bytes of Ed25519, or DER RSAPublicKey. */
  readonly key: Uint8Array;
}

const checkRsaPublicKey = (der: Uint8Array): void => {
  const outer = new DerReader(der);
  const fields = outer.enter(Tag.sequence);
  outer.end();
  const modulus = fields.readUnsigned();
  const exponent = fields.readUnsigned();
  fields.end();
  // The upper bounds keep a peer's key from costing more than a handshake may; 2048 is RFC 9325 §4.5's floor.
  const modulusBits = modulus.length * 8 - Math.clz32(modulus[0] ?? 0) + 24;
  if (modulusBits < 2048 || modulusBits > 8192) throw new DerError("RSA modulus not of 2048 to 8192 bits");
  const odd = ((exponent.at(-1) ?? 0) & 1) === 1;
  if (exponent.length > 4 || !odd || (exponent.length === 1 && exponent[0] === 1)) {
    throw new DerError("RSA exponent out of range");
  }
};

/** Takes a SubjectPublicKeyInfo apart; `DerError` if it is malformed or of no algorithm we verify with. */
export const parseSpki = (spki: Uint8Array): PublicKeyParts => {
  const outer = new DerReader(spki);
  const fields = outer.enter(Tag.sequence);
  outer.end();
  const algorithm = identify(fields.read(Tag.sequence));
  const key = fields.readBits();
  fields.end();
  if (algorithm === "RSA") {
    checkRsaPublicKey(key);
  } else {
    if (key.length !== publicKeyLength[algorithm]) throw new DerError("public key of a wrong length");
    if (algorithm !== "Ed25519" && key[0] !== 4) throw new DerError("EC point not uncompressed");
  }
  return { algorithm, key };
};

export const encodeSpki = (algorithm: KeyAlgorithm, key: Uint8Array): Bytes =>
  encodeDer(
    Tag.sequence,
    encodeDer(Tag.sequence, fromHex(algorithmIdentifiers[algorithm])),
    encodeDer(Tag.bitString, Uint8Array.of(0), key),
  );

/** The algorithm and the inner private key octets of a PKCS #8 PrivateKeyInfo (RFC 5208 §5, RFC 5958 §2). */
export const parsePkcs8 = (pkcs8: Uint8Array): { algorithm: KeyAlgorithm; privateKey: Uint8Array } => {
  const outer = new DerReader(pkcs8);
  const fields = outer.enter(Tag.sequence);
  outer.end();
  const version = fields.readUnsigned();
  if (version.length > 1 || (version[0] ?? 0) > 1) throw new DerError("unknown PKCS #8 version");
  const algorithm = identify(fields.read(Tag.sequence));
  return { algorithm, privateKey: fields.read(Tag.octetString) };
};

/** The 32-byte seed in an Ed25519 PKCS #8 key (RFC 8410 §7). */
export const ed25519Seed = (pkcs8: Uint8Array): Bytes => {
  const inner = new DerReader(parsePkcs8(pkcs8).privateKey);
  const seed = inner.read(Tag.octetString);
  inner.end();
  if (seed.length !== 32) throw new DerError("Ed25519 seed not of 32 bytes");
  return copyBytes(seed);
};

/** PKCS #8 around an Ed25519 seed. */
export const ed25519Pkcs8 = (seed: Uint8Array): Bytes =>
  encodeDer(
    Tag.sequence,
    encodeDer(Tag.integer, Uint8Array.of(0)),
    encodeDer(Tag.sequence, fromHex(algorithmIdentifiers.Ed25519)),
    encodeDer(Tag.octetString, encodeDer(Tag.octetString, seed)),
  );

/**
 * The DER blocks with this label in PEM text (RFC 7468), in order. Text around and between them is
 * allowed; `TypeError` for a block that does not end or is not base64.
 */
export const pemBlocks = (text: string, label: string): Bytes[] => {
  const begin = `-----BEGIN ${label}-----`;
  const end = `-----END ${label}-----`;
  const blocks: Bytes[] = [];
  for (let at = text.indexOf(begin); at >= 0; ) {
    const start = at + begin.length;
    const stop = text.indexOf(end, start);
    if (stop < 0) throw new TypeError(`PEM block ${label} does not end`);
    blocks.push(fromBase64(text.slice(start, stop).replaceAll(/\s/g, "")));
    at = text.indexOf(begin, stop + end.length);
  }
  return blocks;
};

/** DER as it is, or the only block of PEM text with this label; `TypeError` otherwise. */
export const derOrPem = (key: Uint8Array | string, label: string): Bytes => {
  if (typeof key !== "string") return ownBytes(key, "a key");
  const blocks = pemBlocks(key, label);
  if (blocks.length !== 1) throw new TypeError(`expected one PEM block ${label}, found ${blocks.length}`);
  return blocks[0]!;
};

/** DER as PEM text (RFC 7468). */
export const toPem = (label: "CERTIFICATE" | "PRIVATE KEY" | "PUBLIC KEY", der: Uint8Array): string =>
  `-----BEGIN ${label}-----\n${toBase64(der).replaceAll(/.{1,64}/g, "$&\n")}-----END ${label}-----\n`;
