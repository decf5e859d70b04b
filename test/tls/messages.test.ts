import { describe, expect, test } from "vitest";
import type { Bytes } from "../../src/core/bytes.ts";
import type { AlertName } from "../../src/errors.ts";
import { decodeAck } from "../../src/tls/ack.ts";
import { decodeAlert, encodeAlert } from "../../src/tls/alerts.ts";
import { CertificateType, ExtensionType, HandshakeType, PakeScheme } from "../../src/tls/codepoints.ts";
import type { RawExtension } from "../../src/tls/extension-block.ts";
import {
  decodeClientHello,
  decodeServerHello,
  encodeClientHello,
  encodeServerHello,
} from "../../src/tls/hello.ts";
import { encodeMessage } from "../../src/tls/message.ts";
import {
  decodeCertificate,
  decodeCertificateRequest,
  decodeEncryptedExtensions,
  encodeEncryptedExtensions,
} from "../../src/tls/messages.ts";
import {
  decodeKeyUpdate,
  decodeNewConnectionId,
  decodeNewSessionTicket,
  encodeNewSessionTicket,
} from "../../src/tls/post-handshake.ts";
import type { Writer } from "../../src/tls/wire.ts";
import { fromHex, toHex } from "./provider.ts";
import rfc8448 from "./vectors/rfc8448.json" with { type: "json" };

const every = new Set<number>(Object.values(ExtensionType));
const random = new Uint8Array(32);

function raw(type: number, hex = ""): RawExtension {
  return { type, data: fromHex(hex) };
}

function writeRaw(writer: Writer, extensions: readonly RawExtension[]): void {
  writer.vector(2, (block) => {
    for (const { type, data } of extensions) block.u16(type).opaque(2, data);
  });
}

function clientHello(extensions: readonly RawExtension[]): Bytes {
  return encodeMessage(HandshakeType.client_hello, (body) => {
    body.u16(0xfefd).bytes(random).u16(0).u16Vector(2, [0x1303]).u16(0x0100);
    writeRaw(body, extensions);
  });
}

const selectedVersion = raw(ExtensionType.supported_versions, "fefc");

function serverHello(extensions: readonly RawExtension[], from: Uint8Array = random): Bytes {
  return encodeMessage(HandshakeType.server_hello, (body) => {
    body.u16(0xfefd).bytes(from).u8(0).u16(0x1303).u8(0);
    writeRaw(body, extensions);
  });
}

const retryRandom = fromHex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c");
const retry = (extensions: readonly RawExtension[]): Bytes => serverHello(extensions, retryRandom);

function encryptedExtensions(extensions: readonly RawExtension[]): Bytes {
  return encodeMessage(HandshakeType.encrypted_extensions, (body) => writeRaw(body, extensions));
}

function certificateRequest(extensions: readonly RawExtension[]): Bytes {
  return encodeMessage(HandshakeType.certificate_request, (body) => writeRaw(body.u8(0), extensions));
}

function certificate(extensions: readonly RawExtension[]): Bytes {
  return encodeMessage(HandshakeType.certificate, (body) =>
    body.u8(0).vector(3, (list) => writeRaw(list.opaque(3, Uint8Array.of(1)), extensions)),
  );
}

function ticket(extensions: readonly RawExtension[]): Bytes {
  return encodeMessage(HandshakeType.new_session_ticket, (body) =>
    writeRaw(body.u32(1).u32(2).u8(0).opaque(2, Uint8Array.of(1)), extensions),
  );
}

function expectAlert(act: () => unknown, alert: AlertName): void {
  expect(act).toThrow(expect.objectContaining({ name: "SealgramError", alert }));
}

const grease = raw(0xcaca, "00");

