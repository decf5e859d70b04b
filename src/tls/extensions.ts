/** The extensions of DTLS 1.3's messages: what each holds, and in which messages it may appear (RFC 9846 §4.3). */
import type { Bytes } from "../core/bytes.ts";
import { ExtensionType } from "./codepoints.ts";
import { ExtensionBlock, type Extensions } from "./extension-block.ts";
import {
  applicationProtocol,
  applicationProtocols,
  certificateAuthorities,
  certificateType,
  certificateTypes,
  codec,
  connectionId,
  cookie,
  earlyData,
  flagExtension,
  keyShares,
  offeredPsks,
  pakeClientHello,
  pakeParameters,
  readKeyShare,
  readPakeShare,
  recordSizeLimit,
  returnRoutabilityCheck,
  serverName,
  signatureAlgorithms,
  signatureAlgorithmsCert,
  supportedGroups,
  supportedVersion,
  u16Extension,
  u16ListExtension,
  writeKeyShare,
  writePakeShare,
  writeU8List,
} from "./extension-codecs.ts";

/** KeyShareEntry (RFC 9846 §4.3.8). */
export interface KeyShareEntry {
  readonly group: number;
  readonly keyExchange: Bytes;
}

/** PskIdentity (RFC 9846 §4.3.11). */
export interface PskIdentity {
  readonly identity: Bytes;
  /** Milliseconds plus ticket_age_add modulo 2^32; 0 for an external PSK. */
  readonly obfuscatedTicketAge: number;
}

/** OfferedPsks (RFC 9846 §4.3.11): as many binders as identities, in the same order. */
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
 * A HelloRetryRequest may have extensions "first offered by the client in its ClientHello" (RFC 9846 §4.2.4), and a
 * second ClientHello may have changes "allowed by an extension defined in the future and present in the
 * HelloRetryRequest" (§4.2.2): this extension allows shares in `pake`, and no other change. Peers without it are not
 * affected: servers ignore it, and clients that know their w0 and w1 do not send it.
 *
 * Nobody vouches for the answer before the server's confirmation does: whoever changes it makes the login fail.
 */
export interface PakeParameters {
  /** The registration's salt, and its rounds of PBKDF2. */
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
    // "MUST be the last extension in the ClientHello" (RFC 9846 §4.3.11)
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
