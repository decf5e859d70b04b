/** Arbitrary messages, valid to the letter. */
import fc from "fast-check";
import type { Bytes } from "../../src/core/bytes.ts";
import type { RecordNumber } from "../../src/tls/ack.ts";
import { ExtensionType } from "../../src/tls/codepoints.ts";
import type {
  CertificateRequestExtensions,
  ClientHelloExtensions,
  EncryptedExtensionsExtensions,
  NewSessionTicketExtensions,
} from "../../src/tls/extensions.ts";
import type { ClientHelloParameters, HelloRetryRequest, ServerHello } from "../../src/tls/hello.ts";
import type { Certificate, CertificateRequest, CertificateVerify } from "../../src/tls/messages.ts";
import type {
  KeyUpdate,
  NewConnectionId,
  NewSessionTicket,
  RequestConnectionId,
} from "../../src/tls/post-handshake.ts";

export const opaque = (minLength: number, maxLength: number): fc.Arbitrary<Bytes> =>
  fc.uint8Array({ minLength, maxLength, size: "medium" }).map((bytes) => new Uint8Array(bytes) as Bytes);

const u16: fc.Arbitrary<number> = fc.nat(0xffff);
const u32: fc.Arbitrary<number> = fc.nat(0xffffffff);
const list = <T>(item: fc.Arbitrary<T>, minLength = 1, maxLength = 5): fc.Arbitrary<T[]> =>
  fc.array(item, { minLength, maxLength });
const latin1 = (minLength: number, maxLength: number): fc.Arbitrary<string> =>
  opaque(minLength, maxLength).map((bytes) => String.fromCharCode(...bytes));
const hostName: fc.Arbitrary<string> = fc.stringMatching(/^[a-z0-9.-]{1,60}$/);

const known: ReadonlySet<number> = new Set<number>(Object.values(ExtensionType));
const unknownExtensions = fc.uniqueArray(
  fc.record({ type: u16.filter((type) => !known.has(type)), data: opaque(0, 12) }),
  {
    selector: ({ type }) => type,
    minLength: 1,
    maxLength: 4,
  },
);

const keyShare = fc.record({ group: u16, keyExchange: opaque(1, 70) });
const pakeShare = fc.record({ scheme: u16, message: opaque(1, 70) });
const pakeShares = fc
  .uniqueArray(pakeShare, { selector: ({ scheme }) => scheme, maxLength: 4 })
  .map((shares) => shares.sort((a, b) => a.scheme - b.scheme));
const certificateTypes = list(fc.nat(255), 1, 4).filter((types) => types.length > 1 || types[0] !== 0);

const offeredPsks = list(
  fc.record({
    identity: fc.record({ identity: opaque(1, 60), obfuscatedTicketAge: u32 }),
    binder: opaque(1, 48),
  }),
).map((psks) => ({
  identities: psks.map(({ identity }) => identity),
  binders: psks.map(({ binder }) => binder),
}));

type Arbitraries<E> = { [K in Exclude<keyof E, "unknown">]-?: fc.Arbitrary<NonNullable<E[K]>> };

/** Every field may be missing. */
const some = <E>(fields: Arbitraries<E> & { unknown?: typeof unknownExtensions }): fc.Arbitrary<E> =>
  fc.record(fields as never, { requiredKeys: [] }) as fc.Arbitrary<E>;

const recordSizeLimit = fc.integer({ min: 64, max: 0xffff });
const present = fc.constant(true as const);

const clientHelloExtensions = some<ClientHelloExtensions>({
  unknown: unknownExtensions,
  serverName: hostName,
  supportedGroups: list(u16),
  signatureAlgorithms: list(u16),
  signatureAlgorithmsCert: list(u16),
  applicationProtocols: list(latin1(1, 12)),
  clientCertificateTypes: certificateTypes,
  serverCertificateTypes: certificateTypes,
  recordSizeLimit,
  earlyData: present,
  supportedVersions: list(u16),
  cookie: opaque(1, 100),
  pskKeyExchangeModes: list(fc.nat(255)),
  certificateAuthorities: list(opaque(1, 30)),
  keyShares: list(keyShare, 0),
  connectionId: opaque(0, 20),
  returnRoutabilityCheck: present,
  pake: fc.record({ clientIdentity: opaque(0, 20), serverIdentity: opaque(0, 20), shares: pakeShares }),
  asksPakeParameters: present,
  preSharedKey: offeredPsks,
});

