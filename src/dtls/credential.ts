/** Which of several credentials to show (RFC 9846 §4.5.1.2). */
import type { SealgramError } from "../errors.ts";
import { CertificateType } from "../tls/codepoints.ts";
import type { ClientHello } from "../tls/hello.ts";
import { fault } from "../tls/wire.ts";
import type { Credential, ServerConfig } from "./config.ts";

/** What the peer can make use of. */
export interface CredentialDemand {
  readonly types: readonly number[];
  /** signature_algorithms */
  readonly schemes: readonly number[];
  /** certificate_authorities: names as DER */
  readonly authorities: readonly Uint8Array[];
}

/** What the client can check (RFC 9846 §4.5.1.2). */
export function demandOf({ extensions }: ClientHello): CredentialDemand {
  return {
    types: extensions.serverCertificateTypes ?? [CertificateType.X509],
    schemes: extensions.signatureAlgorithms ?? [],
    authorities: extensions.certificateAuthorities ?? [],
  };
}

/** Whether a server shows a credential even to a client that offers something else as well. */
export function showsCredentialFirst(
  { preferCredential, credentials }: ServerConfig,
  hello: ClientHello,
): boolean {
  return preferCredential === true && findCredential(credentials, demandOf(hello)) !== undefined;
}

const mismatches = {
  no_shared_certificate_type: "no credential is of a certificate type that the peer takes",
  no_shared_signature_scheme: "no credential signs with a scheme that the peer takes",
  no_matching_issuer: "no credential is from an authority that the peer names",
} as const;

/** The first credential that the peer can make use of. */
export function findCredential(
  credentials: readonly Credential[],
  demand: CredentialDemand,
): Credential | undefined {
  return credentials.find((credential) => mismatch(credential, demand) === undefined);
}

/** Why there is none: what is wrong with the last one. */
export function noCredential(credentials: readonly Credential[], demand: CredentialDemand): SealgramError {
  const last = credentials.at(-1);
  const code = last === undefined ? undefined : mismatch(last, demand);
  if (code === undefined)
    return fault("handshake_failure", "no_credential", "there is no credential to show");
  return fault("handshake_failure", code, mismatches[code]);
}

function mismatch(
  { type, signer, issuers }: Credential,
  { types, schemes, authorities }: CredentialDemand,
): keyof typeof mismatches | undefined {
  if (!types.includes(type)) return "no_shared_certificate_type";
  if (!signer.schemes.some((scheme) => schemes.includes(scheme))) return "no_shared_signature_scheme";
  const isNamed = (issuer: Uint8Array) => authorities.some((name) => equal(name, issuer));
  if (issuers !== undefined && !issuers.some(isNamed)) return "no_matching_issuer";
  return undefined;
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
