/** What each extension of DTLS 1.3's messages holds (RFC 9846 §4.3). */
import type { Bytes } from "../core/bytes.ts";
import { CertificateType, ExtensionType } from "./codepoints.ts";
import type { ExtensionCodec } from "./extension-block.ts";
import type { KeyShareEntry, OfferedPsks, PakeClientHello, PakeParameters, PakeShare } from "./extensions.ts";
import { fault, malformed, type Reader, type Writer } from "./wire.ts";

export function codec<T>(
  type: ExtensionType,
  read: (reader: Reader) => T,
  write: (writer: Writer, value: T) => void,
): ExtensionCodec<T> {
  return { type, read, write };
}

export const u16Extension = (type: ExtensionType): ExtensionCodec<number> =>
  codec(
    type,
    (reader) => reader.u16(),
    (writer, value) => writer.u16(value),
  );

export const u16ListExtension = (type: ExtensionType, prefix: 1 | 2): ExtensionCodec<readonly number[]> =>
  codec(
    type,
    (reader) => reader.u16Vector(prefix),
    (writer, values) => writer.u16Vector(prefix, values),
  );

export const flagExtension = (type: ExtensionType): ExtensionCodec<true> =>
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

export function writeU8List(writer: Writer, values: readonly number[]): void {
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
export const serverName: ExtensionCodec<string> = codec(
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
export const applicationProtocols: ExtensionCodec<readonly string[]> = codec(
  ExtensionType.application_layer_protocol_negotiation,
  (reader) => readAll(reader.vector(2, 2), (list) => toText(list.opaque(1, 1))),
  (writer, names) =>
    writer.vector(2, (list) => {
      for (const name of names) list.opaque(1, fromText(name));
    }),
);

/** "MUST contain exactly one ProtocolName" */
export const applicationProtocol: ExtensionCodec<string> = codec(
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
export const certificateTypes = (type: ExtensionType): ExtensionCodec<readonly number[]> =>
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

export const certificateType = (type: ExtensionType): ExtensionCodec<number> =>
  codec(
    type,
    (reader) => reader.u8(),
    (writer, value) => writer.u8(value),
  );

/** RFC 8449 §4 */
export const recordSizeLimit: ExtensionCodec<number> = codec(
  ExtensionType.record_size_limit,
  (reader) => {
    const limit = reader.u16();
    if (limit < 64)
      throw fault("illegal_parameter", "invalid_record_size_limit", "record_size_limit below 64");
    return limit;
  },
  (writer, limit) => writer.u16(limit),
);

export const cookie: ExtensionCodec<Bytes> = codec(
  ExtensionType.cookie,
  (reader) => reader.opaque(2, 1),
  (writer, value) => writer.opaque(2, value),
);

export const certificateAuthorities: ExtensionCodec<readonly Bytes[]> = codec(
  ExtensionType.certificate_authorities,
  (reader) => readAll(reader.vector(2, 3), (list) => list.opaque(2, 1)),
  (writer, names) =>
    writer.vector(2, (list) => {
      for (const name of names) list.opaque(2, name);
    }),
);

export function readKeyShare(reader: Reader): KeyShareEntry {
  return { group: reader.u16(), keyExchange: reader.opaque(2, 1) };
}

export function writeKeyShare(writer: Writer, { group, keyExchange }: KeyShareEntry): void {
  writer.u16(group).opaque(2, keyExchange);
}

export const keyShares: ExtensionCodec<readonly KeyShareEntry[]> = codec(
  ExtensionType.key_share,
  (reader) => readAll(reader.vector(2), readKeyShare),
  (writer, shares) =>
    writer.vector(2, (list) => {
      for (const share of shares) writeKeyShare(list, share);
    }),
);

export const connectionId: ExtensionCodec<Bytes> = codec(
  ExtensionType.connection_id,
  (reader) => reader.opaque(1),
  (writer, cid) => writer.opaque(1, cid),
);

/**
 * Binders shorter than the 32 bytes of the syntax are let through: they match no hash, and a binder that does
 * not match is what the peer is told of (decrypt_error).
 */
export const offeredPsks: ExtensionCodec<OfferedPsks> = codec(
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

export function readPakeShare(reader: Reader): PakeShare {
  return { scheme: reader.u16(), message: reader.opaque(2, 1) };
}

export function writePakeShare(writer: Writer, { scheme, message }: PakeShare): void {
  writer.u16(scheme).opaque(2, message);
}

export const pakeClientHello: ExtensionCodec<PakeClientHello> = codec(
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

export const pakeParameters: ExtensionCodec<PakeParameters> = codec(
  ExtensionType.pake_parameters,
  (reader) => ({ salt: reader.opaque(1, 16), iterations: reader.u32() }),
  (writer, { salt, iterations }) => writer.opaque(1, salt).u32(iterations),
);

export const supportedGroups: ExtensionCodec<readonly number[]> = u16ListExtension(
  ExtensionType.supported_groups,
  2,
);
export const signatureAlgorithms: ExtensionCodec<readonly number[]> = u16ListExtension(
  ExtensionType.signature_algorithms,
  2,
);
export const signatureAlgorithmsCert: ExtensionCodec<readonly number[]> = u16ListExtension(
  ExtensionType.signature_algorithms_cert,
  2,
);
export const supportedVersion: ExtensionCodec<number> = u16Extension(ExtensionType.supported_versions);
export const earlyData: ExtensionCodec<true> = flagExtension(ExtensionType.early_data);
export const returnRoutabilityCheck: ExtensionCodec<true> = flagExtension(ExtensionType.rrc);
