/** The extensions of DTLS 1.3's messages: what each holds, and in which messages it may appear (RFC 9846 §4.2). */
import type { Bytes } from "../core/bytes.ts";
import { CertificateType, ExtensionType } from "./codepoints.ts";
import { ExtensionBlock, type ExtensionCodec, type Extensions } from "./extension-block.ts";
import { fault, malformed, type Reader, type Writer } from "./wire.ts";

/** KeyShareEntry (RFC 9846 §4.2.8). */
export interface KeyShareEntry {
  readonly group: number;
  readonly keyExchange: Bytes;
}

/** PskIdentity (RFC 9846 §4.2.11). */
export interface PskIdentity {
  readonly identity: Bytes;
  /** Milliseconds plus ticket_age_add modulo 2^32; 0 for an external PSK. */
  readonly obfuscatedTicketAge: number;
}

/** OfferedPsks (RFC 9846 §4.2.11): as many binders as identities, in the same order. */
export interface OfferedPsks {
  readonly identities: readonly PskIdentity[];
  readonly binders: readonly Bytes[];
}

/** PAKEShare (draft-bmw-tls-pake13 §4.1). */
export interface PakeShare {
  readonly scheme: number;
  readonly message: Bytes;
}

/** PAKEClientHello (draft-bmw-tls-pake13 §4.1); schemes strictly ascending. */
export interface PakeClientHello {
  readonly clientIdentity: Bytes;
  readonly serverIdentity: Bytes;
  readonly shares: readonly PakeShare[];
}

/**
 * How a password becomes w0 and w1 (RFC 9383 §3.2): the PBKDF2-HMAC-SHA-256 of the registration. The drafts leave it
 * to the parties; a client that has to ask does so in the round trip that the cookie costs anyway:
 *
 *   ClientHello          pake: the identities and no share; pake_parameters: empty
 *   HelloRetryRequest    pake_parameters: { opaque salt<16..255>; uint32 iterations; }, cookie
 *   ClientHello          pake: the same identities and a share; pake_parameters: empty; cookie
 *
 * A HelloRetryRequest may have extensions "first offered by the client in its ClientHello" (RFC 9846 §4.1.4), and a
 * second ClientHello may have changes "allowed by an extension defined in the future and present in the
 * HelloRetryRequest" (§4.1.2): this extension allows shares in `pake`, and no other change. Peers without it are not
 * affected: servers ignore it, and clients that know their w0 and w1 do not send it.
 *
 * Nobody vouches for the answer before the server's confirmation does: whoever changes it makes the login fail.
 */
export interface PakeParameters {
  readonly salt: Bytes;
  readonly iterations: number;
}

/** Protocol names of ALPN and the server name are strings of one character per byte. */
export interface ClientHelloExtensions extends Extensions {
  readonly serverName?: string;
  readonly supportedGroups?: readonly number[];
  readonly signatureAlgorithms?: readonly number[];
  readonly signatureAlgorithmsCert?: readonly number[];
  readonly applicationProtocols?: readonly string[];
  readonly clientCertificateTypes?: readonly number[];
  readonly serverCertificateTypes?: readonly number[];
  /** RFC 8449 §4: the largest TLSInnerPlaintext that this side accepts, in bytes. */
  readonly recordSizeLimit?: number;
  readonly earlyData?: true;
  readonly supportedVersions?: readonly number[];
  readonly cookie?: Bytes;
  readonly pskKeyExchangeModes?: readonly number[];
  readonly certificateAuthorities?: readonly Bytes[];
  readonly keyShares?: readonly KeyShareEntry[];
  /** The CID that the sender wants on what it receives; empty for none (RFC 9146 §3). */
  readonly connectionId?: Bytes;
  readonly returnRoutabilityCheck?: true;
  readonly pake?: PakeClientHello;
  /** Asks for {@link PakeParameters}. */
  readonly asksPakeParameters?: true;
  readonly preSharedKey?: OfferedPsks;
}

export interface ServerHelloExtensions extends Extensions {
  readonly supportedVersion?: number;
  readonly keyShare?: KeyShareEntry;
  /** selected_identity: an index into the identities that were offered. */
  readonly selectedIdentity?: number;
  readonly connectionId?: Bytes;
  readonly returnRoutabilityCheck?: true;
  readonly pake?: PakeShare;
}

