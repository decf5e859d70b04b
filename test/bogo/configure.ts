/** What the runner's flags mean in terms of the library's configuration. */
import { X509Certificate } from "node:crypto";
import type { Bytes } from "../../src/core/bytes.ts";
import type { RecordCore } from "../../src/core/index.ts";
import { createNodeProvider } from "../../src/crypto/node.ts";
import type { NamedGroup } from "../../src/crypto/provider.ts";
import { TicketKeys } from "../../src/crypto/ticket-keys.ts";
import {
  CertificateType,
  type CommonConfig,
  type ConnectionConfig,
  commonDefaults,
  type OfferedIdentity,
  type PakeAttempt,
  type PakeLogin,
  type PeerVerifier,
  type PskChoice,
  type SessionTicket,
  type TicketProtector,
} from "../../src/dtls/config.ts";
import { SealgramError } from "../../src/errors.ts";
import { clientPake, respondWith } from "../../src/login/spake2plus.ts";
import { NamedGroup as Groups, ProtocolVersion } from "../../src/tls/codepoints.ts";
import type { VirtualClock } from "./clock.ts";
import type { NumberedCredential, PakeCredential } from "./credentials.ts";
import type { ConnectionFlags } from "./flags.ts";

const crypto = createNodeProvider();
/** BoringSSL's preferences, as far as they exist here: the runner counts on the first group being a large one. */
const groups: readonly NamedGroup[] = [Groups.X25519MLKEM768, Groups.x25519, Groups.secp256r1];
/** What BoringSSL assumes of a path that it is told nothing about, without the headers of IP and UDP. */
const DEFAULT_MTU = 1472;

const ticketKeys = new TicketKeys(crypto, { secrets: [crypto.random(32)], lifetimeMs: 86_400_000 });
const ticketContext = new TextEncoder().encode("ticket");

export interface Setup {
  readonly core: RecordCore;
  readonly clock: VirtualClock;
  readonly flags: ConnectionFlags;
  readonly credentials: readonly NumberedCredential[];
  /** What the connection before has left to resume. */
  readonly ticket: SessionTicket | undefined;
  /** Is told whether a peer's certificate was found good. */
  readonly verified: (isGood: boolean) => void;
}

export function configure(setup: Setup): ConnectionConfig {
  const { core, flags, credentials, ticket } = setup;
  const certificates = credentials.flatMap(({ credential }) => credential ?? []);
  const psks = credentials.flatMap(({ psk }) => psk ?? []);
  const pakes = credentials.flatMap(({ pake }) => (pake === undefined || pake.isForPeer ? [] : pake));
  const wanted = (flags.numbers("-curves") as NamedGroup[] | undefined) ?? groups;
  const common: CommonConfig = {
    ...commonDefaults,
    core,
    crypto,
    groups: wanted.filter((group) => groups.includes(group)),
    mtuBytes: flags.number("-mtu") ?? DEFAULT_MTU,
    idleTimeoutMs: undefined,
    credentials: certificates,
    reliability: {
      ...commonDefaults.reliability,
      initialTimeoutMs: flags.number("-initial-timeout-duration-ms") ?? 400,
      adaptTimeout: false,
      eagerRetransmission: false,
      repeatsAcks: false,
      retransmitsHelloRetryRequest: true,
      acknowledgesAnsweredFlights: true,
      acknowledgesHellos: false,
      believesPlaintext: true,
      recordsPerTransmission: Number.POSITIVE_INFINITY,
      transmissionsAtFullSize: Number.POSITIVE_INFINITY,
      timerGranularityMs: 15,
      maxHelloBytes: 102_400,
      maxMessageBytes: flags.number("-max-cert-list") ?? 102_400,
    },
  };
  if (flags.has("-server")) {
    const protocols = serverProtocols(flags);
    return {
      ...common,
      role: "server",
      ...(protocols === undefined ? {} : { applicationProtocols: protocols }),
      ...(psks.length === 0 ? {} : { choosePsk: (offered) => choosePsk(credentials, offered) }),
      ...(pakes.length === 0 ? {} : { pake: { begin: (attempt) => beginLogin(pakes, attempt) } }),
      ...(flags.has("-verify-peer") || flags.has("-require-any-client-certificate")
        ? { verifyClient: verifier(setup, true) }
        : {}),
      preferCredential: credentials[0]?.credential !== undefined,
      unknownPskAlert: "handshake_failure",
      requireClientCertificate: flags.has("-require-any-client-certificate"),
      acknowledgeServerName: !flags.has("-no-server-name-ack"),
      // BoringSSL gives no tickets after a PAKE.
      ...(flags.has("-no-ticket") || pakes.length > 0 ? {} : { tickets: ticketProtector(setup) }),
    };
  }
  const [pake] = pakes;
  if (pake !== undefined) {
    if (credentials.length > 1) {
      throw new SealgramError(
        "unsupported_credential_list",
        "a client logs in by one password or not at all",
      );
    }
    const login = clientPake(crypto, pake, pake.secret);
    return { ...common, role: "client", psks: [], groups: [], keyShareGroups: [], pake: login };
  }
  const mustVerify = flags.has("-verify-peer");
  const protocols = flags.value("-advertise-alpn");
  const serverName = flags.value("-host-name");
  const certificateTypes = flags.numbers("-available-client-cert-types") as CertificateType[] | undefined;
  return {
    ...common,
    role: "client",
    psks,
    ...(ticket === undefined ? {} : { ticket }),
    ...(serverName === undefined ? {} : { serverName }),
    ...(protocols === undefined ? {} : { applicationProtocols: splitProtocols(protocols) }),
    // With a PSK, certificates are an alternative only if they are verified.
    ...(psks.length > 0 && !mustVerify ? {} : { verifyServer: verifier(setup, mustVerify) }),
    ...(certificateTypes === undefined ? {} : { certificateTypes }),
    requireOwnCredential: certificates.length > 0,
    initialRecordVersion: ProtocolVersion.dtls1_0,
    keyShareGroups:
      (flags.numbers("-key-shares") as NamedGroup[] | undefined) ?? keyShareGroups(common.groups),
  };
}

