import type { WebCrypto } from "../runtime-types.ts";
import "reflect-metadata";
import { PublicKey, X509Certificate } from "@peculiar/x509";
import { type Bytes, ownBytes } from "../core/bytes.ts";
import { type AlertName, SealgramError } from "../errors.ts";
import { toHex } from "./bytes.ts";
import {
  matchesName,
  type NameConstraints,
  parseNameConstraints,
  parseReferenceName,
  parseSubjectAltName,
  type ReferenceName,
  type SubjectNames,
  satisfiesConstraints,
} from "./certificate-name.ts";
import { DerError, DerReader, encodeDer, Tag } from "./der.ts";
import { parseSpki, pemBlocks } from "./key-format.ts";
import type { CertificateChain, CertificateVerifier } from "./provider.ts";
import { runtimeCrypto } from "./runtime-crypto.ts";

const maxCertificates = 10;
const maxCertificateBytes = 16_384;
/** Bounds the search where several certificates share a name. */
const maxSignatureChecks = 16;

/** Extensions that are processed (RFC 5280 §4.2.1), by the contents of their object identifiers. */
const Extension = {
  keyUsage: "551d0f",
  subjectAltName: "551d11",
  basicConstraints: "551d13",
  nameConstraints: "551d1e",
  extKeyUsage: "551d25",
} as const;
const processed: ReadonlySet<string> = new Set(Object.values(Extension));

/** Bits of KeyUsage (RFC 5280 §4.2.1.3) in its first octet. */
const KeyUsage = { digitalSignature: 0x80, keyCertSign: 0x04 } as const;

/** KeyPurposeId contents (RFC 5280 §4.2.1.12), as hexadecimal. */
const purposes = { server: "2b06010505070301", client: "2b06010505070302" } as const;
const anyPurpose = "551d2500";

/** Past this, certificates that held are forgotten, oldest first. */
const maxRemembered = 64;

const fault = (alert: AlertName, reason: string, cause?: unknown): SealgramError =>
  new SealgramError("invalid_certificate", reason, { alert, cause });

/** What validation asks of one certificate, read once. */
interface Certificate {
  readonly der: Bytes;
  /** The whole DER as a string of bytes, to look it up by. */
  readonly id: string;
  readonly subject: string;
  readonly issuer: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly publicKey: Bytes;
  readonly hasUnknownCritical: boolean;
  readonly isCa: boolean;
  readonly pathLength: number;
  /** 0xff where the extension is absent: no restriction. */
  readonly keyUsage: number;
  readonly purposes: readonly string[] | undefined;
  readonly names: SubjectNames;
  readonly constraints: NameConstraints | undefined;
  /** Issuers whose signature on this certificate held. */
  readonly signedBy: Set<Certificate>;
}

const identify = (der: Uint8Array): string => {
  let id = "";
  for (const byte of der) id += String.fromCharCode(byte);
  return id;
};

/** BOOLEAN TRUE: where FALSE is the default, DER has no other. */
const readTrue = (reader: DerReader): true => {
  const contents = reader.read(Tag.boolean);
  if (contents.length !== 1 || contents[0] !== 0xff) throw new DerError("not a BOOLEAN TRUE");
  return true;
};

interface RawExtension {
  readonly critical: boolean;
  readonly value: Uint8Array;
}

const readExtensions = (tbs: DerReader): ReadonlyMap<string, RawExtension> => {
  const extensions = new Map<string, RawExtension>();
  if (tbs.empty) return extensions;
  const outer = tbs.enter(0xa3);
  const list = outer.enter(Tag.sequence);
  outer.end();
  while (!list.empty) {
    const extension = list.enter(Tag.sequence);
    const type = toHex(extension.read(Tag.objectIdentifier));
    const critical = extension.peekTag() === Tag.boolean && readTrue(extension);
    const value = extension.read(Tag.octetString);
    extension.end();
    // RFC 5280 §4.2: "A certificate MUST NOT include more than one instance of a particular extension."
    if (extensions.has(type)) throw new DerError("an extension twice");
    extensions.set(type, { critical, value });
  }
  return extensions;
};

