/** What a server checks of a ClientHello, and chooses from it (RFC 9846 §4.2.1, §4.2.2 and §9.2). */
import type { HashName, SignatureScheme } from "../crypto/provider.ts";
import { CertificateType, ProtocolVersion, PskKeyExchangeMode } from "./codepoints.ts";
import type { ClientHelloExtensions, KeyShareEntry } from "./extensions.ts";
import type { ClientHello } from "./hello.ts";
import { type CipherSuite, type SuiteParameters, suiteParameters } from "./suites.ts";
import { fault } from "./wire.ts";

function missing(name: string): never {
  throw fault("missing_extension", "missing_extension", `the ClientHello lacks ${name}`);
}

/**
 * RFC 9846 §9.2, where a PAKE stands in for the rest. The draft wants supported_groups and key_share beside it
 * (draft-bmw-tls-pake13 §4.1); BoringSSL does without them, as SPAKE2+ is a Diffie-Hellman exchange itself. So they are
 * missed by who needs them: `selectGroup`.
 */
function checkMandatoryExtensions(extensions: ClientHelloExtensions): void {
  const { supportedGroups, keyShares, signatureAlgorithms, preSharedKey, pskKeyExchangeModes, pake } =
    extensions;
  if (preSharedKey !== undefined && pskKeyExchangeModes === undefined) missing("psk_key_exchange_modes");
  if (supportedGroups !== undefined && keyShares === undefined && pake === undefined) missing("key_share");
  if (supportedGroups === undefined && keyShares !== undefined) missing("supported_groups");
  if (preSharedKey === undefined && pake === undefined) {
    if (signatureAlgorithms === undefined) missing("signature_algorithms");
    if (supportedGroups === undefined) missing("supported_groups");
  }
}

/** RFC 9846 §4.3.8: one share a group, of groups that are supported. */
function checkKeyShares({ keyShares = [], supportedGroups }: ClientHelloExtensions): void {
  const left = new Set(supportedGroups);
  for (const { group } of keyShares) {
    if (!left.delete(group)) {
      throw fault(
        "illegal_parameter",
        "invalid_key_shares",
        `a second or unsupported key share of group ${group}`,
      );
    }
  }
}

export function offersDtls13({ extensions }: ClientHello): boolean {
  return extensions.supportedVersions?.includes(ProtocolVersion.dtls1_3) ?? false;
}

/**
 * Whether a ClientHello, the first or the second, is one of DTLS 1.3 that can be negotiated with.
 * @throws SealgramError protocol_version, illegal_parameter or missing_extension
 */
export function checkClientHello(hello: ClientHello): void {
  const { extensions, legacyCompressionMethods: compression } = hello;
  if (!offersDtls13(hello) || hello.legacyVersion !== ProtocolVersion.dtls1_2) {
    throw fault("protocol_version", "unsupported_version", "the client does not offer DTLS 1.3");
  }
  if (hello.legacyCookie.length > 0) {
    throw fault("illegal_parameter", "legacy_cookie", "legacy_cookie is not empty");
  }
  if (compression.length !== 1 || compression[0] !== 0) {
    throw fault(
      "illegal_parameter",
      "compression",
      "legacy_compression_methods is not the null method alone",
    );
  }
  checkMandatoryExtensions(extensions);
  checkKeyShares(extensions);
}

/**
 * The first suite of `preferred` that the client offers.
 * @param hash that the suite has to have, when a PSK settles it
 * @throws SealgramError handshake_failure if there is none
 */
export function selectCipherSuite(
  offered: readonly number[],
  preferred: readonly CipherSuite[],
  hash?: HashName,
): SuiteParameters {
  const offers = new Set(offered);
  for (const suite of preferred) {
    const parameters = suiteParameters(suite);
    if (offers.has(suite) && (hash === undefined || parameters.hash === hash)) return parameters;
  }
  throw fault("handshake_failure", "no_shared_cipher_suite", "no cipher suite in common");
}

