import type { WebCrypto } from "../runtime-types.ts";
import "reflect-metadata";
import {
  BasicConstraintsExtension,
  type Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  Name,
  SubjectAlternativeNameExtension,
  X509Certificate,
  X509CertificateGenerator,
} from "@peculiar/x509";
import type { Bytes } from "../core/bytes.ts";
import { toHex } from "./bytes.ts";
import { parseReferenceName } from "./certificate-name.ts";
import { type KeyAlgorithm, parsePkcs8 } from "./key-format.ts";
import { runtimeCrypto } from "./runtime-crypto.ts";
import { generatePkcs8, signerFromPkcs8 } from "./signer.ts";

/** A certificate with its private key. */
export interface GeneratedCertificate {
  /** DER. */
  readonly certificate: Bytes;
  /** PKCS #8 DER. */
  readonly privateKey: Bytes;
}

/** An extension, as @peculiar/x509 makes them. */
export interface CertificateExtension {
  readonly type: string;
  readonly critical: boolean;
  readonly value: ArrayBuffer;
  readonly rawData: ArrayBuffer;
}

export interface CertificateDescription {
  /** Common name of the subject, for people; peers are told apart by `names`. */
  readonly subject: string;
  /** DNS names, the left-most label may be `*`, and IP addresses. */
  readonly names?: readonly string[] | undefined;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly algorithm?: KeyAlgorithm | undefined;
  /** Makes an authority, whose paths may have this many authorities below it. */
  readonly authority?: { readonly pathLength?: number };
  /** Who signs; the certificate signs itself if absent. */
  readonly issuer?: GeneratedCertificate | undefined;
  /** Further extensions, for tests and special uses. */
  readonly extensions?: readonly CertificateExtension[] | undefined;
}

const signingParameters = (algorithm: KeyAlgorithm) => {
  if (algorithm === "RSA") return { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" };
  if (algorithm === "Ed25519") return { name: "Ed25519" };
  return { name: "ECDSA", namedCurve: algorithm, hash: algorithm === "P-384" ? "SHA-384" : "SHA-256" };
};

const alternativeName = (name: string): { type: "dns" | "ip"; value: string } => {
  const reference = parseReferenceName(name.startsWith("*.") ? name.slice(2) : name);
  return "dns" in reference ? { type: "dns", value: name } : { type: "ip", value: name };
};

/**
 * A new key and an X.509 certificate for it, self-signed or signed by `issuer`: what tests and a small closed
 * group of peers need, not a certificate authority. Needs a WebCrypto that knows the algorithm.
 */
export const generateCertificate = async (
  request: CertificateDescription,
  given?: WebCrypto,
): Promise<GeneratedCertificate> => {
  const crypto = given ?? (await runtimeCrypto());
  const { authority, issuer, names = [] } = request;
  const privateKey = await generatePkcs8(request.algorithm ?? "P-256", crypto);
  const signingPkcs8 = issuer?.privateKey ?? privateKey;
  const parameters = signingParameters(parsePkcs8(signingPkcs8).algorithm);
  const signingKey = await crypto.subtle.importKey("pkcs8", signingPkcs8, parameters, false, ["sign"]);
  const subject = [{ CN: [request.subject] }];
  const usage = authority === undefined ? KeyUsageFlags.digitalSignature : KeyUsageFlags.keyCertSign;
  const certificate = await X509CertificateGenerator.create(
    {
      serialNumber: `00${toHex(crypto.getRandomValues(new Uint8Array(16)))}`,
      subject: new Name(subject),
      issuer: issuer === undefined ? new Name(subject) : new X509Certificate(issuer.certificate).subjectName,
      notBefore: new Date(request.notBeforeMs),
      notAfter: new Date(request.notAfterMs),
      publicKey: (await signerFromPkcs8(privateKey, crypto)).publicKey,
      signingKey,
      signingAlgorithm: parameters,
      extensions: [
        new BasicConstraintsExtension(authority !== undefined, authority?.pathLength, true),
        new KeyUsagesExtension(usage, true),
        ...(names.length > 0 ? [new SubjectAlternativeNameExtension(names.map(alternativeName))] : []),
        ...((request.extensions ?? []) as readonly Extension[]),
      ],
    },
    crypto,
  );
  return { certificate: new Uint8Array(certificate.rawData), privateKey };
};