/** UTCTime or GeneralizedTime in the one form that RFC 5280 §4.1.2.5 allows: seconds, Zulu. */
const readTime = (validity: DerReader): number => {
  const tag = validity.peekTag() === Tag.utcTime ? Tag.utcTime : Tag.generalizedTime;
  const text = String.fromCharCode(...validity.read(tag));
  // "Where YY is greater than or equal to 50, the year SHALL be interpreted as 19YY".
  const full = tag === Tag.generalizedTime ? text : text >= "50" ? `19${text}` : `20${text}`;
  const iso = full.replace(/^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/, "$1-$2-$3T$4:$5:$6.000Z");
  const ms = Date.parse(iso);
  if (Number.isNaN(ms) || new Date(ms).toISOString() !== iso) throw new DerError("not a time");
  return ms;
};

/** Everything but the signature (RFC 5280 §4.1), strictly; that is left to the library. */
const readFields = (der: Uint8Array) => {
  const outer = new DerReader(der);
  const certificate = outer.enter(Tag.sequence);
  outer.end();
  const tbs = certificate.enter(Tag.sequence);
  const version = tbs.enter(0xa0).readUnsigned();
  if (version.length !== 1 || version[0] !== 2) throw new DerError("not an X.509 version 3 certificate");
  tbs.readUnsigned();
  const innerAlgorithm = toHex(tbs.read(Tag.sequence));
  const issuer = toHex(tbs.read(Tag.sequence));
  const validity = tbs.enter(Tag.sequence);
  const [notBeforeMs, notAfterMs] = [readTime(validity), readTime(validity)];
  validity.end();
  const subject = toHex(tbs.read(Tag.sequence));
  const publicKey = encodeDer(Tag.sequence, tbs.read(Tag.sequence));
  for (const uniqueIdentifier of [0x81, 0x82]) {
    if (tbs.peekTag() === uniqueIdentifier) tbs.read(uniqueIdentifier);
  }
  const extensions = readExtensions(tbs);
  tbs.end();
  // RFC 5280 §4.1.1.2: "This field MUST contain the same algorithm identifier as the signature field".
  if (toHex(certificate.read(Tag.sequence)) !== innerAlgorithm)
    throw new DerError("two signature algorithms");
  certificate.readBits();
  certificate.end();
  return { issuer, subject, publicKey, notBeforeMs, notAfterMs, extensions };
};

const readBasicConstraints = (value: Uint8Array): { isCa: boolean; pathLength: number } => {
  const outer = new DerReader(value);
  const fields = outer.enter(Tag.sequence);
  outer.end();
  const isCa = fields.peekTag() === Tag.boolean && readTrue(fields);
  const length = fields.empty ? undefined : fields.readUnsigned();
  fields.end();
  // No path here is as long as a second octet could say.
  return { isCa, pathLength: length === undefined || length.length > 1 ? maxCertificates : (length[0] ?? 0) };
};

const readKeyUsage = (value: Uint8Array): number => {
  const outer = new DerReader(value);
  const contents = outer.read(Tag.bitString);
  outer.end();
  const [unused = 8, ...octets] = contents;
  const padding = (1 << unused) - 1;
  if (unused > 7 || ((octets.at(-1) ?? padding) & padding) !== 0) throw new DerError("malformed KeyUsage");
  return octets[0] ?? 0;
};

const readPurposes = (value: Uint8Array): string[] => {
  const outer = new DerReader(value);
  const identifiers = outer.enter(Tag.sequence);
  outer.end();
  const found: string[] = [];
  while (!identifiers.empty) found.push(toHex(identifiers.read(Tag.objectIdentifier)));
  return found;
};

const parseCertificate = (der: Bytes): Certificate => {
  const { extensions, ...fields } = readFields(der);
  const read = <T>(type: string, reader: (value: Uint8Array) => T): T | undefined => {
    const extension = extensions.get(type);
    return extension === undefined ? undefined : reader(extension.value);
  };
  return {
    der,
    id: identify(der),
    ...fields,
    hasUnknownCritical: [...extensions].some(([type, { critical }]) => critical && !processed.has(type)),
    ...(read(Extension.basicConstraints, readBasicConstraints) ?? { isCa: false, pathLength: 0 }),
    keyUsage: read(Extension.keyUsage, readKeyUsage) ?? 0xff,
    purposes: read(Extension.extKeyUsage, readPurposes),
    names: read(Extension.subjectAltName, parseSubjectAltName) ?? { dns: [], ip: [], otherTags: new Set() },
    constraints: read(Extension.nameConstraints, parseNameConstraints),
    signedBy: new Set(),
  };
};

