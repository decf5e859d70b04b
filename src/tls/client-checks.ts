/** What a client checks of a server's answers, and either end of the other's authentication (RFC 9846 §4). */
import type { HashName, SignatureScheme } from "../crypto/provider.ts";
import { CertificateType, ProtocolVersion } from "./codepoints.ts";
import type { EncryptedExtensionsExtensions } from "./extensions.ts";
import type { ClientHelloParameters, HelloRetryRequest, ServerHello } from "./hello.ts";
import type { Certificate, CertificateRequest } from "./messages.ts";
import { type SuiteParameters, suiteParameters } from "./suites.ts";
import { fault, malformed } from "./wire.ts";

/** The fields that a ServerHello and a HelloRetryRequest have in common (RFC 9846 §4.2.3). */
function checkAnswer(offer: ClientHelloParameters, answer: ServerHello | HelloRetryRequest): SuiteParameters {
  if (answer.extensions.supportedVersion !== ProtocolVersion.dtls1_3) {
    throw fault(
      "illegal_parameter",
      "unsupported_version",
      "the server selects a version that was not offered",
    );
  }
  if (answer.legacySessionIdEcho.length > 0) {
    throw fault("illegal_parameter", "session_id_echo", "legacy_session_id_echo is not empty");
  }
  if (answer.legacyCompressionMethod !== 0) {
    throw fault("illegal_parameter", "compression", "legacy_compression_method is not null");
  }
  const suite = suiteParameters(answer.cipherSuite);
  if (suite === undefined || !offer.cipherSuites.includes(answer.cipherSuite)) {
    throw fault("illegal_parameter", "wrong_cipher_suite", "the server selects a suite that was not offered");
  }
  return suite;
}

/**
 * Checks a HelloRetryRequest (RFC 9846 §4.2.4). A second one is unexpected_message, which only the caller knows.
 * @param offer the ClientHello that it answers
 * @returns the suite that it settles
 * @throws SealgramError illegal_parameter
 */
export function checkHelloRetryRequest(
  offer: ClientHelloParameters,
  retry: HelloRetryRequest,
): SuiteParameters {
  const suite = checkAnswer(offer, retry);
  const { selectedGroup, cookie, pakeParameters } = retry.extensions;
  if (selectedGroup === undefined && cookie === undefined && pakeParameters === undefined) {
    throw fault("illegal_parameter", "empty_retry", "a HelloRetryRequest that would change nothing");
  }
  if (selectedGroup !== undefined) {
    const { supportedGroups, keyShares } = offer.extensions;
    const alreadySent = keyShares?.some(({ group }) => group === selectedGroup);
    if (alreadySent || !supportedGroups?.includes(selectedGroup)) {
      throw fault("illegal_parameter", "wrong_group", "the server asks for a share of the wrong group");
    }
  }
  return suite;
}

/** How the key exchange of a ServerHello fits what was offered. */
function checkKeyExchange(offer: ClientHelloParameters, { extensions }: ServerHello): void {
  const { keyShare, selectedIdentity, pake } = extensions;
  if (pake !== undefined) {
    if (selectedIdentity !== undefined) {
      throw fault("illegal_parameter", "psk_with_pake", "the server selects both a PSK and a PAKE");
    }
    if (!offer.extensions.pake?.shares.some(({ scheme }) => scheme === pake.scheme)) {
      throw fault("illegal_parameter", "wrong_pake", "the server selects a PAKE that was not offered");
    }
  } else if (selectedIdentity === undefined && offer.extensions.signatureAlgorithms === undefined) {
    throw fault(
      "missing_extension",
      "missing_extension",
      "the server does not authenticate as it was asked to",
    );
  }
  if (keyShare !== undefined) {
    if (!offer.extensions.keyShares?.some(({ group }) => group === keyShare.group)) {
      throw fault("illegal_parameter", "wrong_group", "the server's key share is of the wrong group");
    }
  } else if (selectedIdentity !== undefined) {
    // Only psk_dhe_ke was offered, and that has a key share (RFC 9846 §4.3.11).
    throw fault("illegal_parameter", "missing_key_share", "the server uses a PSK without (EC)DHE");
  } else if (pake === undefined) {
    throw fault("missing_extension", "missing_key_share", "the server sends no key share");
  }
}

