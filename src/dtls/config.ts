/** What a connection is told: who it is, whom it trusts, what it negotiates. */
import type { Bytes } from "../core/bytes.ts";
import type { KeyLimits, RecordCore } from "../core/index.ts";
import type { Awaitable, CryptoProvider, HashName, NamedGroup, Signer } from "../crypto/provider.ts";
import type { Prover, VerifierAnswer } from "../crypto/spake2plus.ts";
import { CertificateType, NamedGroup as Groups, type ProtocolVersion } from "../tls/codepoints.ts";
import type { PakeParameters } from "../tls/extensions.ts";
import { CipherSuite } from "../tls/suites.ts";
import type { Path } from "./path.ts";
import { defaultReliability, type ReliabilityOptions } from "./reliability-options.ts";

/** A pre-shared key as both sides know it. */
export interface Psk {
  /** 1 to 2^16-1 bytes; visible on the wire. */
  readonly identity: Uint8Array;
  /** A strong key, of at least 16 bytes; never a password. */
  readonly key: Uint8Array;
  /** The hash that it was made for; SHA-256 unless both sides know better. */
  readonly hash?: HashName | undefined;
  /** Whether it goes through the importer (RFC 9258), as it should with peers that have one. */
  readonly imported: boolean;
  /** The importer's context. */
  readonly context?: Uint8Array | undefined;
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
  /** Of the offered identity, from 0; and its key. */
  readonly index: number;
  readonly psk: Psk;
}

/** A key and what to show of it: a chain of certificates, or the bare public key (RFC 7250). */
export interface Credential {
  /** X.509, or a raw public key. */
  readonly type: CertificateType;
  /** DER certificates, one's own first; for a raw public key, its SubjectPublicKeyInfo alone. */
  readonly certificates: readonly Uint8Array[];
  /** The private key of the first certificate. */
  readonly signer: Signer;
  /**
   * DER names of the authorities in the chain. With it, the credential is only for peers that name one of them in
   * certificate_authorities (RFC 9846 §4.3.4).
   */
  readonly issuers?: readonly Uint8Array[] | undefined;
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
   * as long as it lives (RFC 9846 §4.7.1).
   */
  readonly verifiesResumption?: boolean | undefined;
}

/** Who the peer has proved to be. */
export type PeerIdentity =
  | { readonly kind: "psk"; readonly identity: Bytes }
  | { readonly kind: "raw_public_key"; readonly publicKey: Bytes }
  | { readonly kind: "certificate"; readonly certificates: readonly Bytes[] }
  /** By a password: the client, or the server whose record of it fits. */
  | {
      readonly kind: "password";
      readonly identity: Bytes;
      /** Of a client: {@link PakeLogin.registration}. */
      readonly registration?: Bytes;
    };

/** Logging in by a password: SPAKE2+ (RFC 9383) in the `pake` extension (draft-bmw-tls-pake13). */
export interface ClientPake {
  /** Whose password it is, 0 to 2^16-1 bytes; visible on the wire. */
  readonly identity: Uint8Array;
  /** Of the server, as the registration has it; often empty. */
  readonly serverIdentity: Uint8Array;
  /**
   * Whether salt and rounds of the registration have to be asked for, which is done in the first exchange. Peers with
   * nothing but the standard's extension do not know the question.
   */
  readonly asksParameters: boolean;
  /** Makes the share, with the parameters if they were asked for. */
  start(parameters: PakeParameters | undefined): Awaitable<Prover>;
}

/** Who wants to log in, as whom, and from where. Nothing of it is proved. */
export interface PakeAttempt {
  /** As on the wire: whose password, which service, and the path that it comes by. */
  readonly identity: Bytes;
  readonly serverIdentity: Bytes;
  readonly path: Path;
}

/** One login, which is to be answered. */
export interface PakeLogin {
  /**
   * Answers the client's share (RFC 9383 §3.3). Fails with a `SealgramError` of illegal_parameter for what is no share.
   */
  respond(share: Bytes): Awaitable<Pick<VerifierAnswer, "message" | "sharedKey">>;
  /** Stands in the client's tickets, for {@link ServerPake.isCurrent}: changes when the password does. */
  readonly registration?: Bytes | undefined;
  /** The client has proved that it has the password. Not called for a login that fails or is given up. */
  succeeded?(): void;
}