/** What a certificate of either kind must fulfil. */
const checkCommon = (certificate: Certificate, peer: "client" | "server", nowMs: number): void => {
  // Both ends are within the validity (RFC 5280 §4.1.2.5), the last one to the end of its second.
  if (nowMs < certificate.notBeforeMs) throw fault("certificate_expired", "a certificate is not valid yet");
  if (nowMs >= certificate.notAfterMs + 1000) throw fault("certificate_expired", "a certificate has expired");
  if (certificate.hasUnknownCritical) throw fault("unsupported_certificate", "an unknown critical extension");
  const { purposes: allowed } = certificate;
  if (allowed !== undefined && !allowed.includes(purposes[peer]) && !allowed.includes(anyPurpose)) {
    throw fault("unsupported_certificate", `a certificate that is not for a ${peer}`);
  }
};

const checkLeaf = (
  leaf: Certificate,
  chain: CertificateChain,
  reference: ReferenceName | undefined,
): void => {
  checkCommon(leaf, chain.peer, chain.nowMs);
  // RFC 8446 §4.4.2.2: "the digitalSignature bit MUST be set if the Key Usage extension is present".
  if ((leaf.keyUsage & KeyUsage.digitalSignature) === 0) {
    throw fault("unsupported_certificate", "the certificate's key is not for signatures");
  }
  if (reference !== undefined && !matchesName(leaf.names, reference)) {
    throw fault("bad_certificate", "the certificate is for another name");
  }
};

/** Whether this one may issue the last certificate of a path that starts with the leaf (RFC 5280 §6.1.4). */
const checkIssuer = (issuer: Certificate, path: readonly Certificate[], chain: CertificateChain): void => {
  checkCommon(issuer, chain.peer, chain.nowMs);
  if (!issuer.isCa || (issuer.keyUsage & KeyUsage.keyCertSign) === 0) {
    throw fault("unknown_ca", "a certificate issued by one that is no authority");
  }
  const between = path.slice(1).filter((certificate) => certificate.subject !== certificate.issuer);
  if (between.length > issuer.pathLength)
    throw fault("unknown_ca", "a path longer than its authority allows");
  if (issuer.constraints === undefined) return;
  for (const certificate of [path[0]!, ...between]) {
    if (!satisfiesConstraints(issuer.constraints, certificate.names, certificate.subject !== "")) {
      throw fault("bad_certificate", "a name outside the authority's constraints");
    }
  }
};

/** Whether the issuer's key made the certificate's signature, with SHA-2. */
const isSignedBy = async (
  certificate: Certificate,
  issuer: Certificate,
  crypto: WebCrypto,
): Promise<boolean> => {
  const x509 = new X509Certificate(certificate.der);
  const { name, hash } = x509.signatureAlgorithm as { name: string; hash?: { name: string } };
  const modern = name === "Ed25519" || ["SHA-256", "SHA-384", "SHA-512"].includes(hash?.name ?? "");
  return modern && x509.verify({ publicKey: new PublicKey(issuer.publicKey), signatureOnly: true }, crypto);
};

export interface CertificateVerifierOptions {
  /**
   * Certificates that are trusted as they are, as DER or as PEM text of one or more: authorities, or peers
   * themselves (pinned).
   */
  readonly trustAnchors: readonly (Uint8Array | string)[];
  /** The WebCrypto that checks the signatures; the runtime's if not given. */
  readonly crypto?: WebCrypto | undefined;
}

/**
 * Validates chains as RFC 5280 §6 says: signatures up to a trust anchor, validity, basicConstraints, keyUsage,
 * extKeyUsage, nameConstraints (DNS names and addresses; other kinds that a name falls under are refused),
 * no unknown critical extension, and the name after RFC 9525. Keys and signatures are those of TLS 1.3 here
 * (ECDSA on P-256 and P-384, Ed25519, RSA from 2048 bits), with SHA-2. Revocation is not checked.
 * `TypeError` if there is no trust anchor or one of them cannot be read.
 */