/**
 * As {@link selectCipherSuite}, where it is not known yet which PSK will be used: if possible of a hash that one of those
 * offered has, for PSK and suite have to be compatible (RFC 9846 §4.3.11). A binder is as long as the PSK's hash.
 */
export function selectSuiteForPsks(
  { cipherSuites, extensions }: ClientHello,
  preferred: readonly CipherSuite[],
): SuiteParameters {
  const lengths = new Set(extensions.preSharedKey?.binders.map(({ length }) => length));
  const fitting = preferred.filter((suite) => lengths.has(suiteParameters(suite).hashLength));
  const isShared = fitting.some((suite) => cipherSuites.includes(suite));
  return selectCipherSuite(cipherSuites, isShared ? fitting : preferred);
}

export interface SelectedGroup<G extends number> {
  readonly group: G;
  /** The client's share; `undefined` if a HelloRetryRequest has to ask for it. */
  readonly share: KeyShareEntry | undefined;
}

/**
 * The first group of `preferred` that the client supports, even if that costs a round trip.
 * @throws SealgramError missing_extension or handshake_failure
 */
export function selectGroup<G extends number>(
  { supportedGroups, keyShares }: ClientHelloExtensions,
  preferred: readonly G[],
): SelectedGroup<G> {
  if (supportedGroups === undefined) return missing("supported_groups");
  if (keyShares === undefined) return missing("key_share");
  const group = preferred.find((candidate) => supportedGroups.includes(candidate));
  if (group === undefined)
    throw fault("handshake_failure", "no_shared_group", "no key exchange group in common");
  return { group, share: keyShares.find((share) => share.group === group) };
}

/** Whether PSKs may be used at all: only with (EC)DHE, whatever else the client would do. */
export function acceptsPskWithDhe({ pskKeyExchangeModes }: ClientHelloExtensions): boolean {
  return pskKeyExchangeModes?.includes(PskKeyExchangeMode.psk_dhe_ke) ?? false;
}

/**
 * The scheme to sign with.
 * @param offered the peer's signature_algorithms
 * @param available schemes of the key, most preferred first
 * @throws SealgramError missing_extension or handshake_failure
 */
export function selectSignatureScheme(
  offered: readonly number[] | undefined,
  available: readonly SignatureScheme[],
): SignatureScheme {
  if (offered === undefined) return missing("signature_algorithms");
  const scheme = available.find((candidate) => offered.includes(candidate));
  if (scheme === undefined) {
    throw fault("handshake_failure", "no_shared_signature_scheme", "no signature scheme in common");
  }
  return scheme;
}

/**
 * The first protocol of `supported` that the client offers (RFC 7301 §3.2).
 * @param isRequired whether one has to be in common, if both use ALPN
 * @returns `undefined` if one side does without ALPN
 * @throws SealgramError no_application_protocol
 */
export function selectApplicationProtocol(
  offered: readonly string[] | undefined,
  supported: readonly string[] | undefined,
  isRequired: boolean | "always" = true,
): string | undefined {
  if (supported === undefined || (offered === undefined && isRequired !== "always")) return undefined;
  const protocol = supported.find((candidate) => offered?.includes(candidate));
  if (protocol === undefined && isRequired !== false) {
    throw fault("no_application_protocol", "no_application_protocol", "no application protocol in common");
  }
  return protocol;
}

/**
 * The first type of `accepted` that the client offers; without an offer that is X.509 (RFC 7250 §4.2).
 * @param offered the client's client_certificate_type or server_certificate_type
 * @throws SealgramError unsupported_certificate if there is none
 */
export function selectCertificateType(
  offered: readonly number[] | undefined,
  accepted: readonly CertificateType[],
): CertificateType {
  const offers = offered ?? [CertificateType.X509];
  const type = accepted.find((candidate) => offers.includes(candidate));
  if (type === undefined) {
    throw fault("unsupported_certificate", "no_shared_certificate_type", "no certificate type in common");
  }
  return type;
}