describe("the alert that answers a fault in", () => {
  const decode = {
    ClientHello: (extensions: readonly RawExtension[]) => decodeClientHello(clientHello(extensions)),
    ServerHello: (extensions: readonly RawExtension[]) =>
      decodeServerHello(serverHello([selectedVersion, ...extensions]), every),
    HelloRetryRequest: (extensions: readonly RawExtension[]) =>
      decodeServerHello(retry([selectedVersion, ...extensions]), every),
    EncryptedExtensions: (extensions: readonly RawExtension[]) =>
      decodeEncryptedExtensions(encryptedExtensions(extensions), every),
    CertificateRequest: (extensions: readonly RawExtension[]) =>
      decodeCertificateRequest(certificateRequest(extensions)),
    Certificate: (extensions: readonly RawExtension[]) => decodeCertificate(certificate(extensions), every),
    NewSessionTicket: (extensions: readonly RawExtension[]) => decodeNewSessionTicket(ticket(extensions)),
  };
  const cases: [keyof typeof decode, string, AlertName, RawExtension[]][] = [
    ["ClientHello", "an extension that appears twice", "decode_error", [grease, grease]],
    ["EncryptedExtensions", "an extension that appears twice", "decode_error", [grease, grease]],
    ["ServerHello", "an extension that appears twice", "illegal_parameter", [selectedVersion]],
    ["HelloRetryRequest", "an extension that appears twice", "illegal_parameter", [selectedVersion]],
    ["CertificateRequest", "an extension that appears twice", "illegal_parameter", [grease, grease]],
    ["NewSessionTicket", "an extension that appears twice", "illegal_parameter", [grease, grease]],
    ["Certificate", "an extension that appears twice", "illegal_parameter", [grease, grease]],
    ["ServerHello", "an unknown extension", "unsupported_extension", [grease]],
    ["HelloRetryRequest", "an unknown extension", "unsupported_extension", [grease]],
    ["EncryptedExtensions", "an unknown extension", "unsupported_extension", [grease]],
    ["Certificate", "an unknown extension", "unsupported_extension", [grease]],
    ["ClientHello", "an extension of CertificateRequest", "illegal_parameter", [raw(48, "0000")]],
    ["ServerHello", "an extension of ClientHello", "illegal_parameter", [raw(45, "0101")]],
    ["HelloRetryRequest", "an extension of ServerHello", "illegal_parameter", [raw(41, "0000")]],
    ["EncryptedExtensions", "an extension of ServerHello", "illegal_parameter", [raw(51, "001d0001aa")]],
    ["CertificateRequest", "an extension of ClientHello", "illegal_parameter", [raw(51, "0000")]],
    ["Certificate", "an extension of ClientHello", "illegal_parameter", [raw(51, "0000")]],
    ["NewSessionTicket", "an extension of ClientHello", "illegal_parameter", [raw(51, "0000")]],
    ["ClientHello", "a PSK that is not last", "illegal_parameter", [raw(41, ""), grease]],
    ["ClientHello", "PSKs without binders", "decode_error", [raw(41, "000700010100000000" + "0000")]],
    [
      "ClientHello",
      "fewer binders than PSKs",
      "illegal_parameter",
      [raw(41, "000e0001010000000000010200000000" + "00020103")],
    ],
    [
      "ClientHello",
      "more binders than PSKs",
      "illegal_parameter",
      [raw(41, "000700010100000000" + "000401030103")],
    ],
    ["ClientHello", "an empty binder", "decode_error", [raw(41, "000700010100000000" + "000100")]],
    ["ClientHello", "an empty PSK identity", "decode_error", [raw(41, "0006000000000000" + "00020103")]],
    ["ClientHello", "an odd list of groups", "decode_error", [raw(10, "0003001d00")]],
    ["ClientHello", "an empty list of groups", "decode_error", [raw(10, "0000")]],
    ["ClientHello", "an empty list of versions", "decode_error", [raw(43, "00")]],
    ["ClientHello", "an empty list of signature schemes", "decode_error", [raw(13, "0000")]],
    ["ClientHello", "no extension data at all", "decode_error", [raw(10, "")]],
    ["ClientHello", "an empty key share", "decode_error", [raw(51, "0004001d0000")]],
    ["ClientHello", "an empty cookie", "decode_error", [raw(44, "0000")]],
    ["HelloRetryRequest", "an empty cookie", "decode_error", [raw(44, "0000")]],
    ["ClientHello", "no PSK modes", "decode_error", [raw(45, "00")]],
    ["ClientHello", "early_data with contents", "decode_error", [raw(42, "00")]],
    ["ClientHello", "rrc with contents", "decode_error", [raw(61, "00")]],
    ["ClientHello", "data after an extension", "decode_error", [raw(45, "010100")]],
    ["ClientHello", "an empty list of certificate types", "illegal_parameter", [raw(19, "00")]],
    ["ClientHello", "a list of X.509 only", "illegal_parameter", [raw(20, "0100")]],
    ["ClientHello", "a record size limit of 63", "illegal_parameter", [raw(28, "003f")]],
    ["ClientHello", "an empty protocol name", "decode_error", [raw(16, "000100")]],
    ["ClientHello", "an empty list of protocols", "decode_error", [raw(16, "0000")]],
    ["EncryptedExtensions", "two selected protocols", "decode_error", [raw(16, "0004016101" + "62")]],
    ["EncryptedExtensions", "a server name with contents", "decode_error", [raw(0, "00")]],
    [
      "ClientHello",
      "a server name list of the wrong length",
      "decode_error",
      [raw(0, "0008000006736572766572")],
    ],
    ["ClientHello", "an empty server name", "decode_error", [raw(0, "0003000000")]],
    ["ClientHello", "a server name of another type", "decode_error", [raw(0, "000401000161")]],
    ["ClientHello", "a server name with a zero byte", "illegal_parameter", [raw(0, "000400000100")]],
    ["ClientHello", "empty certificate authorities", "decode_error", [raw(47, "0000")]],
    ["CertificateRequest", "empty certificate authorities", "decode_error", [raw(47, "0000")]],
    ["CertificateRequest", "no signature schemes", "decode_error", [raw(13, "0000")]],
    [
      "ClientHello",
      "PAKE shares out of order",
      "illegal_parameter",
      [raw(0x8a3b, "00000000000a" + "00020001aa" + "00010001aa")],
    ],
    [
      "ClientHello",
      "a PAKE scheme twice",
      "illegal_parameter",
      [raw(0x8a3b, "00000000000a" + "00020001aa" + "00020001aa")],
    ],
    ["ClientHello", "an empty PAKE message", "decode_error", [raw(0x8a3b, "000000000004" + "00020000")]],
    ["NewSessionTicket", "early_data of the wrong length", "decode_error", [raw(42, "000000")]],
  ];
  test.each(cases)("%s: %s is %s", (message, _what, alert, extensions) => {
    expectAlert(() => decode[message](extensions), alert);
  });
});