export const createCertificateVerifier = (options: CertificateVerifierOptions): CertificateVerifier => {
  const anchors = new Map<string, Certificate>();
  for (const anchor of options.trustAnchors) {
    const encoded =
      typeof anchor === "string" ? pemBlocks(anchor, "CERTIFICATE") : [ownBytes(anchor, "a trust anchor")];
    for (const der of encoded) {
      try {
        const certificate = parseCertificate(der);
        parseSpki(certificate.publicKey);
        anchors.set(certificate.id, certificate);
      } catch (cause) {
        throw new TypeError("unusable trust anchor", { cause });
      }
    }
  }
  if (anchors.size === 0) throw new TypeError("no trust anchor");

  /** Certificates of chains that held: a returning peer costs neither parsing nor signature checks. */
  const remembered = new Map<string, Certificate>();

  const load = (der: Uint8Array): Certificate => {
    if (der.length > maxCertificateBytes) throw fault("bad_certificate", "a certificate over 16384 bytes");
    const id = identify(der);
    const known = anchors.get(id) ?? remembered.get(id);
    if (known !== undefined) return known;
    let certificate: Certificate;
    try {
      certificate = parseCertificate(ownBytes(der, "a certificate"));
    } catch (cause) {
      throw fault("bad_certificate", "a malformed certificate", cause);
    }
    try {
      parseSpki(certificate.publicKey);
    } catch (cause) {
      throw fault("unsupported_certificate", "a certificate with a key that is not supported", cause);
    }
    return certificate;
  };

  const remember = (path: readonly Certificate[]): void => {
    for (const certificate of path) remembered.set(certificate.id, certificate);
    for (const id of remembered.keys()) {
      if (remembered.size <= maxRemembered) break;
      remembered.delete(id);
    }
  };

  const checkSignature = async (certificate: Certificate, issuer: Certificate): Promise<void> => {
    if (certificate.signedBy.has(issuer)) return;
    let holds = false;
    try {
      holds = await isSignedBy(certificate, issuer, options.crypto ?? (await runtimeCrypto()));
    } catch (cause) {
      throw fault("bad_certificate", "a certificate whose signature cannot be checked", cause);
    }
    if (!holds) throw fault("bad_certificate", "a certificate whose signature does not hold");
    certificate.signedBy.add(issuer);
  };

  /** The first path from the leaf to an anchor that holds; otherwise the first reason why one does not. */
  const findPath = async (
    leaf: Certificate,
    others: readonly Certificate[],
    chain: CertificateChain,
  ): Promise<readonly Certificate[]> => {
    let firstFault: unknown;
    let checks = 0;
    const extend = async (path: readonly Certificate[]): Promise<readonly Certificate[] | undefined> => {
      const last = path.at(-1)!;
      if (anchors.has(last.id)) return path;
      for (const issuer of [...anchors.values(), ...others]) {
        if (issuer.subject !== last.issuer || path.includes(issuer) || ++checks > maxSignatureChecks)
          continue;
        try {
          checkIssuer(issuer, path, chain);
          await checkSignature(last, issuer);
        } catch (error) {
          firstFault ??= error;
          continue;
        }
        const found = await extend([...path, issuer]);
        if (found !== undefined) return found;
      }
      return undefined;
    };
    const path = await extend([leaf]);
    if (path === undefined) throw firstFault ?? fault("unknown_ca", "no path to a trust anchor");
    return path;
  };

  return {
    async verify(chain) {
      const reference = chain.name === undefined ? undefined : parseReferenceName(chain.name);
      if (chain.certificates.length > maxCertificates)
        throw fault("bad_certificate", "too many certificates");
      const [leaf, ...others] = chain.certificates.map(load);
      if (leaf === undefined) throw fault("bad_certificate", "no certificate");
      checkLeaf(leaf, chain, reference);
      remember(await findPath(leaf, others, chain));
      return leaf.publicKey.slice();
    },
  };
};
