/**
 * The client's handshake (RFC 9846 §2 in the flights of RFC 9147 §5.7):
 *
 *   ClientHello              ------->
 *                            <-------  HelloRetryRequest (+ cookie)
 *   ClientHello (+ cookie)   ------->
 *                                      ServerHello                        epoch 0
 *                                      EncryptedExtensions                epoch 2
 *                                      CertificateRequest, Certificate, CertificateVerify
 *                            <-------  Finished
 *   Certificate, CertificateVerify                                        epoch 2
 *   Finished                 ------->
 *                            <-------  ACK                                epoch 3
 */
import type { Bytes } from "../core/bytes.ts";
import { MAX_CONNECTION_ID } from "../core/index.ts";
import type { KeyShare } from "../crypto/provider.ts";
import {
  checkApplicationProtocol,
  checkCertificateRequest,
  checkCertificateType,
  checkHelloRetryRequest,
  checkServerHello,
} from "../tls/client-checks.ts";
import { CertificateType, HandshakeType, ProtocolVersion } from "../tls/codepoints.ts";
import type { ClientHelloExtensions } from "../tls/extensions.ts";
import {
  type ClientHelloParameters,
  decodeServerHello,
  encodeClientHello,
  type HelloRetryRequest,
  offeredExtensions,
  randomLength,
  type ServerHello,
} from "../tls/hello.ts";
import { KeySchedule } from "../tls/key-schedule.ts";
import {
  type CertificateRequest,
  decodeCertificateRequest,
  decodeEncryptedExtensions,
  encodeCertificate,
} from "../tls/messages.ts";
import { truncateClientHello, writeBinders } from "../tls/psk.ts";
import type { SuiteParameters } from "../tls/suites.ts";
import { fault } from "../tls/wire.ts";
import { holderOf, type OfferedPsk, offeredPsks, offeredSuites, pskExtension } from "./client-psk.ts";
import type { ClientConfig, PeerIdentity } from "./config.ts";
import { findCredential, noCredential } from "./credential.ts";
import {
  APPLICATION_EPOCH,
  acceptedSchemes,
  HANDSHAKE_EPOCH,
  Handshake,
  type HandshakeResult,
  type Side,
} from "./handshake.ts";
import { finishPake, joinSecrets, offerPake, offerShare, type PakeOffer } from "./pake.ts";
import { expectMessage, nextMessage, type Procedure, settled, unexpectedMessage } from "./procedure.ts";
import type { ReceivedMessage } from "./reassembly.ts";

interface Offer {
  readonly hello: ClientHelloParameters;
  readonly message: Bytes;
  readonly psks: readonly OfferedPsk[];
  readonly shares: readonly KeyShare[];
  readonly pake: PakeOffer | undefined;
}

/**
 * A client.
 * @throws TypeError for a configuration that asks for a password and certificates
 */
export function asClient(config: ClientConfig): Side {
  if (config.pake !== undefined && config.verifyServer !== undefined) {
    throw new TypeError("a server is authenticated by password or by certificate, not by both");
  }
  return {
    config,
    firstSequenceNumber: 0,
    handshake(parts) {
      const handshake = new Handshake(parts, config, "client");
      return handshake.run(clientHandshake(handshake, config));
    },
  };
}

