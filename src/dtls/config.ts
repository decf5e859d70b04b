/** What a connection is told: who it is, whom it trusts, what it negotiates. */
import type { Bytes } from "../core/bytes.ts";
import type { KeyLimits, RecordCore } from "../core/index.ts";
import type { Awaitable, CryptoProvider, HashName, NamedGroup, Signer } from "../crypto/provider.ts";
import { CertificateType, NamedGroup as Groups, type ProtocolVersion } from "../tls/codepoints.ts";
import { CipherSuite } from "../tls/suites.ts";
import { defaultReliability, type ReliabilityOptions } from "./reliability.ts";

/** A pre-shared key as both sides know it. */
export interface Psk {
  /** 1 to 2^16-1 bytes; visible on the wire. */
  readonly identity: Uint8Array;
  /** A strong key, of at least 16 bytes; never a password. */
  readonly key: Uint8Array;
  /** The hash that it was made for; SHA-256 unless both sides know better. */
  readonly hash?: HashName;
  /** Whether it goes through the importer (RFC 9258), as it should with peers that have one. */
  readonly imported: boolean;
  /** The importer's context. */
  readonly context?: Uint8Array;
}

/** An identity that a client offers. */
export interface OfferedIdentity {
  /** As it is on the wire. */
  readonly identity: Bytes;
  /** If it has the form of an ImportedIdentity: the external identity and context in it. */
  readonly imported: { readonly identity: Bytes; readonly context: Bytes } | undefined;
}

/** The PSK that a server wants to use, and the index of the identity it belongs to. */
export interface PskChoice {
  readonly index: number;
  readonly psk: Psk;
}

/** A key and what to show of it: a chain of certificates, or the bare public key (RFC 7250). */
export interface Credential {
  readonly type: CertificateType;
  /** DER certificates, one's own first; for a raw public key, its SubjectPublicKeyInfo alone. */
  readonly certificates: readonly Uint8Array[];
  readonly signer: Signer;
  /**
   * DER names of the authorities in the chain. With it, the credential is only for peers that name one of them in
   * certificate_authorities (RFC 9846 §4.2.4).
   */
  readonly issuers?: readonly Uint8Array[];
}

/** Judges what the peer shows. */
export interface PeerVerifier {
  /** What may be shown, most preferred first. */
  readonly certificateTypes: readonly CertificateType[];
  /**
   * Answers the peer's public key, as SubjectPublicKeyInfo, when it is trusted. Fails with a `SealgramError` that has
   * the alert to send. The proof that the peer has the private key follows in the handshake.
   */
  verify(certificates: readonly Bytes[], type: CertificateType): Awaitable<Bytes>;
  /**
   * Whether a peer that resumes is judged once more, by what it had shown at first; otherwise its ticket is enough for
   * as long as it lives (RFC 9846 §4.6.1).
   */
  readonly verifiesResumption?: boolean;
}

/** Who the peer has proved to be. */
export type PeerIdentity =
  | { readonly kind: "psk"; readonly identity: Bytes }
  | { readonly kind: "raw_public_key"; readonly publicKey: Bytes }
  | { readonly kind: "certificate"; readonly certificates: readonly Bytes[] };

/** What a client keeps in order to resume (RFC 9846 §4.6.1). Holds a key: store it as one. */
export interface SessionTicket {
  readonly ticket: Bytes;
  readonly psk: Bytes;
  readonly hash: HashName;
  readonly ageAdd: number;
  /** On the clock of the connection that received it. */
  readonly receivedAtMs: number;
  readonly lifetimeSeconds: number;
  readonly peer: PeerIdentity | undefined;
}

/** Makes tickets that only this server, or its siblings, can read. */
export interface TicketProtector {
  seal(state: Bytes): Awaitable<Bytes | undefined>;
  /** `undefined` for a ticket that is not ours, or too old. */
  open(ticket: Bytes): Awaitable<Bytes | undefined>;
  readonly lifetimeSeconds: number;
  /** How many tickets a client gets. */
  readonly count: number;
}