describe("ClientHello", () => {
  test("unknown and GREASE extensions are kept, and ignored", () => {
    const { extensions } = decodeClientHello(clientHello([grease, raw(0xff01, "00"), raw(21, "0000")]));
    expect(extensions).toEqual({ unknown: [grease, raw(0xff01, "00"), raw(21, "0000")] });
  });

  test("may end before its extensions, as an old one does", () => {
    const message = encodeMessage(HandshakeType.client_hello, (body) =>
      body.u16(0xfefd).bytes(random).u16(0).u16Vector(2, [0x1303]).u16(0x0100),
    );
    expect(decodeClientHello(message).extensions).toEqual({});
  });

  test("a session ID of more than 32 bytes is decode_error", () => {
    const message = encodeMessage(HandshakeType.client_hello, (body) => {
      body.u16(0xfefd).bytes(random).opaque(1, new Uint8Array(33)).u8(0).u16Vector(2, [0x1303]).u16(0x0100);
      writeRaw(body, []);
    });
    expectAlert(() => decodeClientHello(message), "decode_error");
  });

  test("a binder shorter than any hash decodes, to be refused as one that does not match", () => {
    const { extensions } = decodeClientHello(
      clientHello([raw(41, `000700010100000000${"0020"}${"1f"}${"aa".repeat(31)}`)]),
    );
    expect(extensions.preSharedKey?.binders[0]).toHaveLength(31);
  });

  test("is encoded with the legacy fields of DTLS 1.3", () => {
    const message = encodeClientHello({
      random: new Uint8Array(32).fill(0xab),
      cipherSuites: [0x1303, 0x1301],
      extensions: {
        supportedVersions: [0xfefc],
        serverCertificateTypes: [CertificateType.RawPublicKey],
        connectionId: Uint8Array.of(5),
        pake: {
          clientIdentity: Uint8Array.of(0x61),
          serverIdentity: new Uint8Array(0),
          shares: [{ scheme: PakeScheme.SPAKE2PLUS_V1, message: Uint8Array.of(4, 5) }],
        },
      },
    });
    expect(toHex(message)).toBe(
      `01000052` + // client_hello, 82 bytes
        `fefd${"ab".repeat(32)}` +
        `00` + // legacy_session_id
        `00` + // legacy_cookie
        `0004${"1303"}${"1301"}` +
        `0100` + // legacy_compression_methods
        `0024` +
        `00140002${"0102"}` +
        `002b0003${"02fefc"}` +
        `00360002${"0105"}` +
        `8a3b000d${"000161"}${"0000"}${"0006"}${"7d96"}${"00020405"}`,
    );
  });

  test("a field too large for its length is the caller's mistake", () => {
    const hello = (extensions: Parameters<typeof encodeClientHello>[0]["extensions"]) => () =>
      encodeClientHello({ random, cipherSuites: [0x1303], extensions });
    expect(hello({ connectionId: new Uint8Array(256) })).toThrow(RangeError);
    expect(hello({ cookie: new Uint8Array(0x10000) })).toThrow(RangeError);
    expect(hello({ supportedGroups: [0x10000] })).toThrow(RangeError);
    expect(hello({ serverName: "ü€" })).toThrow(RangeError);
    expect(hello({ pskKeyExchangeModes: [-1] })).toThrow(RangeError);
    expect(() => encodeClientHello({ random: new Uint8Array(31), cipherSuites: [], extensions: {} })).toThrow(
      RangeError,
    );
  });
});