/**
 * Checks a ServerHello. One that selects a PAKE may do without a key share, as BoringSSL's does.
 * @param offer the ClientHello that it answers, the second if there were two
 * @param pskHashes the hash of each PSK of the offer, in order
 * @param retry the HelloRetryRequest before it, if there was one
 * @returns the suite that was selected
 * @throws SealgramError illegal_parameter or missing_extension
 */
export function checkServerHello(
  offer: ClientHelloParameters,
  hello: ServerHello,
  pskHashes: readonly HashName[],
  retry?: HelloRetryRequest,
): SuiteParameters {
  const suite = checkAnswer(offer, hello);
  if (retry !== undefined && retry.cipherSuite !== hello.cipherSuite) {
    throw fault(
      "illegal_parameter",
      "wrong_cipher_suite",
      "the server changes the suite after HelloRetryRequest",
    );
  }
  const { selectedIdentity } = hello.extensions;
  if (selectedIdentity !== undefined && pskHashes[selectedIdentity] !== suite.hash) {
    throw fault(
      "illegal_parameter",
      "wrong_psk",
      "no PSK that was offered has this index and this suite's hash",
    );
  }
  checkKeyExchange(offer, hello);
  return suite;
}

/**
 * The protocol that the server selected.
 * @param isNeeded whether it has to select one
 * @throws SealgramError illegal_parameter if it was not offered (RFC 7301 §3.1), no_application_protocol
 */
export function checkApplicationProtocol(
  offer: ClientHelloParameters,
  { applicationProtocol }: EncryptedExtensionsExtensions,
  isNeeded = false,
): string | undefined {
  if (applicationProtocol === undefined && isNeeded) {
    throw fault("no_application_protocol", "no_application_protocol", "the server selects no protocol");
  }
  if (
    applicationProtocol !== undefined &&
    !offer.extensions.applicationProtocols?.includes(applicationProtocol)
  ) {
    throw fault(
      "illegal_parameter",
      "wrong_application_protocol",
      "the server selects a protocol not offered",
    );
  }
  return applicationProtocol;
}

/**
 * The certificate type of one side: what the server selected, or X.509 by default (RFC 7250 §4.2).
 * @param offered the client's client_certificate_type or server_certificate_type
 * @param selected the server's answer to it
 * @throws SealgramError unsupported_certificate if it was not offered
 */
export function checkCertificateType(
  offered: readonly number[] | undefined,
  selected: number | undefined,
): CertificateType {
  const type = selected ?? CertificateType.X509;
  const known = type === CertificateType.X509 || type === CertificateType.RawPublicKey;
  if (!known || !(offered ?? [CertificateType.X509]).includes(type)) {
    throw fault(
      "unsupported_certificate",
      "wrong_certificate_type",
      "a certificate type that was not offered",
    );
  }
  return type;
}

/** @throws SealgramError unless it is one of the main handshake, with the extension it must have (RFC 9846 §4.4.2) */
export function checkCertificateRequest({ context, extensions }: CertificateRequest): void {
  if (context.length > 0) {
    throw fault("illegal_parameter", "certificate_context", "certificate_request_context is not empty");
  }
  if (extensions.signatureAlgorithms === undefined) {
    throw fault(
      "missing_extension",
      "missing_extension",
      "the CertificateRequest lacks signature_algorithms",
    );
  }
}

/**
 * Checks the form of the peer's Certificate in the main handshake (RFC 9846 §4.5.1); a client's may be empty.
 * @throws SealgramError illegal_parameter, or decode_error for an empty one of a server
 */
export function checkCertificate(
  { context, certificates }: Certificate,
  type: CertificateType,
  sender: "client" | "server",
): void {
  if (context.length > 0) {
    throw fault("illegal_parameter", "certificate_context", "certificate_request_context is not empty");
  }
  if (sender === "server" && certificates.length === 0) throw malformed("the server sends no certificate");
  if (type === CertificateType.RawPublicKey && certificates.length > 1) {
    throw fault("illegal_parameter", "too_many_public_keys", "more than one raw public key");
  }
}

/** @throws SealgramError illegal_parameter if the peer signed with a scheme that it was not offered (RFC 9846 §4.5.2) */
export function checkSignatureScheme(
  algorithm: number,
  offered: readonly SignatureScheme[],
): SignatureScheme {
  const scheme = offered.find((candidate) => candidate === algorithm);
  if (scheme === undefined) {
    throw fault("illegal_parameter", "wrong_signature_scheme", "a signature scheme that was not offered");
  }
  return scheme;
}