/** What both roles share. */
export interface CommonConfig {
  readonly core: RecordCore;
  readonly crypto: CryptoProvider;
  /** Most preferred first. */
  readonly cipherSuites: readonly CipherSuite[];
  readonly groups: readonly NamedGroup[];
  /** Most preferred first; without it ALPN is not negotiated. */
  readonly applicationProtocols?: readonly string[];
  /** Of the connection IDs that the peer shall send, 0 to 20 bytes; `undefined` does without the extension. */
  readonly connectionIdLength?: number;
  readonly reliability: ReliabilityOptions;
  /** How often one key may be used, where that is to be less than the standard allows (RFC 9147 §4.5.3). */
  readonly keyLimits?: Partial<KeyLimits>;
  /** Largest datagram to send, in bytes. */
  readonly mtuBytes: number;
  /** NSS key log lines: secrets. */
  readonly keyLog?: (line: string) => void;
  /** How long the keys of an epoch that has ended still open late records: 2 MSL (RFC 9147 §5.8.1). */
  readonly oldEpochMs: number;
  /** Closes the session when nothing authentic was received for so long. */
  readonly idleTimeoutMs: number | undefined;
  /** Most preferred first: the first that the peer can make use of is shown. */
  readonly credentials: readonly Credential[];
}

export interface ClientConfig extends CommonConfig {
  readonly role: "client";
  readonly psks: readonly Psk[];
  readonly ticket?: SessionTicket;
  readonly serverName?: string;
  /** Whom to trust without a PSK; `undefined` accepts a PSK only. */
  readonly verifyServer?: PeerVerifier;
  /** client_certificate_type to offer, most preferred first; by default the types of the credentials. */
  readonly certificateTypes?: readonly CertificateType[];
  /**
   * Ends the handshake if the server asks for a credential and none of ours fits. Otherwise the server is told so, and
   * decides (RFC 9846 §4.4.2).
   */
  readonly requireOwnCredential?: boolean;
  /**
   * legacy_record_version of the first ClientHello, which "may also be {254, 255} for compatibility purposes" (RFC
   * 9147 §4): for paths that expect the first record to be one of DTLS 1.0.
   */
  readonly initialRecordVersion?: ProtocolVersion;
  /** Groups to send a key share of in the first ClientHello; those it has to ask for cost a round trip. */
  readonly keyShareGroups: readonly NamedGroup[];
}

export interface ServerConfig extends CommonConfig {
  readonly role: "server";
  /** Which of the offered PSKs to use, if any. */
  readonly choosePsk?: (offered: readonly OfferedIdentity[]) => Awaitable<PskChoice | undefined>;
  /** Shows a credential, if the client can make use of one, even to a client that also offers a PSK. */
  readonly preferCredential?: boolean;
  /**
   * The alert for a client none of whose PSKs is known. decrypt_error, the one for a wrong key, does not tell whether
   * an identity exists (RFC 9846 §E.6); unknown_psk_identity unless given.
   */
  readonly unknownPskAlert?: "unknown_psk_identity" | "decrypt_error" | "handshake_failure";
  readonly verifyClient?: PeerVerifier;
  /** Whether a client without a certificate is turned away. */
  readonly requireClientCertificate: boolean;
  readonly tickets?: TicketProtector;
  /** Whether to echo server_name. */
  readonly acknowledgeServerName: boolean;
}

export type ConnectionConfig = ClientConfig | ServerConfig;

/** Used where nothing else is asked for. 1,200 bytes pass every IPv6 path. */
export const commonDefaults: Pick<
  CommonConfig,
  "cipherSuites" | "groups" | "reliability" | "mtuBytes" | "oldEpochMs" | "idleTimeoutMs" | "credentials"
> = {
  cipherSuites: [
    CipherSuite.TLS_CHACHA20_POLY1305_SHA256,
    CipherSuite.TLS_AES_128_GCM_SHA256,
    CipherSuite.TLS_AES_256_GCM_SHA384,
  ],
  groups: [Groups.x25519, Groups.secp256r1, Groups.X25519MLKEM768],
  reliability: defaultReliability,
  mtuBytes: 1200,
  oldEpochMs: 240_000,
  idleTimeoutMs: 300_000,
  credentials: [],
};

export { CertificateType };