function* clientHandshake(handshake: Handshake, config: ClientConfig): Procedure<HandshakeResult> {
  const { transcript, parts } = handshake;
  handshake.clientRandom = parts.crypto.random(randomLength);

  parts.records.plaintextVersion = config.initialRecordVersion ?? ProtocolVersion.dtls1_2;
  let offer = yield* firstOffer(handshake, config);
  parts.reliability.sendFlight([{ epoch: 0, bytes: offer.message }]);
  let { answer, suite } = yield* receiveAnswer(handshake, offer);
  let retry: HelloRetryRequest | undefined;
  if (answer.kind === "hello_retry_request") {
    retry = answer;
    offer = yield* secondOffer(handshake, config, offer, answer, suite);
    parts.reliability.sendFlight([{ epoch: 0, bytes: offer.message }]);
    ({ answer, suite } = yield* receiveAnswer(handshake, offer, retry));
  }

  const hello = answer as ServerHello & { readonly message: Bytes };
  parts.reliability.selectVersion();
  handshake.expectProtection();
  parts.records.plaintextVersion = ProtocolVersion.dtls1_2;
  if (retry === undefined) transcript.selectHash(suite.hash);
  transcript.add(hello.message);
  const { selectedIdentity, keyShare, pake } = hello.extensions;
  const psk = selectedIdentity === undefined ? undefined : offer.psks[selectedIdentity]!;
  const share = offer.shares.find(({ group }) => group === keyShare?.group);
  const pakeKey = pake === undefined ? undefined : yield* finishPake(offer.pake!, pake);
  if (pakeKey !== undefined) handshake.keep(pakeKey);
  const exchanged = share === undefined ? undefined : yield* settled(share.agree(keyShare!.keyExchange));
  const secret = joinSecrets(pakeKey, exchanged);
  const schedule = handshake.keySchedule(suite.hash, psk?.key);
  const secrets = schedule.handshake(secret, transcript.digest());
  handshake.keep(secrets.client, secrets.server);
  secret.fill(0);
  const { connectionId } = hello.extensions;
  parts.useConnectionIds(connectionId && new Uint8Array(connectionId));
  handshake.installHandshakeKeys(suite, secrets);

  const server = yield* receiveServerFlight(handshake, config, offer, psk, pake !== undefined);
  yield* handshake.receiveFinished(schedule, secrets);
  const application = schedule.application(transcript.digest());
  handshake.keep(application.client, application.server, application.exporter);
  handshake.logApplicationSecrets(application, application.exporter);

  const flight: Bytes[] = [];
  if (server.request !== undefined) flight.push(...(yield* clientCredentials(handshake, config, server)));
  flight.push(handshake.finished(schedule, secrets));
  parts.reliability.sendFlight(
    flight.map((bytes) => ({ epoch: HANDSHAKE_EPOCH, bytes })),
    () => {
      parts.records.retireRead(HANDSHAKE_EPOCH);
      parts.records.retireWriteBefore(APPLICATION_EPOCH);
    },
  );
  handshake.installApplicationWrite(suite, application);
  handshake.installApplicationRead(suite, application);
  return {
    suite,
    group: share?.group,
    peer: server.peer,
    resumed: psk?.origin === "resumption",
    applicationProtocol: server.applicationProtocol,
    serverName: config.serverName,
    clientRandom: handshake.clientRandom,
    exporterSecret: application.exporter,
    resumptionSecret: schedule.resumption(transcript.digest()),
    ticketHolder: holderOf(config, server.peer, psk),
    applicationSecrets: application,
    usedHelloRetryRequest: retry !== undefined,
    returnRoutabilityCheck: hello.extensions.returnRoutabilityCheck === true,
    postHandshake: [],
  };
}

// ClientHello

function* firstOffer(handshake: Handshake, config: ClientConfig): Procedure<Offer> {
  const shares: KeyShare[] = [];
  for (const group of config.keyShareGroups) {
    shares.push(yield* settled(handshake.crypto.generateKeyShare(group)));
  }
  const psks = yield* offeredPsks(handshake, config);
  const pake = config.pake === undefined ? undefined : yield* offerPake(config.pake);
  const hello: ClientHelloParameters = {
    random: handshake.clientRandom,
    cipherSuites: offeredSuites(config, psks),
    extensions: { ...extensionsOf(handshake, config, shares, psks), ...pake?.extensions },
  };
  const message = sealOffer(handshake, hello, psks);
  return { hello, message, psks, shares, pake };
}

/** The ClientHello that answers a HelloRetryRequest (RFC 9846 §4.2.2). */
function* secondOffer(
  handshake: Handshake,
  config: ClientConfig,
  offer: Offer,
  retry: HelloRetryRequest & { readonly message: Bytes },
  suite: SuiteParameters,
): Procedure<Offer> {
  handshake.parts.reliability.selectVersion();
  handshake.parts.records.plaintextVersion = ProtocolVersion.dtls1_2;
  handshake.transcript.selectHash(suite.hash);
  handshake.transcript.replaceByMessageHash(suite.hash);
  handshake.transcript.add(retry.message);
  const { selectedGroup, cookie, pakeParameters } = retry.extensions;
  let { shares, pake } = offer;
  if (selectedGroup !== undefined) {
    const group = handshake.config.groups.find((candidate) => candidate === selectedGroup)!;
    shares = [yield* settled(handshake.crypto.generateKeyShare(group))];
  }
  if (pakeParameters !== undefined) {
    pake = yield* offerShare(config.pake!, pakeParameters);
  }
  // "SHOULD remove any PSKs which are incompatible with the server's indicated cipher suite"
  const psks = offer.psks.filter(({ hash }) => hash === suite.hash);
  const { preSharedKey: _, ...rest } = offer.hello.extensions;
  const extensions: ClientHelloExtensions = {
    ...rest,
    ...(rest.keyShares === undefined ? {} : { keyShares: shares.map(shareEntry) }),
    ...(cookie === undefined ? {} : { cookie }),
    ...pake?.extensions,
    ...pskExtension(config, psks, handshake.parts.now()),
  };
  const hello = { ...offer.hello, extensions };
  return { hello, message: sealOffer(handshake, hello, psks), psks, shares, pake };
}

