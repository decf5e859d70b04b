/** What the procedures of both roles work with, and what they have in common. */
import type { Bytes } from "../core/bytes.ts";
import type { CryptoProvider, HashName, SignatureScheme } from "../crypto/provider.ts";
import { SealgramError } from "../errors.ts";
import { certificateVerifyContent, checkFinished, type Role } from "../tls/authentication.ts";
import { checkCertificate, checkSignatureScheme } from "../tls/client-checks.ts";
import { CertificateType, HandshakeType, SignatureScheme as Schemes } from "../tls/codepoints.ts";
import { KeySchedule, lendTrafficKeys, type TrafficSecrets, verifyData } from "../tls/key-schedule.ts";
import { type KeyLogLabel, keyLogLine } from "../tls/keylog.ts";
import {
  decodeCertificate,
  decodeCertificateVerify,
  decodeFinished,
  encodeCertificate,
  encodeCertificateVerify,
  encodeFinished,
} from "../tls/messages.ts";
import { selectSignatureScheme } from "../tls/server-choices.ts";
import type { SuiteParameters } from "../tls/suites.ts";
import { Transcript } from "../tls/transcript.ts";
import { fault } from "../tls/wire.ts";
import type { CommonConfig, ConnectionConfig, Credential, PeerIdentity, PeerVerifier } from "./config.ts";
import type { Path } from "./path.ts";
import { expectMessage, type Procedure, settled } from "./procedure.ts";
import type { RecordLayer } from "./record-layer.ts";
import type { Reliability } from "./reliability.ts";

/** Epochs of the handshake's and of the first application keys (RFC 9147 §6.1). */
export const HANDSHAKE_EPOCH = 2;
export const APPLICATION_EPOCH = 3;

/** Schemes that a peer may sign with, most preferred first. */
export const acceptedSchemes: readonly SignatureScheme[] = [
  Schemes.ed25519,
  Schemes.ecdsa_secp256r1_sha256,
  Schemes.ecdsa_secp384r1_sha384,
  Schemes.rsa_pss_rsae_sha256,
  Schemes.rsa_pss_rsae_sha384,
  Schemes.rsa_pss_rsae_sha512,
];

/**
 * One side of a connection: `asClient` and `asServer` make it of a configuration. It brings its handshake along, so that
 * a program with clients only carries no server.
 */
export interface Side {
  /** What it was made of. */
  readonly config: ConnectionConfig;
  /** message_seq and record number to begin with: behind a stateless HelloRetryRequest both sides go on with 1. */
  readonly firstSequenceNumber: 0 | 1;
  /** Its messages in their order; for {@link Connection} to run. */
  handshake(parts: HandshakeParts): Procedure<HandshakeResult>;
}

/** What a handshake has settled. */
export interface HandshakeResult {
  readonly suite: SuiteParameters;
  /** ClientHello.random, by which key logs name the connection. */
  readonly clientRandom: Bytes;
  /** NamedGroup of the key exchange; none if a PAKE was all of it. */
  readonly group: number | undefined;
  readonly peer: PeerIdentity | undefined;
  readonly resumed: boolean;
  readonly applicationProtocol: string | undefined;
  readonly serverName: string | undefined;
  readonly exporterSecret: Bytes;
  /** A client's, for the tickets to come; a server has made its tickets. */
  readonly resumptionSecret: Bytes | undefined;
  /** As {@link SessionTicket.holder}. */
  readonly ticketHolder: Bytes | undefined;
  readonly applicationSecrets: TrafficSecrets;
  readonly usedHelloRetryRequest: boolean;
  /** Whether both sides can check a changed address (RFC 9853). */
  readonly returnRoutabilityCheck: boolean;
  /** Messages to send behind the handshake, such as tickets. */
  readonly postHandshake: readonly Bytes[];
}

/** The connection's parts that a handshake works on. */
export interface HandshakeParts {
  readonly crypto: CryptoProvider;
  readonly records: RecordLayer;
  readonly reliability: Reliability;
  /** The connection ID that this side wants to receive, if it offers any. */
  readonly ownConnectionId: Bytes | undefined;
  now(): number;
  /** Where the peer is. */
  path(): Path;
  /**
   * The message that came last, in the clear, cannot be accepted, which has changed nothing yet: goes on with the next one in
   * its place, and ends the connection with this error if none comes soon.
   * @throws the error, if the peer is believed
   */
  doubtMessage(error: unknown): void;
  /** It can be. */
  believeMessage(): void;
  /** The peer's connection ID and ours are negotiated (RFC 9146 §3), or that there are none. */
  useConnectionIds(peer: Bytes | undefined): void;
}