/** Letting clients log in by passwords. */
export interface ServerPake {
  /**
   * Salt and rounds of a registration, for a client that does not know them; without it such clients cannot log in.
   * Called for every such first ClientHello, whoever it comes from.
   */
  parameters?(who: Pick<PakeAttempt, "identity" | "serverIdentity">): Awaitable<PakeParameters>;
  /**
   * Called once for each login, at the address that was proved, before anything is computed. Counts as a failure until
   * {@link PakeLogin.succeeded} (draft-bmw-tls-pake13 §8.1). For an identity that does not exist, a decoy record makes
   * the login fail as with a wrong password; `undefined` goes on to certificates, or fails with handshake_failure.
   * A `SealgramError` refuses with its alert.
   */
  begin(attempt: PakeAttempt): Awaitable<PakeLogin | undefined>;
  /** Whether a client that logged in with this registration may still resume; otherwise a ticket is good while it lives. */
  isCurrent?(client: { readonly identity: Bytes; readonly registration?: Bytes }): Awaitable<boolean>;
}

/** What a client keeps in order to resume (RFC 9846 §4.7.1). Holds a key: store it as one. */
export interface SessionTicket {
  /** The ticket itself, opaque to clients; the key that goes with it; its hash; and ticket_age_add. */
  readonly ticket: Bytes;
  readonly psk: Bytes;
  readonly hash: HashName;
  readonly ageAdd: number;
  /** On the clock of the connection that received it; of one that a session gives out, since 1970. */
  readonly receivedAtMs: number;
  /** For how long it is good. */
  readonly lifetimeSeconds: number;
  /** Who the server had proved to be, and the server_name by which it was asked for. */
  readonly peer: PeerIdentity | undefined;
  readonly serverName?: string | undefined;
  /** Tells who its client had proved to be, by which key: another does not offer it. */
  readonly holder: Bytes;
}

/** Makes tickets that only this server, or its siblings, can read. */
export interface TicketProtector {
  /** A ticket with this state in it; `undefined` for none. */
  seal(state: Bytes): Awaitable<Bytes | undefined>;
  /** `undefined` for a ticket that is not ours, or too old. */
  open(ticket: Bytes): Awaitable<Bytes | undefined>;
  /** Milliseconds since 1970, about the same on all servers that take the tickets. */
  now(): number;
  /** For how long a ticket is good: up to 604,800 (RFC 9846 §4.7.1). */
  readonly lifetimeSeconds: number;
  /** For how long a client comes back by tickets, each for the next, before it has to authenticate anew. */
  readonly totalLifetimeSeconds: number;
  /** How many tickets a client gets. */
  readonly count: number;
}

/** What both roles share. */
export interface CommonConfig {
  /** Records, and everything else with a key in it. */
  readonly core: RecordCore;
  readonly crypto: CryptoProvider;
  /** Most preferred first. */
  readonly cipherSuites: readonly CipherSuite[];
  /** Groups of the key exchange, most preferred first. */
  readonly groups: readonly NamedGroup[];
  /** Most preferred first; without it ALPN is not negotiated. */
  readonly applicationProtocols?: readonly string[] | undefined;
  /**
   * Whether a server refuses a client that offers other protocols only, as it does unless told otherwise. With "always"
   * either side refuses a peer as well that knows nothing of protocols (as in RFC 9001 §8.1).
   */
  readonly requireApplicationProtocol?: boolean | "always" | undefined;
  /** Of the connection IDs that the peer shall send, 0 to 20 bytes; `undefined` does without the extension. */
  readonly connectionIdLength?: number | undefined;
  /** Timers, and bounds of what waits. */
  readonly reliability: ReliabilityOptions;
  /** How often one key may be used, where that is to be less than the standard allows (RFC 9147 §4.5.3). */
  readonly keyLimits?: Partial<KeyLimits> | undefined;
  /** Largest datagram to send, in bytes. */
  readonly mtuBytes: number;
  /** NSS key log lines: secrets. */
  readonly keyLog?: ((line: string) => void) | undefined;
  /**
   * How long a datagram may be under way: TCP's MSL. The keys of an epoch that has ended open late records for so long
   * (RFC 9147 §4.2.1), those of the handshake for twice as long (§5.8.1).
   */
  readonly maxSegmentLifetimeMs: number;
  /** Closes the session when nothing authentic was received for so long, nor anything new of a handshake before its keys. */
  readonly idleTimeoutMs: number | undefined;
  /** Most preferred first: the first that the peer can make use of is shown. */
  readonly credentials: readonly Credential[];
}