export const clientHello: fc.Arbitrary<ClientHelloParameters> = fc.record({
  random: opaque(32, 32),
  cipherSuites: list(u16),
  extensions: clientHelloExtensions,
});

const dtls13 = fc.constant(0xfefc);

export const serverHello: fc.Arbitrary<Pick<ServerHello, "random" | "cipherSuite" | "extensions">> =
  fc.record({
    random: opaque(32, 32),
    cipherSuite: u16,
    extensions: fc.record(
      {
        supportedVersion: dtls13,
        keyShare,
        selectedIdentity: u16,
        connectionId: opaque(0, 20),
        returnRoutabilityCheck: present,
        pake: pakeShare,
      },
      { requiredKeys: ["supportedVersion"] },
    ),
  });

export const helloRetryRequest: fc.Arbitrary<Pick<HelloRetryRequest, "cipherSuite" | "extensions">> =
  fc.record({
    cipherSuite: u16,
    extensions: fc.record(
      {
        supportedVersion: dtls13,
        selectedGroup: u16,
        cookie: opaque(1, 100),
        pakeParameters: fc.record({ salt: opaque(16, 255), iterations: fc.nat(2 ** 31 - 1) }),
      },
      { requiredKeys: ["supportedVersion"] },
    ),
  });

export const encryptedExtensions: fc.Arbitrary<EncryptedExtensionsExtensions> =
  some<EncryptedExtensionsExtensions>({
    serverName: present,
    supportedGroups: list(u16),
    applicationProtocol: latin1(1, 12),
    clientCertificateType: fc.nat(255),
    serverCertificateType: fc.nat(255),
    recordSizeLimit,
    earlyData: present,
  });

export const certificateRequest: fc.Arbitrary<CertificateRequest> = fc.record({
  context: opaque(0, 8),
  extensions: some<CertificateRequestExtensions>({
    unknown: unknownExtensions,
    signatureAlgorithms: list(u16),
    signatureAlgorithmsCert: list(u16),
    certificateAuthorities: list(opaque(1, 30)),
  }),
});

export const certificate: fc.Arbitrary<Certificate> = fc.record({
  context: opaque(0, 8),
  certificates: list(opaque(1, 300), 0, 4),
});
export const certificateVerify: fc.Arbitrary<CertificateVerify> = fc.record({
  algorithm: u16,
  signature: opaque(0, 80),
});

export const newSessionTicket: fc.Arbitrary<NewSessionTicket> = fc.record({
  lifetimeSeconds: fc.nat(604_800),
  ageAdd: u32,
  nonce: opaque(0, 8),
  ticket: opaque(1, 200),
  extensions: some<NewSessionTicketExtensions>({ unknown: unknownExtensions, maxEarlyDataSize: u32 }),
});

export const keyUpdate: fc.Arbitrary<KeyUpdate> = fc.record({ updateRequested: fc.boolean() });
export const newConnectionId: fc.Arbitrary<NewConnectionId> = fc.record({
  cids: list(opaque(0, 20), 0),
  usage: fc.constantFrom("immediate" as const, "spare" as const),
});
export const requestConnectionId: fc.Arbitrary<RequestConnectionId> = fc.record({ count: fc.nat(255) });

const number48 = fc.oneof(fc.nat(), fc.integer({ min: 0, max: 2 ** 48 - 1 }));
export const recordNumbers: fc.Arbitrary<RecordNumber[]> = list(
  fc.record({ epoch: number48, sequenceNumber: number48 }),
  0,
  8,
);
