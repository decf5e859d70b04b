import { normalizeZ } from "@noble/curves/abstract/curve.js";
import { weierstrass } from "@noble/curves/abstract/weierstrass.js";
import type { Bytes } from "../core/bytes.ts";
import { SealgramError } from "../errors.ts";
import { concatBytes, copyBytes, equalBytes } from "./bytes.ts";
import { Groups } from "./group.ts";
import { isP256Point, parameters, pointLength } from "./p256.ts";
import type { CryptoProvider, HashSuite, KeyShare } from "./provider.ts";

/*
 * SPAKE2+ (RFC 9383) with P-256, SHA-256, HKDF and HMAC, shaped for the TLS 1.3 PAKE extension: the client
 * is the prover and sends shareP; the server is the verifier and answers shareV || confirmV; confirmP is
 * left to the Finished message; K_shared goes in front of the (EC)DHE secret.
 *
 * Multiplying a point by a secret scalar k in JavaScript costs milliseconds. ECDH of the provider is many times
 * faster and keeps k to itself, but gives an x-coordinate only. Two of them and k·P, the public key, give the whole
 * point: the line through k·A and k·P meets the curve again at the negative of k·(A + P).
 *
 * Where this file multiplies in JavaScript, by w0 and w1 at a registration, it is by `multiply` of @noble/curves, whose
 * number of additions does not depend on the scalar; never by `multiplyUnsafe`. Sums and differences of points are
 * complete formulas, without cases. No branch here depends on a secret, and inversions are blinded, as Euclid's algorithm
 * takes its time by its input. What JavaScript's integers cannot promise is that a product takes the same time for all
 * factors of one size. Secrets in arrays are erased after use; integers and keys of the runtime are the collector's.
 */

/** The curve alone: @noble/curves' `p256` would bring ECDSA and its hashes along. */
const Point = weierstrass(parameters);
const { Fp } = Point;
type P256Point = InstanceType<typeof Point>;

/** RFC 9383 §4, for P-256. */
const M = Point.fromHex("02886e2f97ace46e55ba9dd7242579f2993b64e16ef3dcab95afd497333d8fa12f");
const N = Point.fromHex("03d8bbd6c639c62937b04d997f38c3770719c629d7014d49a24b4f98baa1292b49");

const confirmLength = 32;
const keyLength = 32;

/** What a verifier keeps about a prover. Everything follows from `w0` and `L`; the products are fixed, so they are stored. */
export interface VerifierRecord {
  /** 32 bytes, big-endian. */
  readonly w0: Bytes;
  /** L = w1·P. All points here are 65 bytes, uncompressed. */
  readonly L: Bytes;
  readonly w0M: Bytes;
  readonly w0N: Bytes;
}

/** What the prover has: the record and the secret behind `L`. */
export interface ProverSecret extends VerifierRecord {
  /** 32 bytes, big-endian. */
  readonly w1: Bytes;
}

/** What both sides must agree on besides the password (RFC 9383 §3.3). */
export interface Parties {
  readonly context: Uint8Array;
  readonly idProver: Uint8Array;
  readonly idVerifier: Uint8Array;
}

export interface Confirmed {
  /** K_shared, 32 bytes. */
  readonly sharedKey: Bytes;
  /** The prover's confirmation, for protocols other than TLS. */
  readonly confirmP: Bytes;
}

export interface VerifierAnswer extends Confirmed {
  /** shareV || confirmV, 97 bytes. */
  readonly message: Bytes;
}

export interface Prover {
  /** 65 bytes; stays the same for a second ClientHello. */
  readonly shareP: Bytes;
  /** Fails with a `SealgramError`: illegal_parameter for what is no share, decrypt_error for a wrong confirmation. */
  finish(message: Uint8Array): Promise<Confirmed>;
}

const scalar = (bytes: Uint8Array): bigint => {
  const value = Point.Fn.fromBytes(bytes);
  if (Point.Fn.is0(value)) throw new RangeError("a scalar of SPAKE2+ is zero");
  return value;
};

/** The record that follows from w0 and L; `RangeError` or `TypeError` for values that are none. */
export const createVerifierRecord = (w0: Uint8Array, L: Uint8Array): VerifierRecord => {
  if (!isP256Point(L)) throw new TypeError("L is not an uncompressed point of P-256");
  const factor = scalar(w0);
  return {
    w0: copyBytes(w0),
    L: copyBytes(L),
    w0M: encode(M.multiply(factor)),
    w0N: encode(N.multiply(factor)),
  };
};

/** The prover's side of a registration. */
export const createProverSecret = (w0: Uint8Array, w1: Uint8Array): ProverSecret => {
  const L = Point.BASE.multiply(scalar(w1)).toBytes(false);
  return { ...createVerifierRecord(w0, L), w1: copyBytes(w1) };
};