export interface HelloRetryRequestExtensions extends Extensions {
  readonly supportedVersion?: number;
  readonly selectedGroup?: number;
  readonly cookie?: Bytes;
  readonly pakeParameters?: PakeParameters;
}

export interface EncryptedExtensionsExtensions extends Extensions {
  /** The server made use of the name that it was sent. */
  readonly serverName?: true;
  readonly supportedGroups?: readonly number[];
  readonly applicationProtocol?: string;
  readonly clientCertificateType?: number;
  readonly serverCertificateType?: number;
  readonly recordSizeLimit?: number;
  readonly earlyData?: true;
}

export interface CertificateRequestExtensions extends Extensions {
  readonly signatureAlgorithms?: readonly number[];
  readonly signatureAlgorithmsCert?: readonly number[];
  readonly certificateAuthorities?: readonly Bytes[];
}

export interface NewSessionTicketExtensions extends Extensions {
  readonly maxEarlyDataSize?: number;
}

function codec<T>(
  type: ExtensionType,
  read: (reader: Reader) => T,
  write: (writer: Writer, value: T) => void,
): ExtensionCodec<T> {
  return { type, read, write };
}

const u16Extension = (type: ExtensionType): ExtensionCodec<number> =>
  codec(
    type,
    (reader) => reader.u16(),
    (writer, value) => writer.u16(value),
  );

const u16ListExtension = (type: ExtensionType, prefix: 1 | 2): ExtensionCodec<readonly number[]> =>
  codec(
    type,
    (reader) => reader.u16Vector(prefix),
    (writer, values) => writer.u16Vector(prefix, values),
  );

const flagExtension = (type: ExtensionType): ExtensionCodec<true> =>
  codec(
    type,
    () => true as const,
    () => {},
  );

/** Everything of `reader` by `readOne`, which has to consume at least a byte a time. */
function readAll<T>(reader: Reader, readOne: (reader: Reader) => T): T[] {
  const items: T[] = [];
  while (reader.remaining > 0) items.push(readOne(reader));
  return items;
}

function writeU8List(writer: Writer, values: readonly number[]): void {
  writer.vector(1, (list) => {
    for (const value of values) list.u8(value);
  });
}

function toText(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}

function fromText(text: string): Bytes {
  return Uint8Array.from(text, (character) => {
    const byte = character.charCodeAt(0);
    if (byte > 0xff) throw new RangeError("a name of the protocol has a character of more than one byte");
    return byte;
  });
}

const hostName = 0;

/** RFC 6066 §3: other name types were never defined, and could not be skipped. */
const serverName = codec<string>(
  ExtensionType.server_name,
  (reader) => {
    const list = reader.vector(2, 1);
    if (list.u8() !== hostName) throw malformed("server_name is of an unknown type");
    const name = list.opaque(2, 1, 255);
    list.end();
    if (name.some((byte) => byte <= 0x20 || byte >= 0x7f)) {
      throw fault("illegal_parameter", "invalid_server_name", "server_name is not a DNS name");
    }
    return toText(name);
  },
  (writer, name) => writer.vector(2, (list) => list.u8(hostName).opaque(2, fromText(name))),
);

/** RFC 7301 §3.1 */
const applicationProtocols = codec<readonly string[]>(
  ExtensionType.application_layer_protocol_negotiation,
  (reader) => readAll(reader.vector(2, 2), (list) => toText(list.opaque(1, 1))),
  (writer, names) =>
    writer.vector(2, (list) => {
      for (const name of names) list.opaque(1, fromText(name));
    }),
);

/** "MUST contain exactly one ProtocolName" */
const applicationProtocol = codec<string>(
  ExtensionType.application_layer_protocol_negotiation,
  (reader) => {
    const list = reader.vector(2, 2);
    const name = toText(list.opaque(1, 1));
    list.end();
    return name;
  },
  (writer, name) => writer.vector(2, (list) => list.opaque(1, fromText(name))),
);