function shareEntry({ group, publicKey }: KeyShare) {
  return { group, keyExchange: publicKey };
}

function extensionsOf(
  { parts }: Handshake,
  config: ClientConfig,
  shares: readonly KeyShare[],
  psks: readonly OfferedPsk[],
): ClientHelloExtensions {
  const { serverName, verifyServer, applicationProtocols, credentials } = config;
  const clientTypes = config.certificateTypes ?? [...new Set(credentials.map(({ type }) => type))];
  return {
    ...(serverName === undefined ? {} : { serverName }),
    ...(config.groups.length === 0 ? {} : { supportedGroups: config.groups }),
    ...(verifyServer === undefined ? {} : { signatureAlgorithms: acceptedSchemes }),
    ...(applicationProtocols === undefined ? {} : { applicationProtocols }),
    ...certificateTypes("clientCertificateTypes", clientTypes),
    ...certificateTypes("serverCertificateTypes", verifyServer?.certificateTypes ?? []),
    supportedVersions: [ProtocolVersion.dtls1_3],
    ...(config.groups.length === 0 ? {} : { keyShares: shares.map(shareEntry) }),
    ...(parts.ownConnectionId === undefined
      ? {}
      : { connectionId: parts.ownConnectionId, returnRoutabilityCheck: true as const }),
    ...pskExtension(config, psks, parts.now()),
  };
}

/** RFC 7250 §4.1: the default alone goes without saying. */
function certificateTypes(
  field: "clientCertificateTypes" | "serverCertificateTypes",
  types: readonly CertificateType[],
): Partial<ClientHelloExtensions> {
  return types.some((type) => type !== CertificateType.X509) ? { [field]: types } : {};
}

/** Encodes a ClientHello, fills its binders in and adds it to the transcript. */
function sealOffer(
  { crypto, transcript }: Handshake,
  hello: ClientHelloParameters,
  psks: readonly OfferedPsk[],
): Bytes {
  const message = encodeClientHello(hello);
  const placeholders = hello.extensions.preSharedKey?.binders;
  if (placeholders !== undefined) {
    const truncated = truncateClientHello(message, placeholders);
    const binders = psks.map(({ hash, key, origin }) => {
      const schedule = new KeySchedule(crypto, hash, key);
      const binder = schedule.binder(origin, transcript.binderDigest(hash, truncated));
      schedule.erase();
      return binder;
    });
    writeBinders(message, binders);
  }
  transcript.add(message);
  return message;
}

// The server's flight

type Answer = (ServerHello | HelloRetryRequest) & { readonly message: Bytes };

interface Judged {
  readonly answer: Answer;
  readonly suite: SuiteParameters;
}

/**
 * A ServerHello, or without `retry` a HelloRetryRequest, that can be accepted. What anyone may have sent is judged before
 * anything is changed by it.
 */
function* receiveAnswer({ parts }: Handshake, offer: Offer, retry?: HelloRetryRequest): Procedure<Judged> {
  for (;;) {
    const message = yield* nextMessage();
    try {
      const judged = judge(message, offer, retry);
      parts.believeMessage();
      return judged;
    } catch (error) {
      parts.doubtMessage(error);
    }
  }
}