/**
 * A record that no password opens, for identities that are unknown: the verifier then does exactly what it does
 * with a record, and the prover fails exactly as with a wrong password. Make one and keep it.
 */
export const createDecoyRecord = (provider: Pick<CryptoProvider, "random">): VerifierRecord => {
  // 320 bits reduced have a bias below 2^-64 (RFC 9383 §3.2).
  const draw = (): Bytes => reduceScalar(provider.random(40));
  return createVerifierRecord(draw(), Point.BASE.multiply(scalar(draw())).toBytes(false));
};

/** A big-endian integer modulo the group order, as 32 bytes. */
export const reduceScalar = (bytes: Uint8Array): Bytes => {
  let value = 0n;
  for (const byte of bytes) value = (value << 8n) | BigInt(byte);
  return copyBytes(Point.Fn.toBytes(Point.Fn.create(value)));
};

const invalidShare = (reason: string): SealgramError =>
  new SealgramError("invalid_pake_share", reason, { alert: "illegal_parameter" });

/** RFC 9383 §6: "Elements received from a peer MUST be checked for group membership"; P-256 has cofactor 1. */
const readShare = (share: Uint8Array): P256Point => {
  if (!isP256Point(share)) throw invalidShare("a PAKE share that is no point of P-256");
  return Point.fromBytes(share);
};

const encode = (point: P256Point): Bytes => copyBytes(point.toBytes(false));

type Random = (length: number) => Bytes;

const erase = (...secrets: readonly Uint8Array[]): void => {
  for (const secret of secrets) secret.fill(0);
};

/** Not zero: that has a chance of 2^-256. */
const randomFactor = (random: Random): bigint => Point.Fn.fromBytes(reduceScalar(random(40)));

/** The inverse, found through a random multiple: Euclid's algorithm takes its time by its input. */
const invert = (value: bigint, random: Random): bigint => {
  const blind = randomFactor(random);
  return Fp.mul(Fp.inv(Fp.mul(value, blind)), blind);
};

/**
 * Uncompressed encodings at the price of one inversion, blinded as above by a base point of random Z that rides along.
 * The identity, which has no encoding, is the peer's fault.
 */
const encodeAll = <T extends readonly P256Point[]>(
  random: Random,
  ...points: T
): { [K in keyof T]: Bytes } => {
  if (points.some((point) => point.is0())) throw invalidShare("a PAKE share that cancels out");
  const blind = randomFactor(random);
  const { x, y } = Point.BASE;
  const rider = new Point(Fp.mul(x, blind), Fp.mul(y, blind), blind);
  const normalized = normalizeZ(Point, [...points, rider]);
  return normalized.slice(0, -1).map(encode) as { [K in keyof T]: Bytes };
};

/** A secret scalar k that can multiply: the key share with k inside, k·P, and 1/2y of it. */
interface Multiplier {
  readonly share: KeyShare;
  readonly x: bigint;
  readonly y: bigint;
  readonly inverse: bigint;
}

const createMultiplier = (share: KeyShare, random: Random): Multiplier => {
  const { x, y } = Point.fromBytes(share.publicKey).toAffine();
  return { share, x, y, inverse: invert(Fp.add(y, y), random) };
};

/** k·A, given A and A + P, neither of them the identity. */
const multiply = async (k: Multiplier, A: Uint8Array, sum: Uint8Array): Promise<Bytes> => {
  const [xBytes, sumBytes] = await Promise.all([k.share.agree(A), k.share.agree(sum)]);
  const x = Fp.fromBytes(xBytes);
  // The chord through k·A and k·P, of slope (y - k.y) / (x - k.x), has slope² = x + k.x + x(k·(A + P)); and
  // the curve equation gives y². So 2·y·k.y = y² + k.y² - (x + k.x + x(k·(A + P)))·(x - k.x)².
  const xs = Fp.add(Fp.add(x, k.x), Fp.fromBytes(sumBytes));
  const run = Fp.sub(x, k.x);
  const { a, b } = Point.CURVE();
  const ySquared = Fp.add(Fp.mul(Fp.add(Fp.sqr(x), a), x), b);
  const twice = Fp.sub(Fp.add(ySquared, Fp.sqr(k.y)), Fp.mul(xs, Fp.sqr(run)));
  erase(xBytes, sumBytes);
  const point = Point.fromAffine({ x, y: Fp.mul(twice, k.inverse) });
  point.assertValidity();
  return encode(point);
};

const littleEndianLength = (bytes: Uint8Array): Bytes => {
  const length = new Uint8Array(8);
  new DataView(length.buffer).setUint32(0, bytes.length, true);
  return length;
};

const MBytes = encode(M);
const NBytes = encode(N);

/** TT of RFC 9383 §3.3. */
export const encodeTranscript = (
  { context, idProver, idVerifier }: Parties,
  shareP: Uint8Array,
  shareV: Uint8Array,
  Z: Uint8Array,
  V: Uint8Array,
  w0: Uint8Array,
): Bytes => {
  const fields = [context, idProver, idVerifier, MBytes, NBytes, shareP, shareV, Z, V, w0];
  return concatBytes(...fields.flatMap((field) => [littleEndianLength(field), field]));
};