/** RFC 7250 §4.1: a list of nothing, or of nothing but the default, "MUST" have been left out. */
const certificateTypes = (type: ExtensionType): ExtensionCodec<readonly number[]> =>
  codec(
    type,
    (reader) => {
      const types = [...reader.opaque(1)];
      if (types.length === 0 || (types.length === 1 && types[0] === CertificateType.X509)) {
        throw fault(
          "illegal_parameter",
          "invalid_certificate_types",
          "a list of certificate types says nothing",
        );
      }
      return types;
    },
    writeU8List,
  );

const certificateType = (type: ExtensionType): ExtensionCodec<number> =>
  codec(
    type,
    (reader) => reader.u8(),
    (writer, value) => writer.u8(value),
  );

/** RFC 8449 §4 */
const recordSizeLimit = codec<number>(
  ExtensionType.record_size_limit,
  (reader) => {
    const limit = reader.u16();
    if (limit < 64)
      throw fault("illegal_parameter", "invalid_record_size_limit", "record_size_limit below 64");
    return limit;
  },
  (writer, limit) => writer.u16(limit),
);

const cookie = codec<Bytes>(
  ExtensionType.cookie,
  (reader) => reader.opaque(2, 1),
  (writer, value) => writer.opaque(2, value),
);

const certificateAuthorities = codec<readonly Bytes[]>(
  ExtensionType.certificate_authorities,
  (reader) => readAll(reader.vector(2, 3), (list) => list.opaque(2, 1)),
  (writer, names) =>
    writer.vector(2, (list) => {
      for (const name of names) list.opaque(2, name);
    }),
);

function readKeyShare(reader: Reader): KeyShareEntry {
  return { group: reader.u16(), keyExchange: reader.opaque(2, 1) };
}

function writeKeyShare(writer: Writer, { group, keyExchange }: KeyShareEntry): void {
  writer.u16(group).opaque(2, keyExchange);
}

const keyShares = codec<readonly KeyShareEntry[]>(
  ExtensionType.key_share,
  (reader) => readAll(reader.vector(2), readKeyShare),
  (writer, shares) =>
    writer.vector(2, (list) => {
      for (const share of shares) writeKeyShare(list, share);
    }),
);

const connectionId = codec<Bytes>(
  ExtensionType.connection_id,
  (reader) => reader.opaque(1),
  (writer, cid) => writer.opaque(1, cid),
);

/**
 * Binders shorter than the 32 bytes of the syntax are let through: they match no hash, and a binder that does
 * not match is what the peer is told of (decrypt_error).
 */
const offeredPsks = codec<OfferedPsks>(
  ExtensionType.pre_shared_key,
  (reader) => {
    const identities = readAll(reader.vector(2, 7), (list) => ({
      identity: list.opaque(2, 1),
      obfuscatedTicketAge: list.u32(),
    }));
    const binders = readAll(reader.vector(2, 2), (list) => list.opaque(1, 1));
    if (identities.length !== binders.length) {
      throw fault("illegal_parameter", "binder_count_mismatch", "not one binder for each PSK identity");
    }
    return { identities, binders };
  },
  (writer, { identities, binders }) => {
    writer.vector(2, (list) => {
      for (const { identity, obfuscatedTicketAge } of identities) {
        list.opaque(2, identity).u32(obfuscatedTicketAge);
      }
    });
    writer.vector(2, (list) => {
      for (const binder of binders) list.opaque(1, binder);
    });
  },
);

function readPakeShare(reader: Reader): PakeShare {
  return { scheme: reader.u16(), message: reader.opaque(2, 1) };
}

function writePakeShare(writer: Writer, { scheme, message }: PakeShare): void {
  writer.u16(scheme).opaque(2, message);
}

const pakeClientHello = codec<PakeClientHello>(
  ExtensionType.pake,
  (reader) => {
    const clientIdentity = reader.opaque(2);
    const serverIdentity = reader.opaque(2);
    const shares = readAll(reader.vector(2), readPakeShare);
    if (shares.some(({ scheme }, i) => i > 0 && shares[i - 1]!.scheme >= scheme)) {
      throw fault("illegal_parameter", "invalid_pake_shares", "PAKE schemes are not in ascending order");
    }
    return { clientIdentity, serverIdentity, shares };
  },
  (writer, { clientIdentity, serverIdentity, shares }) => {
    writer.opaque(2, clientIdentity).opaque(2, serverIdentity);
    writer.vector(2, (list) => {
      for (const share of shares) writePakeShare(list, share);
    });
  },
);