/** The state of one handshake under way. */
export class Handshake {
  readonly parts: HandshakeParts;
  readonly config: CommonConfig;
  readonly role: Role;
  transcript: Transcript;
  clientRandom: Bytes = new Uint8Array(0);
  readonly #secrets = new Set<Bytes>();
  #schedule: KeySchedule | undefined;

  constructor(parts: HandshakeParts, config: CommonConfig, role: Role, transcript?: Transcript) {
    this.parts = parts;
    this.config = config;
    this.role = role;
    this.transcript = transcript ?? new Transcript(parts.crypto);
  }

  /**
   * Runs a side's procedure on this handshake. However it ends, even if nobody goes on with it, what was kept in it is
   * erased (RFC 9846 §7.1), but for the secrets that it leaves to the connection.
   */
  *run(procedure: Procedure<HandshakeResult>): Procedure<HandshakeResult> {
    let result: HandshakeResult | undefined;
    try {
      result = yield* procedure;
      return result;
    } finally {
      for (const secret of lastingSecrets(result)) this.#secrets.delete(secret);
      for (const secret of this.#secrets) secret.fill(0);
      this.#schedule?.erase();
    }
  }

  /** Has secrets erased in the end. */
  keep(...secrets: readonly Bytes[]): void {
    for (const secret of secrets) this.#secrets.add(secret);
  }

  keySchedule(hash: HashName, psk: Bytes | undefined): KeySchedule {
    this.#schedule = new KeySchedule(this.crypto, hash, psk);
    return this.#schedule;
  }

  get crypto(): CryptoProvider {
    return this.parts.crypto;
  }

  get peerRole(): Role {
    return this.role === "client" ? "server" : "client";
  }

  logSecret(label: KeyLogLabel, secret: Bytes): void {
    this.config.keyLog?.(keyLogLine(label, this.clientRandom, secret));
  }

  /** The peer's last message in plaintext is there, even if its keys are still to be computed. */
  expectProtection(): void {
    this.parts.reliability.enterReadEpoch(HANDSHAKE_EPOCH);
  }

  /** Keys of the handshake epoch in both directions, which the peer's next messages need. */
  installHandshakeKeys(suite: SuiteParameters, secrets: TrafficSecrets): void {
    const { records } = this.parts;
    this.logSecret("CLIENT_HANDSHAKE_TRAFFIC_SECRET", secrets.client);
    this.logSecret("SERVER_HANDSHAKE_TRAFFIC_SECRET", secrets.server);
    lendTrafficKeys(this.crypto, suite, secrets[this.role], (keys) =>
      records.installWrite(HANDSHAKE_EPOCH, suite, keys),
    );
    lendTrafficKeys(this.crypto, suite, secrets[this.peerRole], (keys) =>
      records.installRead(HANDSHAKE_EPOCH, suite, keys),
    );
  }

  logApplicationSecrets(secrets: TrafficSecrets, exporter: Bytes): void {
    this.logSecret("CLIENT_TRAFFIC_SECRET_0", secrets.client);
    this.logSecret("SERVER_TRAFFIC_SECRET_0", secrets.server);
    this.logSecret("EXPORTER_SECRET", exporter);
  }

  installApplicationWrite(suite: SuiteParameters, secrets: TrafficSecrets): void {
    const { records } = this.parts;
    lendTrafficKeys(this.crypto, suite, secrets[this.role], (keys) =>
      records.installWrite(APPLICATION_EPOCH, suite, keys),
    );
  }

  installApplicationRead(suite: SuiteParameters, secrets: TrafficSecrets): void {
    const { records, reliability } = this.parts;
    lendTrafficKeys(this.crypto, suite, secrets[this.peerRole], (keys) =>
      records.installRead(APPLICATION_EPOCH, suite, keys),
    );
    reliability.enterReadEpoch(APPLICATION_EPOCH);
  }

  /** This side's Finished, which is added to the transcript. */
  finished(schedule: KeySchedule, secrets: TrafficSecrets): Bytes {
    const data = verifyData(this.crypto, schedule.hash, secrets[this.role], this.transcript.digest());
    const message = encodeFinished(data);
    this.transcript.add(message);
    return message;
  }

  /** Waits for the peer's Finished and checks it. */
  *receiveFinished(schedule: KeySchedule, secrets: TrafficSecrets): Procedure<void> {
    const message = yield* expectMessage(HandshakeType.finished);
    const expected = verifyData(this.crypto, schedule.hash, secrets[this.peerRole], this.transcript.digest());
    checkFinished(expected, decodeFinished(message.bytes));
    this.transcript.add(message.bytes);
  }

  /** Certificate and CertificateVerify of this side; both are added to the transcript. */
  *authenticate(credential: Credential, offeredSchemes: readonly number[] | undefined): Procedure<Bytes[]> {
    const { signer, certificates } = credential;
    const certificate = encodeCertificate({
      context: new Uint8Array(0),
      certificates: certificates.map(copy),
    });
    this.transcript.add(certificate);
    const algorithm = selectSignatureScheme(offeredSchemes, signer.schemes);
    const content = certificateVerifyContent(this.role, this.transcript.digest());
    const signature = yield* settled(signer.sign(algorithm, content));
    const verify = encodeCertificateVerify({ algorithm, signature });
    this.transcript.add(verify);
    return [certificate, verify];
  }

  /**
   * The peer's Certificate, which has been received, and the CertificateVerify that has to follow: who it is.
   * `undefined` for a client that shows nothing.
   */
  *authenticatePeer(
    certificateMessage: Bytes,
    type: CertificateType,
    offered: ReadonlySet<number>,
    verifier: PeerVerifier,
  ): Procedure<PeerIdentity | undefined> {
    const certificate = decodeCertificate(certificateMessage, offered);
    checkCertificate(certificate, type, this.peerRole);
    this.transcript.add(certificateMessage);
    if (certificate.certificates.length === 0) return undefined;
    const certificates = certificate.certificates.map(copy);
    const publicKey = yield* settled(verifier.verify(certificates, type));
    const message = yield* expectMessage(HandshakeType.certificate_verify);
    const { algorithm, signature } = decodeCertificateVerify(message.bytes);
    const scheme = checkSignatureScheme(algorithm, acceptedSchemes);
    const content = certificateVerifyContent(this.peerRole, this.transcript.digest());
    if (!(yield* settled(this.crypto.verify(scheme, publicKey, content, signature)))) {
      throw fault("decrypt_error", "bad_signature", "the peer's signature does not match its key");
    }
    this.transcript.add(message.bytes);
    return type === CertificateType.RawPublicKey
      ? { kind: "raw_public_key", publicKey }
      : { kind: "certificate", certificates };
  }

  /** Whether the peer that a session to be resumed was with is still trusted: judged once more, if that is asked for. */
  *isStillTrusted(peer: PeerIdentity | undefined, verifier: PeerVerifier | undefined): Procedure<boolean> {
    if (!verifier?.verifiesResumption) return true;
    try {
      if (peer?.kind === "certificate") {
        yield* settled(verifier.verify(peer.certificates, CertificateType.X509));
      } else if (peer?.kind === "raw_public_key") {
        yield* settled(verifier.verify([peer.publicKey], CertificateType.RawPublicKey));
      }
      return true;
    } catch (error) {
      if (error instanceof SealgramError) return false;
      throw error;
    }
  }
}

/** Those that the connection goes on with, and erases. */
export function lastingSecrets(result: HandshakeResult | undefined): readonly Bytes[] {
  if (result === undefined) return [];
  const { exporterSecret, resumptionSecret, applicationSecrets } = result;
  const lasting = [exporterSecret, applicationSecrets.client, applicationSecrets.server];
  return resumptionSecret === undefined ? lasting : [...lasting, resumptionSecret];
}

/** As what a peer that was authenticated in this way shows its key. */
export function certificateTypeOf({ kind }: CertifiedPeer): CertificateType {
  return kind === "certificate" ? CertificateType.X509 : CertificateType.RawPublicKey;
}

type CertifiedPeer = Extract<PeerIdentity, { kind: "certificate" | "raw_public_key" }>;

function copy(bytes: Uint8Array): Bytes {
  return new Uint8Array(bytes);
}
