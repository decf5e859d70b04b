import { describe, expect, test } from "vitest";
import type { Bytes } from "../../src/core/bytes.ts";
import type { AlertName } from "../../src/errors.ts";
import {
  checkApplicationProtocol,
  checkCertificate,
  checkCertificateRequest,
  checkCertificateType,
  checkHelloRetryRequest,
  checkServerHello,
  checkSignatureScheme,
} from "../../src/tls/client-checks.ts";
import { CertificateType } from "../../src/tls/codepoints.ts";
import type { ClientHelloExtensions, PakeParameters } from "../../src/tls/extensions.ts";
import {
  type ClientHello,
  type ClientHelloParameters,
  decodeClientHello,
  encodeClientHello,
  type HelloRetryRequest,
  type ServerHello,
} from "../../src/tls/hello.ts";
import { checkRetriedClientHello, retryFingerprint } from "../../src/tls/retry.ts";
import {
  acceptsPskWithDhe,
  checkClientHello,
  selectApplicationProtocol,
  selectCertificateType,
  selectCipherSuite,
  selectGroup,
  selectSignatureScheme,
} from "../../src/tls/server-choices.ts";
import { crypto } from "./provider.ts";

const x25519 = 0x1d;
const p256 = 0x17;
const nothing = new Uint8Array(0);
const one = Uint8Array.of(1);
const share = (group: number) => ({ group, keyExchange: one });

const extensions: ClientHelloExtensions = {
  supportedVersions: [0xfefc],
  supportedGroups: [x25519, p256],
  signatureAlgorithms: [0x0403],
  keyShares: [share(x25519)],
};
const offer: ClientHelloParameters = {
  random: new Uint8Array(32),
  cipherSuites: [0x1303, 0x1301, 0x1302],
  extensions,
};
const preSharedKey = {
  identities: [
    { identity: one, obfuscatedTicketAge: 0 },
    { identity: one, obfuscatedTicketAge: 0 },
  ],
  binders: [one, one],
};
const pake = { clientIdentity: nothing, serverIdentity: nothing, shares: [{ scheme: 0x7d96, message: one }] };

function expectAlert(act: () => unknown, alert: AlertName): void {
  expect(act).toThrow(expect.objectContaining({ name: "SealgramError", alert }));
}

describe("checkClientHello", () => {
  const hello = (change: Partial<ClientHello> = {}, changed: ClientHelloExtensions = {}): ClientHello => ({
    legacyVersion: 0xfefd,
    legacySessionId: nothing,
    legacyCookie: nothing,
    legacyCompressionMethods: Uint8Array.of(0),
    ...offer,
    ...change,
    extensions: { ...extensions, ...changed },
  });
  const check = (change: Partial<ClientHello>, changed?: ClientHelloExtensions) => () =>
    checkClientHello(hello(change, changed));

  test("takes what is of DTLS 1.3: certificates, PSKs, or a PAKE with and without a key exchange", () => {
    expect(check({})).not.toThrow();
    expect(check({ legacySessionId: one })).not.toThrow();
    expect(check({}, { supportedVersions: [0x1a1a, 0xfefd, 0xfefc] })).not.toThrow();
    expect(check({}, { keyShares: [] })).not.toThrow();
    const withPsk = { preSharedKey, pskKeyExchangeModes: [1], signatureAlgorithms: undefined };
    expect(check({}, withPsk)).not.toThrow();
    expect(check({}, { ...withPsk, supportedGroups: undefined, keyShares: undefined })).not.toThrow();
    const withPake = { pake, signatureAlgorithms: undefined };
    expect(check({}, withPake)).not.toThrow();
    expect(check({}, { ...withPake, supportedGroups: undefined, keyShares: undefined })).not.toThrow();
  });

  test("older versions are protocol_version", () => {
    expectAlert(check({}, { supportedVersions: undefined }), "protocol_version");
    expectAlert(check({}, { supportedVersions: [0xfefd, 0x0304] }), "protocol_version");
    expectAlert(check({ legacyVersion: 0xfeff }), "protocol_version");
  });

  test("legacy fields with anything in them are illegal_parameter", () => {
    expectAlert(check({ legacyCookie: one }), "illegal_parameter");
    expectAlert(check({ legacyCompressionMethods: Uint8Array.of(1) }), "illegal_parameter");
    expectAlert(check({ legacyCompressionMethods: Uint8Array.of(0, 1) }), "illegal_parameter");
  });

  test("what RFC 9846 §9.2 requires and is not there is missing_extension", () => {
    for (const absent of ["supportedGroups", "signatureAlgorithms", "keyShares"] as const) {
      expectAlert(check({}, { [absent]: undefined }), "missing_extension");
    }
    expectAlert(check({}, { supportedGroups: undefined, keyShares: undefined }), "missing_extension");
    expectAlert(check({}, { preSharedKey }), "missing_extension");
  });

  test("two shares of a group, or one of a group that is not supported, are illegal_parameter", () => {
    expectAlert(check({}, { keyShares: [share(x25519), share(x25519)] }), "illegal_parameter");
    expectAlert(check({}, { keyShares: [share(0x18)] }), "illegal_parameter");
    expect(check({}, { keyShares: [share(p256), share(x25519)] })).not.toThrow();
  });
});