describe("the ClientHellos and answers of RFC 8448, made those of TLS", () => {
  test("the extensions of another implementation's ClientHello", () => {
    const tls = fromHex(rfc8448.simple.clientHello);
    // DTLS puts legacy_cookie behind legacy_session_id.
    const message = encodeMessage(HandshakeType.client_hello, (body) =>
      body.bytes(tls.subarray(4, 39)).u8(0).bytes(tls.subarray(39)),
    );
    const { extensions, cipherSuites } = decodeClientHello(message);
    expect(cipherSuites).toEqual([0x1301, 0x1303, 0x1302]);
    expect(extensions.serverName).toBe("server");
    expect(extensions.supportedGroups).toEqual([0x1d, 0x17, 0x18, 0x19, 0x100, 0x101, 0x102, 0x103, 0x104]);
    expect(extensions.keyShares?.map(({ group }) => group)).toEqual([0x1d]);
    expect(toHex(extensions.keyShares![0]!.keyExchange)).toBe(
      "99381de560e4bd43d23d8e435a7dbafeb3c06e51c13cae4d5413691e529aaf2c",
    );
    expect(extensions.supportedVersions).toEqual([0x0304]);
    expect(extensions.signatureAlgorithms?.slice(0, 4)).toEqual([0x0403, 0x0503, 0x0603, 0x0203]);
    expect(extensions.pskKeyExchangeModes).toEqual([1]);
    expect(extensions.recordSizeLimit).toBe(0x4001);
    expect(extensions.unknown?.map(({ type }) => type)).toEqual([0xff01, 35]);
  });

  test("EncryptedExtensions, Certificate", () => {
    const extensions = decodeEncryptedExtensions(fromHex(rfc8448.simple.encryptedExtensions), every);
    expect(extensions.serverName).toBe(true);
    expect(extensions.recordSizeLimit).toBe(0x4001);
    expect(extensions.supportedGroups).toHaveLength(9);
    const { certificates } = decodeCertificate(fromHex(rfc8448.simple.certificate), every);
    expect(certificates.map(({ length }) => length)).toEqual([432]);
  });
});

describe("ServerHello", () => {
  test("an answer to nothing is unsupported_extension, before its contents are looked at", () => {
    const offered = new Set<number>([ExtensionType.supported_versions]);
    const decode = (extension: RawExtension) => () =>
      decodeServerHello(serverHello([selectedVersion, extension]), offered);
    for (const type of [51, 41, 54, 61, 0x8a3b, 0, 16])
      expectAlert(decode(raw(type)), "unsupported_extension");
    const extensions = [raw(0), raw(16), raw(19), raw(20), raw(28), raw(42)];
    for (const extension of extensions) {
      expectAlert(
        () => decodeEncryptedExtensions(encryptedExtensions([extension]), offered),
        "unsupported_extension",
      );
    }
    expectAlert(() => decodeCertificate(certificate([raw(5)]), offered), "unsupported_extension");
  });

  test("HelloRetryRequest may bring a cookie unasked, ServerHello may not", () => {
    const offered = new Set<number>([ExtensionType.supported_versions]);
    const cookie = raw(44, "000101");
    expect(decodeServerHello(retry([selectedVersion, cookie]), offered)).toMatchObject({
      kind: "hello_retry_request",
      extensions: { cookie: Uint8Array.of(1) },
    });
    expectAlert(
      () => decodeServerHello(serverHello([selectedVersion, cookie]), offered),
      "unsupported_extension",
    );
    expectAlert(
      () => decodeServerHello(retry([selectedVersion, raw(51, "001d")]), offered),
      "unsupported_extension",
    );
  });

  test("of an older version is protocol_version, and illegal_parameter if it hides a downgrade", () => {
    expectAlert(() => decodeServerHello(serverHello([]), every), "protocol_version");
    expectAlert(() => decodeServerHello(serverHello([grease]), every), "protocol_version");
    const hello = encodeServerHello({
      random,
      cipherSuite: 0x1303,
      extensions: { supportedVersion: 0xfefc },
    });
    hello[5] = 0xff;
    expectAlert(() => decodeServerHello(hello, every), "protocol_version");
    for (const last of [0, 1]) {
      const downgraded = new Uint8Array(32);
      downgraded.set([0x44, 0x4f, 0x57, 0x4e, 0x47, 0x52, 0x44, last], 24);
      expectAlert(() => decodeServerHello(serverHello([], downgraded), every), "illegal_parameter");
    }
    const old = encodeMessage(HandshakeType.server_hello, (body) =>
      body.u16(0xfefd).bytes(random).u8(0).u16(0xc02b).u8(0),
    );
    expectAlert(() => decodeServerHello(old, every), "protocol_version");
  });
});