interface Keys extends Confirmed {
  readonly confirmV: Bytes;
}

/** RFC 9383 §3.4. */
export const deriveKeys = (
  hashes: HashSuite,
  transcript: Uint8Array,
  shareP: Uint8Array,
  shareV: Uint8Array,
): Keys => {
  const text = new TextEncoder();
  const main = hashes.createHash("SHA-256").update(transcript).digest();
  const pseudorandomKey = hashes.hmac("SHA-256", new Uint8Array(keyLength), main);
  const confirmation = text.encode("ConfirmationKeys");
  const keyP = hashes.hmac("SHA-256", pseudorandomKey, confirmation, Uint8Array.of(1));
  const keyV = hashes.hmac("SHA-256", pseudorandomKey, keyP, confirmation, Uint8Array.of(2));
  const keys = {
    sharedKey: hashes.hmac("SHA-256", pseudorandomKey, text.encode("SharedKey"), Uint8Array.of(1)),
    confirmP: hashes.hmac("SHA-256", keyP, shareV),
    confirmV: hashes.hmac("SHA-256", keyV, shareP),
  };
  erase(main, pseudorandomKey, keyP, keyV);
  return keys;
};

/** From the points that both sides have in common to the keys. Erases the points. */
const agree = (
  hashes: HashSuite,
  parties: Parties,
  shareP: Uint8Array,
  shareV: Uint8Array,
  [Z, V]: readonly [Bytes, Bytes],
  w0: Uint8Array,
): Keys => {
  const transcript = encodeTranscript(parties, shareP, shareV, Z, V, w0);
  const keys = deriveKeys(hashes, transcript, shareP, shareV);
  erase(transcript, Z, V);
  return keys;
};

/**
 * The verifier's whole part: takes shareP, answers, and has the key.
 * Fails with a `SealgramError` of alert illegal_parameter for what is no share.
 * @param share the secret y as a secp256r1 share, if not a new one
 */
export const respondAsVerifier = async (
  provider: CryptoProvider,
  record: VerifierRecord,
  parties: Parties,
  shareP: Uint8Array,
  share?: KeyShare,
): Promise<VerifierAnswer> => {
  const X = readShare(shareP);
  const own = share ?? (await provider.generateKeyShare(Groups.secp256r1));
  const y = createMultiplier(own, provider.random);
  const L = Point.fromBytes(record.L);
  const A = X.subtract(Point.fromBytes(record.w0M));
  const Y = Point.fromBytes(own.publicKey).add(Point.fromBytes(record.w0N));
  const [ABytes, ASum, LSum, shareV] = encodeAll(provider.random, A, A.add(Point.BASE), L.add(Point.BASE), Y);
  const common = await Promise.all([multiply(y, ABytes, ASum), multiply(y, record.L, LSum)]);
  const { confirmV, ...keys } = agree(provider, parties, shareP, shareV, common, record.w0);
  return { message: concatBytes(shareV, confirmV), ...keys };
};

/**
 * Begins the prover's part.
 * @param share the secret x as a secp256r1 share, if not a new one
 */
export const startAsProver = async (
  provider: CryptoProvider,
  secret: ProverSecret,
  parties: Parties,
  share?: KeyShare,
): Promise<Prover> => {
  const own = share ?? (await provider.generateKeyShare(Groups.secp256r1));
  const w0N = Point.fromBytes(secret.w0N);
  const [shareP] = encodeAll(
    provider.random,
    Point.fromBytes(own.publicKey).add(Point.fromBytes(secret.w0M)),
  );
  return {
    shareP,
    async finish(message) {
      if (message.length !== pointLength + confirmLength)
        throw invalidShare("a PAKE message of a wrong length");
      const shareV = message.subarray(0, pointLength);
      const B = readShare(shareV).subtract(w0N);
      const [BBytes, BSum] = encodeAll(provider.random, B, B.add(Point.BASE));
      const x = createMultiplier(own, provider.random);
      const w1 = createMultiplier(await provider.importP256Share(secret.w1, secret.L), provider.random);
      const common = await Promise.all([multiply(x, BBytes, BSum), multiply(w1, BBytes, BSum)]);
      const { confirmV, ...keys } = agree(provider, parties, shareP, shareV, common, secret.w0);
      // The draft's alert ("SHOULD abort the handshake with a "decrypt_error" alert"); BoringSSL's is illegal_parameter,
      // as for what is no share at all.
      if (!equalBytes(confirmV, message.subarray(pointLength))) {
        throw new SealgramError("pake_confirmation_mismatch", "the other side does not have this password", {
          alert: "decrypt_error",
        });
      }
      return keys;
    },
  };
};