describe("the choices of a server", () => {
  test("the suite: the server's order, and only of a PSK's hash", () => {
    const preferred = [0x1301, 0x1303, 0x1302] as const;
    expect(selectCipherSuite([0x0a0a, 0x1303, 0x1301], preferred).name).toBe("TLS_AES_128_GCM_SHA256");
    expect(selectCipherSuite([0x1301, 0x1302], preferred, "SHA-384").name).toBe("TLS_AES_256_GCM_SHA384");
    expectAlert(() => selectCipherSuite([0x1301], preferred, "SHA-384"), "handshake_failure");
    expectAlert(() => selectCipherSuite([0xc0b4], preferred), "handshake_failure");
    expectAlert(() => selectCipherSuite([], preferred), "handshake_failure");
    expect(selectCipherSuite([0xc0b4], [...preferred, 0xc0b4]).protection).toBe("hmac-sha256");
  });

  test("the group: the server's order, asking for a share that is not there", () => {
    expect(selectGroup(extensions, [x25519, p256])).toEqual({ group: x25519, share: share(x25519) });
    expect(selectGroup(extensions, [p256, x25519])).toEqual({ group: p256, share: undefined });
    expectAlert(() => selectGroup(extensions, [0x11ec]), "handshake_failure");
    expectAlert(() => selectGroup({}, [x25519]), "missing_extension");
  });

  test("PSKs only with (EC)DHE", () => {
    expect(acceptsPskWithDhe({ pskKeyExchangeModes: [0, 1] })).toBe(true);
    expect(acceptsPskWithDhe({ pskKeyExchangeModes: [0, 0x2a] })).toBe(false);
    expect(acceptsPskWithDhe({})).toBe(false);
  });

  test("signature scheme, application protocol and certificate type", () => {
    expect(selectSignatureScheme([0x0804, 0x0403, 0x0807], [0x0807, 0x0403])).toBe(0x0807);
    expectAlert(() => selectSignatureScheme([0x0804], [0x0807]), "handshake_failure");
    expectAlert(() => selectSignatureScheme(undefined, [0x0807]), "missing_extension");
    expect(selectApplicationProtocol(["a", "b"], ["c", "b", "a"])).toBe("b");
    expect(selectApplicationProtocol(undefined, ["a"])).toBeUndefined();
    expect(selectApplicationProtocol(["a"], undefined)).toBeUndefined();
    expectAlert(() => selectApplicationProtocol(["a"], ["b"]), "no_application_protocol");
    const { X509, RawPublicKey } = CertificateType;
    expect(selectCertificateType([X509, RawPublicKey], [RawPublicKey])).toBe(RawPublicKey);
    expect(selectCertificateType(undefined, [RawPublicKey, X509])).toBe(X509);
    expectAlert(() => selectCertificateType(undefined, [RawPublicKey]), "unsupported_certificate");
    expectAlert(() => selectCertificateType([1], [X509, RawPublicKey]), "unsupported_certificate");
  });
});