describe("messages after the handshake", () => {
  test("KeyUpdate and NewConnectionId with values that are none are illegal_parameter", () => {
    expectAlert(() => decodeKeyUpdate(fromHex("1800000102")), "illegal_parameter");
    expectAlert(() => decodeKeyUpdate(fromHex("18000000")), "decode_error");
    expectAlert(() => decodeKeyUpdate(fromHex("180000020000")), "decode_error");
    expectAlert(() => decodeNewConnectionId(fromHex("0a00000500020109" + "02")), "illegal_parameter");
    expect(decodeNewConnectionId(fromHex("0a00000500020109" + "00"))).toEqual({
      cids: [Uint8Array.of(9)],
      usage: "immediate",
    });
  });

  test("an empty ticket is decode_error; a lifetime beyond seven days is not ours to send", () => {
    const empty = encodeMessage(HandshakeType.new_session_ticket, (body) =>
      writeRaw(body.u32(1).u32(2).u8(0).u16(0), []),
    );
    expectAlert(() => decodeNewSessionTicket(empty), "decode_error");
    const fields = { ageAdd: 0, nonce: new Uint8Array(1), ticket: new Uint8Array(1), extensions: {} };
    expect(() => encodeNewSessionTicket({ lifetimeSeconds: 604_801, ...fields })).toThrow(RangeError);
    expect(decodeNewSessionTicket(ticket([grease, raw(42, "00000400")])).extensions).toEqual({
      unknown: [grease],
      maxEarlyDataSize: 0x400,
    });
  });
});

describe("ACK", () => {
  test("of a record number beyond 2^48 is illegal_parameter, of half a record number decode_error", () => {
    const last = "0000ffffffffffff";
    expect(decodeAck(fromHex(`0010${last}${last}`))).toEqual([
      { epoch: 2 ** 48 - 1, sequenceNumber: 2 ** 48 - 1 },
    ]);
    for (const beyond of ["0001000000000000", "ffffffffffffffff", "0020000000000001"]) {
      expectAlert(() => decodeAck(fromHex(`0010${beyond}${last}`)), "illegal_parameter");
      expectAlert(() => decodeAck(fromHex(`0010${last}${beyond}`)), "illegal_parameter");
    }
    expectAlert(() => decodeAck(fromHex(`000f${last}${last.slice(2)}`)), "decode_error");
    expectAlert(() => decodeAck(fromHex(`0010${last}${last}00`)), "decode_error");
  });
});

describe("alerts", () => {
  test("only closing is a warning", () => {
    expect(toHex(encodeAlert("close_notify"))).toBe("0100");
    expect(toHex(encodeAlert("user_canceled"))).toBe("015a");
    expect(toHex(encodeAlert("too_many_cids_requested"))).toBe("0234");
  });

  test("any level but the two, and any other length, is refused; an unknown description is not", () => {
    expect(decodeAlert(fromHex("0132"))).toEqual({ description: 50, name: "decode_error" });
    expect(decodeAlert(fromHex("02fa"))).toEqual({ description: 250, name: undefined });
    expectAlert(() => decodeAlert(fromHex("0300")), "illegal_parameter");
    expectAlert(() => decodeAlert(fromHex("02")), "decode_error");
    expectAlert(() => decodeAlert(fromHex("020000")), "decode_error");
  });
});

test("a message with no extension block where one has to be is decode_error", () => {
  expectAlert(() => decodeEncryptedExtensions(fromHex("08000000"), every), "decode_error");
  expect(decodeEncryptedExtensions(encodeEncryptedExtensions({}), every)).toEqual({});
});