/** BoringSSL sends the first share of each kind. */
function keyShareGroups(supported: readonly NamedGroup[]): NamedGroup[] {
  const hybrid = supported.find((group) => group === Groups.X25519MLKEM768);
  const classical = supported.find((group) => group !== Groups.X25519MLKEM768);
  const both = [hybrid, classical].filter((group) => group !== undefined);
  return supported[0] === classical ? both.reverse() : both;
}

function splitProtocols(list: string): string[] {
  const names: string[] = [];
  for (let at = 0; at < list.length; at += 1 + list.charCodeAt(at)) {
    names.push(list.slice(at + 1, at + 1 + list.charCodeAt(at)));
  }
  return names;
}

/** What a server answers to ALPN; `undefined` to ignore it. */
function serverProtocols(flags: ConnectionFlags): string[] | undefined {
  const selected = flags.value("-select-alpn");
  if (selected !== undefined) return [selected];
  if (flags.has("-select-empty-alpn")) return [""];
  return flags.has("-reject-alpn") ? [] : undefined;
}

/** Server preference: the first of ours that the client offers. */
function choosePsk(
  credentials: readonly NumberedCredential[],
  offered: readonly OfferedIdentity[],
): PskChoice | undefined {
  for (const { psk } of credentials) {
    if (psk === undefined) continue;
    const index = offered.findIndex(
      ({ imported }) =>
        imported !== undefined &&
        equal(imported.identity, psk.identity) &&
        equal(imported.context, psk.context!),
    );
    if (index !== -1) return { index, psk };
  }
  return undefined;
}

/** The first of ours that is for both identities. */
function beginLogin(pakes: readonly PakeCredential[], attempt: PakeAttempt): PakeLogin | undefined {
  const pake = pakes.find(
    ({ identity, serverIdentity }) =>
      equal(identity, attempt.identity) && equal(serverIdentity, attempt.serverIdentity),
  );
  if (pake === undefined) return undefined;
  pake.use();
  return { respond: respondWith(crypto, pake.secret, attempt, pake.context) };
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

/** Any certificate is good, unless the runner says that none is. */
function verifier({ flags, verified }: Setup, isFatal: boolean): PeerVerifier {
  const judge = () => {
    const isGood = !flags.has("-verify-fail");
    verified(isGood);
    if (isGood || !isFatal) return;
    const alert = flags.has("-use-custom-verify-callback") ? "certificate_unknown" : "handshake_failure";
    throw new SealgramError("certificate_verify_failed", "the runner says so", { alert });
  };
  return {
    certificateTypes: [CertificateType.X509],
    verifiesResumption: flags.has("-reverify-on-resume"),
    verify(certificates) {
      judge();
      return publicKeyOf(certificates[0]!);
    },
  };
}

function publicKeyOf(certificate: Bytes): Bytes {
  try {
    return new Uint8Array(new X509Certificate(certificate).publicKey.export({ type: "spki", format: "der" }));
  } catch (cause) {
    throw new SealgramError("bad_certificate", "unreadable certificate", { alert: "bad_certificate", cause });
  }
}

function ticketProtector({ flags, clock }: Setup): TicketProtector {
  return {
    now: () => clock.nowMs,
    lifetimeSeconds: 7200,
    totalLifetimeSeconds: 604_800,
    count: 2,
    seal: (state) =>
      flags.has("-skip-ticket") ? undefined : ticketKeys.seal(state, ticketContext, clock.nowMs),
    open: async (ticket) => (await ticketKeys.open(ticket, ticketContext, clock.nowMs))?.state,
  };
}