describe("the second ClientHello", () => {
  const check = (
    change: ClientHelloExtensions,
    asked: { selectedGroup?: number; cookie?: Bytes; pakeParameters?: PakeParameters },
    other: Partial<ClientHelloParameters> = {},
    before: ClientHelloExtensions = {},
  ) => {
    const request = { selectedGroup: asked.selectedGroup, pakeParameters: asked.pakeParameters };
    const first = encodeClientHello({ ...offer, extensions: { ...extensions, ...before } });
    const second = encodeClientHello({
      ...offer,
      ...other,
      extensions: { ...extensions, ...before, ...change },
    });
    return () =>
      checkRetriedClientHello(decodeClientHello(second), retryFingerprint(crypto, second, request), {
        selectedGroup: asked.selectedGroup,
        cookie: asked.cookie,
        fingerprint: retryFingerprint(crypto, first, request),
      });
  };

  test("may bring the share, the cookie, padding and other PSKs", () => {
    expect(check({ keyShares: [share(p256)] }, { selectedGroup: p256 })).not.toThrow();
    expect(check({ cookie: one }, { cookie: one })).not.toThrow();
    const padding = [{ type: 21, data: new Uint8Array(9) }];
    const more = { keyShares: [share(p256)], cookie: one, unknown: padding, preSharedKey };
    expect(check(more, { selectedGroup: p256, cookie: one })).not.toThrow();
  });

  test("has exactly the one share that was asked for", () => {
    const asked = { selectedGroup: p256 };
    expectAlert(check({}, asked), "illegal_parameter");
    expectAlert(check({ keyShares: [] }, asked), "illegal_parameter");
    expectAlert(check({ keyShares: [share(p256), share(x25519)] }, asked), "illegal_parameter");
    expectAlert(check({ keyShares: undefined }, asked), "missing_extension");
  });

  test("has the cookie that was sent, and none otherwise", () => {
    expectAlert(check({}, { cookie: one }), "missing_extension");
    expectAlert(check({ cookie: Uint8Array.of(2) }, { cookie: one }), "illegal_parameter");
    const asked = { selectedGroup: p256 };
    expectAlert(check({ keyShares: [share(p256)], cookie: one }, asked), "illegal_parameter");
  });

  test("has a PAKE share for the same identities where salt and rounds were told, and only there", () => {
    const pakeParameters = { salt: new Uint8Array(16), iterations: 600_000 };
    const message = Uint8Array.of(1);
    const asking = { clientIdentity: one, serverIdentity: nothing, shares: [] };
    const before: ClientHelloExtensions = { pake: asking, asksPakeParameters: true };
    const pake = { ...asking, shares: [{ scheme: 0x7d96, message }] };
    expect(check({ pake }, { pakeParameters }, {}, before)).not.toThrow();
    expectAlert(check({ pake }, {}, {}, before), "illegal_parameter");
    for (const change of [
      { pake: { ...pake, clientIdentity: Uint8Array.of(2) } },
      { pake: { ...pake, clientIdentity: nothing, serverIdentity: one } },
      { pake: undefined },
      { pake, asksPakeParameters: undefined },
    ]) {
      expectAlert(check(change, { pakeParameters }, {}, before), "illegal_parameter");
    }
  });

  test("changes nothing else", () => {
    const cookie = { cookie: one };
    const changed = (change: ClientHelloExtensions, other?: Partial<ClientHelloParameters>) =>
      expectAlert(check({ cookie: one, ...change }, cookie, other), "illegal_parameter");
    changed({ keyShares: [share(p256)] });
    changed({ keyShares: [{ group: x25519, keyExchange: Uint8Array.of(2) }] });
    changed({ earlyData: true });
    changed({ supportedGroups: [x25519] });
    changed({ serverName: "other" });
    changed({ signatureAlgorithms: [0x0403, 0x0807] });
    changed({ unknown: [{ type: 0xcaca, data: nothing }] });
    changed({}, { random: new Uint8Array(32).fill(1) });
    changed({}, { cipherSuites: [0x1303] });
  });
});