/** A client's configuration. */
export interface ClientConfig extends CommonConfig {
  /** Tells it from a server's. */
  readonly role: "client";
  /**
   * Pre-shared keys to offer, most preferred first; and a ticket, which goes before them. It is offered only if this
   * configuration would lead to the session that it is of: to a server of the same name and kind that is still trusted,
   * as the same client (RFC 9846 §4.7.1).
   */
  readonly psks: readonly Psk[];
  readonly ticket?: SessionTicket | undefined;
  /**
   * Logs in by a password; the server is then authenticated by it, or by one of the PSKs, and not by certificate: the
   * draft's both together is not supported, and `verifyServer` beside it is a `TypeError`. Without `groups` it is done
   * without key shares, PSKs and tickets, as BoringSSL does.
   */
  readonly pake?: ClientPake | undefined;
  /** server_name (RFC 6066 §3): a host name. */
  readonly serverName?: string | undefined;
  /** Whom to trust without a PSK; `undefined` accepts a PSK only. */
  readonly verifyServer?: PeerVerifier | undefined;
  /** client_certificate_type to offer, most preferred first; by default the types of the credentials. */
  readonly certificateTypes?: readonly CertificateType[] | undefined;
  /**
   * Ends the handshake if the server asks for a credential and none of ours fits. Otherwise the server is told so, and
   * decides (RFC 9846 §4.5.1).
   */
  readonly requireOwnCredential?: boolean | undefined;
  /**
   * legacy_record_version of the first ClientHello, which "may also be {254, 255} for compatibility purposes" (RFC
   * 9147 §4): for paths that expect the first record to be one of DTLS 1.0.
   */
  readonly initialRecordVersion?: ProtocolVersion | undefined;
  /** Groups to send a key share of in the first ClientHello; those it has to ask for cost a round trip. */
  readonly keyShareGroups: readonly NamedGroup[];
}

/** A server's configuration. */
export interface ServerConfig extends CommonConfig {
  /** Tells it from a client's. */
  readonly role: "server";
  /**
   * Which of the offered PSKs to use, if any. Asked again, with the one that was used at first, when a client comes back
   * by a ticket: it resumes only if the answer is the same key.
   */
  readonly choosePsk?: (offered: readonly OfferedIdentity[]) => Awaitable<PskChoice | undefined>;
  /** Lets clients log in by passwords, which comes behind a PSK and before certificates. */
  readonly pake?: ServerPake | undefined;
  /** Shows a credential, if the client can make use of one, even to a client that also offers a PSK or a PAKE. */
  readonly preferCredential?: boolean | undefined;
  /**
   * The alert for a client none of whose PSKs is known. decrypt_error, the one for a wrong key, does not tell whether
   * an identity exists (RFC 9846 §F.6); unknown_psk_identity unless given.
   */
  readonly unknownPskAlert?: "unknown_psk_identity" | "decrypt_error" | "handshake_failure" | undefined;
  /** Whom to trust of those who show a certificate or a key; without it none is asked for. */
  readonly verifyClient?: PeerVerifier | undefined;
  /** Whether a client without a certificate is turned away. */
  readonly requireClientCertificate: boolean;
  /** Makes tickets and takes them; without it there are none. */
  readonly tickets?: TicketProtector | undefined;
  /** Whether to echo server_name. */
  readonly acknowledgeServerName: boolean;
}

/** Either role's configuration. */
export type ConnectionConfig = ClientConfig | ServerConfig;

/** Used where nothing else is asked for. 1,200 bytes pass every IPv6 path. */
export const commonDefaults: Pick<
  CommonConfig,
  | "cipherSuites"
  | "groups"
  | "reliability"
  | "mtuBytes"
  | "maxSegmentLifetimeMs"
  | "idleTimeoutMs"
  | "credentials"
> = {
  cipherSuites: [
    CipherSuite.TLS_CHACHA20_POLY1305_SHA256,
    CipherSuite.TLS_AES_128_GCM_SHA256,
    CipherSuite.TLS_AES_256_GCM_SHA384,
  ],
  groups: [Groups.x25519, Groups.secp256r1, Groups.X25519MLKEM768],
  reliability: defaultReliability,
  mtuBytes: 1200,
  maxSegmentLifetimeMs: 120_000,
  idleTimeoutMs: 300_000,
  credentials: [],
};

export { CertificateType, type PakeParameters };