function judge({ type, bytes }: ReceivedMessage, offer: Offer, retry: HelloRetryRequest | undefined): Judged {
  if (type === HandshakeType.hello_verify_request) {
    throw fault("protocol_version", "unsupported_version", "the server speaks an older version of DTLS");
  }
  if (type !== HandshakeType.server_hello) throw unexpectedMessage(type);
  const answer = { ...decodeServerHello(bytes, offeredExtensions(offer.hello)), message: bytes };
  if (answer.kind === "hello_retry_request") {
    if (retry !== undefined) throw unexpectedMessage(type);
    return { answer, suite: checkHelloRetryRequest(offer.hello, answer) };
  }
  checkConnectionIds(answer);
  const pskHashes = offer.psks.map(({ hash }) => hash);
  return { answer, suite: checkServerHello(offer.hello, answer, pskHashes, retry) };
}

function checkConnectionIds({ extensions }: ServerHello): void {
  const { connectionId, returnRoutabilityCheck } = extensions;
  if (connectionId !== undefined && connectionId.length > MAX_CONNECTION_ID) {
    throw fault(
      "handshake_failure",
      "connection_id_too_long",
      "the server's connection ID is too long to use",
    );
  }
  if (connectionId === undefined && returnRoutabilityCheck) {
    throw fault("illegal_parameter", "rrc_without_cid", "rrc without connection_id");
  }
}

interface ServerFlight {
  readonly applicationProtocol: string | undefined;
  readonly peer: PeerIdentity | undefined;
  readonly request: CertificateRequest | undefined;
  readonly clientCertificateType: CertificateType;
}

/** EncryptedExtensions up to CertificateVerify. */
function* receiveServerFlight(
  handshake: Handshake,
  config: ClientConfig,
  offer: Offer,
  psk: OfferedPsk | undefined,
  usesPake: boolean,
): Procedure<ServerFlight> {
  const { transcript } = handshake;
  const offered = offeredExtensions(offer.hello);
  const encrypted = yield* expectMessage(HandshakeType.encrypted_extensions);
  const extensions = decodeEncryptedExtensions(encrypted.bytes, offered);
  transcript.add(encrypted.bytes);
  const applicationProtocol = checkApplicationProtocol(
    offer.hello,
    extensions,
    config.requireApplicationProtocol === "always",
  );
  const { clientCertificateTypes, serverCertificateTypes } = offer.hello.extensions;
  const { clientCertificateType: selectedType } = extensions;
  // A server that asks for no certificate has no type to select (RFC 7250 §4.2).
  const clientCertificateType =
    selectedType === undefined
      ? CertificateType.X509
      : checkCertificateType(clientCertificateTypes, selectedType);
  const flight = { applicationProtocol, clientCertificateType };
  if (psk !== undefined) {
    return { ...flight, peer: psk.peer, request: undefined };
  }
  if (usesPake) {
    const peer: PeerIdentity = {
      kind: "password",
      identity: new Uint8Array(config.pake!.serverIdentity),
    };
    return { ...flight, peer, request: undefined };
  }

  const serverType = checkCertificateType(serverCertificateTypes, extensions.serverCertificateType);
  let message = yield* nextMessage();
  let request: CertificateRequest | undefined;
  if (message.type === HandshakeType.certificate_request) {
    request = decodeCertificateRequest(message.bytes);
    checkCertificateRequest(request);
    transcript.add(message.bytes);
    message = yield* nextMessage();
  }
  if (message.type !== HandshakeType.certificate) throw unexpectedMessage(message.type);
  const verifier = config.verifyServer!;
  const peer = yield* handshake.authenticatePeer(message.bytes, serverType, offered, verifier);
  return { ...flight, peer, request };
}

/** What the server asked for: a Certificate, empty if nothing fits (RFC 9846 §4.5.1). */
function* clientCredentials(
  handshake: Handshake,
  { credentials, requireOwnCredential }: ClientConfig,
  { request, clientCertificateType }: ServerFlight,
): Procedure<Bytes[]> {
  const { signatureAlgorithms, certificateAuthorities = [] } = request!.extensions;
  const demand = {
    types: [clientCertificateType],
    schemes: signatureAlgorithms!,
    authorities: certificateAuthorities,
  };
  const credential = findCredential(credentials, demand);
  if (credential !== undefined) return yield* handshake.authenticate(credential, signatureAlgorithms);
  if (requireOwnCredential) throw noCredential(credentials, demand);
  const empty = encodeCertificate({ context: new Uint8Array(0), certificates: [] });
  handshake.transcript.add(empty);
  return [empty];
}