describe("a client's checks", () => {
  const hello = (
    change: Partial<ServerHello["extensions"]> = {},
    other: Partial<ServerHello> = {},
  ): ServerHello => ({
    kind: "server_hello",
    random: new Uint8Array(32),
    legacySessionIdEcho: nothing,
    cipherSuite: 0x1303,
    legacyCompressionMethod: 0,
    extensions: { supportedVersion: 0xfefc, keyShare: share(x25519), ...change },
    ...other,
  });
  const retry = (
    change: Partial<HelloRetryRequest["extensions"]>,
    other: Partial<HelloRetryRequest> = {},
  ): HelloRetryRequest => ({
    kind: "hello_retry_request",
    legacySessionIdEcho: nothing,
    cipherSuite: 0x1303,
    legacyCompressionMethod: 0,
    extensions: { supportedVersion: 0xfefc, ...change },
    ...other,
  });

  test("HelloRetryRequest: it has to change something, and ask for what was offered", () => {
    expect(checkHelloRetryRequest(offer, retry({ cookie: one })).suite).toBe(0x1303);
    const pakeParameters = { salt: new Uint8Array(16), iterations: 600_000 };
    expect(checkHelloRetryRequest(offer, retry({ pakeParameters })).suite).toBe(0x1303);
    expect(checkHelloRetryRequest(offer, retry({ selectedGroup: p256 })).suite).toBe(0x1303);
    for (const wrong of [
      retry({}),
      retry({ selectedGroup: x25519 }),
      retry({ selectedGroup: 0x11ec }),
      retry({ cookie: one, supportedVersion: 0xfefd }),
      retry({ cookie: one }, { cipherSuite: 0xc0b4 }),
      retry({ cookie: one }, { cipherSuite: 0x1304 }),
      retry({ cookie: one }, { legacySessionIdEcho: one }),
      retry({ cookie: one }, { legacyCompressionMethod: 1 }),
    ]) {
      expectAlert(() => checkHelloRetryRequest(offer, wrong), "illegal_parameter");
    }
  });

  test("ServerHello: version, suite, legacy fields and the group of the share", () => {
    expect(checkServerHello(offer, hello(), []).name).toBe("TLS_CHACHA20_POLY1305_SHA256");
    for (const wrong of [
      hello({ supportedVersion: 0xfefd }),
      hello({ keyShare: share(p256) }),
      hello({}, { cipherSuite: 0x1304 }),
      hello({}, { legacySessionIdEcho: one }),
      hello({}, { legacyCompressionMethod: 1 }),
    ]) {
      expectAlert(() => checkServerHello(offer, wrong, []), "illegal_parameter");
    }
    expectAlert(() => checkServerHello(offer, hello({ keyShare: undefined }), []), "missing_extension");
    const other = retry({ cookie: one }, { cipherSuite: 0x1301 });
    expectAlert(() => checkServerHello(offer, hello(), [], other), "illegal_parameter");
    expect(() => checkServerHello(offer, hello(), [], retry({ cookie: one }))).not.toThrow();
  });

  test("ServerHello with a PSK: its index, its hash and its key share", () => {
    const psk: ClientHelloParameters = {
      ...offer,
      extensions: { ...extensions, signatureAlgorithms: undefined, preSharedKey },
    };
    const hashes = ["SHA-384", "SHA-256"] as const;
    expect(() => checkServerHello(psk, hello({ selectedIdentity: 1 }), hashes)).not.toThrow();
    for (const selectedIdentity of [0, 2, 0xffff]) {
      expectAlert(() => checkServerHello(psk, hello({ selectedIdentity }), hashes), "illegal_parameter");
    }
    const withoutDhe = hello({ selectedIdentity: 1, keyShare: undefined });
    expectAlert(() => checkServerHello(psk, withoutDhe, hashes), "illegal_parameter");
    expectAlert(() => checkServerHello(psk, hello(), hashes), "missing_extension");
  });

  test("ServerHello with a PAKE: the scheme that was offered, no PSK, and a key share or none", () => {
    const asked: ClientHelloParameters = {
      ...offer,
      extensions: { ...extensions, signatureAlgorithms: undefined, pake, preSharedKey },
    };
    const answer = { scheme: 0x7d96, message: one };
    expect(() => checkServerHello(asked, hello({ pake: answer }), [])).not.toThrow();
    expect(() => checkServerHello(asked, hello({ pake: answer, keyShare: undefined }), [])).not.toThrow();
    const wrong = { pake: { scheme: 1, message: one } };
    expectAlert(() => checkServerHello(asked, hello(wrong), []), "illegal_parameter");
    const both = hello({ pake: answer, selectedIdentity: 0 });
    expectAlert(() => checkServerHello(asked, both, ["SHA-256"]), "illegal_parameter");
    expectAlert(() => checkServerHello(asked, hello(), []), "missing_extension");
  });

  test("application protocol, certificate type and signature scheme are of those offered", () => {
    const asked = { ...offer, extensions: { ...extensions, applicationProtocols: ["a", "b"] } };
    expect(checkApplicationProtocol(asked, { applicationProtocol: "b" })).toBe("b");
    expect(checkApplicationProtocol(asked, {})).toBeUndefined();
    expectAlert(() => checkApplicationProtocol(asked, { applicationProtocol: "c" }), "illegal_parameter");
    const { X509, RawPublicKey } = CertificateType;
    expect(checkCertificateType([RawPublicKey, X509], undefined)).toBe(X509);
    expect(checkCertificateType([RawPublicKey], RawPublicKey)).toBe(RawPublicKey);
    expect(checkCertificateType(undefined, undefined)).toBe(X509);
    expectAlert(() => checkCertificateType([RawPublicKey], undefined), "unsupported_certificate");
    expectAlert(() => checkCertificateType([RawPublicKey, 1], 1), "unsupported_certificate");
    expectAlert(() => checkCertificateType(undefined, RawPublicKey), "unsupported_certificate");
    expect(checkSignatureScheme(0x0807, [0x0403, 0x0807])).toBe(0x0807);
    expectAlert(() => checkSignatureScheme(0x0804, [0x0403, 0x0807]), "illegal_parameter");
  });

  test("CertificateRequest and Certificate", () => {
    const request = { context: nothing, extensions: { signatureAlgorithms: [0x0403] } };
    expect(() => checkCertificateRequest(request)).not.toThrow();
    expectAlert(() => checkCertificateRequest({ ...request, context: one }), "illegal_parameter");
    expectAlert(() => checkCertificateRequest({ ...request, extensions: {} }), "missing_extension");
    const { X509, RawPublicKey } = CertificateType;
    const check =
      (count: number, type: CertificateType, sender: "client" | "server", context = nothing) =>
      () =>
        checkCertificate({ context, certificates: new Array(count).fill(one) }, type, sender);
    expect(check(2, X509, "server")).not.toThrow();
    expect(check(1, RawPublicKey, "server")).not.toThrow();
    expect(check(0, X509, "client")).not.toThrow();
    expectAlert(check(0, RawPublicKey, "server"), "decode_error");
    expectAlert(check(2, RawPublicKey, "client"), "illegal_parameter");
    expectAlert(check(1, X509, "server", one), "illegal_parameter");
  });
});
