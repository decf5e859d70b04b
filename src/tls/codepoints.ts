/**
 * The code points of DTLS 1.3 and of the TLS extensions it is used with here, by their registered names. Values
 * read from the wire are plain numbers, for a peer may send code points that this list does not name.
 */

/** HandshakeType (RFC 9846 §4, RFC 9147 §5.2). */
export const HandshakeType = {
  client_hello: 1,
  server_hello: 2,
  hello_verify_request: 3,
  new_session_ticket: 4,
  end_of_early_data: 5,
  encrypted_extensions: 8,
  request_connection_id: 9,
  new_connection_id: 10,
  certificate: 11,
  certificate_request: 13,
  certificate_verify: 15,
  finished: 20,
  key_update: 24,
  message_hash: 254,
} as const;
export type HandshakeType = (typeof HandshakeType)[keyof typeof HandshakeType];

/** ProtocolVersion, DTLS only (RFC 9147 §5.3). */
export const ProtocolVersion = {
  dtls1_0: 0xfeff,
  dtls1_2: 0xfefd,
  dtls1_3: 0xfefc,
} as const;
export type ProtocolVersion = (typeof ProtocolVersion)[keyof typeof ProtocolVersion];

/**
 * ExtensionType. `pake` is the experimental code point that BoringSSL deploys
 * (draft-bmw-tls-pake13); it follows the IETF's registration when there is one. `pake_parameters` is ours, of the
 * range for private use (RFC 9846 §11): see `PakeParameters`.
 */
export const ExtensionType = {
  server_name: 0,
  supported_groups: 10,
  signature_algorithms: 13,
  application_layer_protocol_negotiation: 16,
  client_certificate_type: 19,
  server_certificate_type: 20,
  padding: 21,
  record_size_limit: 28,
  pre_shared_key: 41,
  early_data: 42,
  supported_versions: 43,
  cookie: 44,
  psk_key_exchange_modes: 45,
  certificate_authorities: 47,
  oid_filters: 48,
  post_handshake_auth: 49,
  signature_algorithms_cert: 50,
  key_share: 51,
  connection_id: 54,
  rrc: 61,
  pake: 0x8a3b,
  pake_parameters: 0xff3b,
} as const;
export type ExtensionType = (typeof ExtensionType)[keyof typeof ExtensionType];

/** PAKEScheme; experimental as {@link ExtensionType}.pake is. */
export const PakeScheme = {
  SPAKE2PLUS_V1: 0x7d96,
} as const;
export type PakeScheme = (typeof PakeScheme)[keyof typeof PakeScheme];

/** NamedGroup (RFC 9846 §4.3.7; X25519MLKEM768 of draft-ietf-tls-ecdhe-mlkem). */
export const NamedGroup = {
  secp256r1: 0x0017,
  x25519: 0x001d,
  X25519MLKEM768: 0x11ec,
} as const;

/** SignatureScheme (RFC 9846 §4.3.3), those that CertificateVerify may carry here. */
export const SignatureScheme = {
  ecdsa_secp256r1_sha256: 0x0403,
  ecdsa_secp384r1_sha384: 0x0503,
  rsa_pss_rsae_sha256: 0x0804,
  rsa_pss_rsae_sha384: 0x0805,
  rsa_pss_rsae_sha512: 0x0806,
  ed25519: 0x0807,
} as const;

/** PskKeyExchangeMode (RFC 9846 §4.3.9). */
export const PskKeyExchangeMode = {
  psk_ke: 0,
  psk_dhe_ke: 1,
} as const;
export type PskKeyExchangeMode = (typeof PskKeyExchangeMode)[keyof typeof PskKeyExchangeMode];

/** CertificateType (RFC 7250, RFC 9846 §4.5.1). */
export const CertificateType = {
  X509: 0,
  RawPublicKey: 2,
} as const;
export type CertificateType = (typeof CertificateType)[keyof typeof CertificateType];

/** TLS KDF Identifiers (RFC 9258 §9). */
export const KdfIdentifier = {
  HKDF_SHA256: 0x0001,
  HKDF_SHA384: 0x0002,
} as const;
export type KdfIdentifier = (typeof KdfIdentifier)[keyof typeof KdfIdentifier];