const pakeParameters = codec<PakeParameters>(
  ExtensionType.pake_parameters,
  (reader) => ({ salt: reader.opaque(1, 16), iterations: reader.u32() }),
  (writer, { salt, iterations }) => writer.opaque(1, salt).u32(iterations),
);

const supportedGroups = u16ListExtension(ExtensionType.supported_groups, 2);
const signatureAlgorithms = u16ListExtension(ExtensionType.signature_algorithms, 2);
const signatureAlgorithmsCert = u16ListExtension(ExtensionType.signature_algorithms_cert, 2);
const supportedVersion = u16Extension(ExtensionType.supported_versions);
const earlyData = flagExtension(ExtensionType.early_data);
const returnRoutabilityCheck = flagExtension(ExtensionType.rrc);

export const clientHelloBlock: ExtensionBlock<ClientHelloExtensions> = new ExtensionBlock(
  {
    // In front, so that the first fragment of a large ClientHello has it: a server keeps nothing until it has seen it.
    cookie,
    serverName,
    supportedGroups,
    signatureAlgorithms,
    signatureAlgorithmsCert,
    applicationProtocols,
    clientCertificateTypes: certificateTypes(ExtensionType.client_certificate_type),
    serverCertificateTypes: certificateTypes(ExtensionType.server_certificate_type),
    recordSizeLimit,
    earlyData,
    supportedVersions: u16ListExtension(ExtensionType.supported_versions, 1),
    pskKeyExchangeModes: codec<readonly number[]>(
      ExtensionType.psk_key_exchange_modes,
      (reader) => [...reader.opaque(1, 1)],
      writeU8List,
    ),
    certificateAuthorities,
    keyShares,
    connectionId,
    returnRoutabilityCheck,
    pake: pakeClientHello,
    asksPakeParameters: flagExtension(ExtensionType.pake_parameters),
    // "MUST be the last extension in the ClientHello" (RFC 9846 §4.2.11)
    preSharedKey: offeredPsks,
  },
  [ExtensionType.padding, ExtensionType.post_handshake_auth],
  "decode_error",
);

export const serverHelloBlock: ExtensionBlock<ServerHelloExtensions> = new ExtensionBlock({
  supportedVersion,
  keyShare: codec<KeyShareEntry>(ExtensionType.key_share, readKeyShare, writeKeyShare),
  selectedIdentity: u16Extension(ExtensionType.pre_shared_key),
  connectionId,
  returnRoutabilityCheck,
  pake: codec<PakeShare>(ExtensionType.pake, readPakeShare, writePakeShare),
});

export const helloRetryRequestBlock: ExtensionBlock<HelloRetryRequestExtensions> = new ExtensionBlock({
  supportedVersion,
  selectedGroup: u16Extension(ExtensionType.key_share),
  cookie,
  pakeParameters,
});

export const encryptedExtensionsBlock: ExtensionBlock<EncryptedExtensionsExtensions> = new ExtensionBlock(
  {
    serverName: flagExtension(ExtensionType.server_name),
    supportedGroups,
    applicationProtocol,
    clientCertificateType: certificateType(ExtensionType.client_certificate_type),
    serverCertificateType: certificateType(ExtensionType.server_certificate_type),
    recordSizeLimit,
    earlyData,
  },
  [],
  "decode_error",
);

export const certificateRequestBlock: ExtensionBlock<CertificateRequestExtensions> = new ExtensionBlock(
  { signatureAlgorithms, signatureAlgorithmsCert, certificateAuthorities },
  [ExtensionType.server_name, ExtensionType.oid_filters],
);

/** No extension of certificates is asked for, so none may come. */
export const certificateEntryBlock: ExtensionBlock<Extensions> = new ExtensionBlock({});

export const newSessionTicketBlock: ExtensionBlock<NewSessionTicketExtensions> = new ExtensionBlock({
  maxEarlyDataSize: codec<number>(
    ExtensionType.early_data,
    (reader) => reader.u32(),
    (writer, size) => writer.u32(size),
  ),
});
