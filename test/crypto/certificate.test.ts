import "reflect-metadata";
import { X509Certificate as NodeCertificate } from "node:crypto";
import {
  BasicConstraintsExtension,
  ExtendedKeyUsageExtension,
  Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  X509Certificate,
  X509CertificateGenerator,
} from "@peculiar/x509";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createCertificateVerifier } from "../../src/crypto/certificate.ts";
import {
  type CertificateDescription,
  type GeneratedCertificate,
  generateCertificate,
} from "../../src/crypto/certificate-generate.ts";
import {
  matchesName,
  parseNameConstraints,
  parseReferenceName,
  parseSubjectAltName,
  satisfiesConstraints,
} from "../../src/crypto/certificate-name.ts";
import { DerError, DerReader, encodeDer, Tag } from "../../src/crypto/der.ts";
import { parseSpki, toPem } from "../../src/crypto/key-format.ts";
import type { CertificateChain } from "../../src/crypto/provider.ts";
import { signerFromPkcs8 } from "../../src/crypto/signer.ts";
import { hex, peculiarCrypto, toHex, utf8 } from "./providers.ts";

const day = 86_400_000;
const nowMs = Date.UTC(2026, 0, 15);
const validity = { notBeforeMs: nowMs - day, notAfterMs: nowMs + day };

const make = (description: Partial<CertificateDescription>): Promise<GeneratedCertificate> =>
  generateCertificate({ subject: "somebody", ...validity, ...description });

const root = await make({ subject: "root", authority: {} });
const middle = await make({ subject: "middle", authority: { pathLength: 0 }, issuer: root });
const leaf = await make({
  subject: "leaf",
  names: ["host.example", "*.wild.example", "192.0.2.7", "2001:db8::7"],
  issuer: middle,
});

const verifier = createCertificateVerifier({ trustAnchors: [root.certificate] });
const verify = (certificates: GeneratedCertificate[], more: Partial<CertificateChain> = {}, by = verifier) =>
  by.verify({
    certificates: certificates.map(({ certificate }) => certificate),
    peer: "server",
    nowMs,
    ...more,
  });
const failsWith = (alert: string) => ({ name: "SealgramError", code: "invalid_certificate", alert });

describe("a chain that holds", () => {
  test("gives the leaf's SubjectPublicKeyInfo, the one node:crypto reads", async () => {
    const spki = await verify([leaf, middle]);
    const native = new NodeCertificate(leaf.certificate).publicKey.export({ format: "der", type: "spki" });
    expect(toHex(spki)).toBe(native.toString("hex"));
    expect(toHex(spki)).toBe(toHex((await signerFromPkcs8(leaf.privateKey)).publicKey));
  });

  test("holds again, and the answer is the caller's own copy", async () => {
    const first = await verify([leaf, middle]);
    const hexadecimal = toHex(first);
    first.fill(0);
    expect(toHex(await verify([leaf, middle]))).toBe(hexadecimal);
  });

  test("may come in any order after the leaf, with the root or with strangers", async () => {
    const stranger = await make({ subject: "stranger", authority: {} });
    for (const chain of [
      [leaf, middle, root],
      [leaf, root, middle],
      [leaf, stranger, middle],
      [leaf, middle, stranger, root],
    ]) {
      await verify(chain);
    }
  });

  test.each(["P-256", "P-384", "Ed25519", "RSA"] as const)("of %s keys throughout", async (algorithm) => {
    const authority = await make({ subject: "authority", authority: {}, algorithm });
    const peer = await make({ issuer: authority, algorithm, names: ["a.example"] });
    for (const crypto of [globalThis.crypto, peculiarCrypto]) {
      const by = createCertificateVerifier({
        trustAnchors: [toPem("CERTIFICATE", authority.certificate)],
        crypto,
      });
      const spki = await verify([peer], { name: "a.example" }, by);
      expect(parseSpki(spki).algorithm).toBe(algorithm);
    }
    const native = new NodeCertificate(peer.certificate);
    expect(native.verify(new NodeCertificate(authority.certificate).publicKey)).toBe(true);
  });

  test("reads several trust anchors from one PEM text", async () => {
    const other = await make({ subject: "other", authority: {} });
    const text = `${toPem("CERTIFICATE", other.certificate)}some words\n${toPem("CERTIFICATE", root.certificate)}`;
    await verify([leaf, middle], {}, createCertificateVerifier({ trustAnchors: [text] }));
  });

  test("a pinned leaf needs no authority, but its name and dates are still checked", async () => {
    const alone = await make({ names: ["alone.example"] });
    const by = createCertificateVerifier({ trustAnchors: [alone.certificate] });
    await verify([alone], { name: "alone.example" }, by);
    await expect(verify([alone], { name: "b.example" }, by)).rejects.toMatchObject(
      failsWith("bad_certificate"),
    );
    await expect(verify([alone], { nowMs: nowMs + 9 * day }, by)).rejects.toMatchObject(
      failsWith("certificate_expired"),
    );
    await expect(verify([leaf, middle], {}, by)).rejects.toMatchObject(failsWith("unknown_ca"));
  });

  test("an intermediate may be the trust anchor", async () => {
    await verify([leaf], {}, createCertificateVerifier({ trustAnchors: [middle.certificate] }));
  });

  test("the path that holds is found among authorities of the same name", async () => {
    const impostor = await make({ subject: "middle", authority: {} });
    const expired = await make({ subject: "middle", authority: {}, issuer: root, notAfterMs: nowMs - 1000 });
    await verify([leaf, impostor, expired, middle]);
  });
});

describe("a chain that does not hold", () => {
  test("no path to an anchor: unknown_ca", async () => {
    const stranger = await make({ subject: "stranger", authority: {} });
    const peer = await make({ issuer: stranger });
    for (const chain of [[leaf], [peer], [peer, stranger]]) {
      await expect(verify(chain)).rejects.toMatchObject(failsWith("unknown_ca"));
    }
  });

  test("an authority of the right name and another key: bad_certificate", async () => {
    const impostor = await make({ subject: "root", authority: {} });
    const peer = await make({ issuer: impostor });
    await expect(verify([peer])).rejects.toMatchObject(failsWith("bad_certificate"));
    await expect(verify([peer, impostor])).rejects.toMatchObject(failsWith("bad_certificate"));
  });

  test.each([
    [-2, "certificate_expired"],
    [2, "certificate_expired"],
  ])("outside the validity by %i days: %s", async (days, alert) => {
    await expect(verify([leaf, middle], { nowMs: nowMs + days * day })).rejects.toMatchObject(
      failsWith(alert),
    );
  });

  test("validity includes its first and its last second", async () => {
    await verify([leaf, middle], { nowMs: validity.notBeforeMs });
    await verify([leaf, middle], { nowMs: validity.notAfterMs + 999 });
    await expect(verify([leaf, middle], { nowMs: validity.notAfterMs + 1000 })).rejects.toMatchObject(
      failsWith("certificate_expired"),
    );
    await expect(verify([leaf, middle], { nowMs: validity.notBeforeMs - 1 })).rejects.toMatchObject(
      failsWith("certificate_expired"),
    );
  });

  test("an expired authority: certificate_expired", async () => {
    const old = await make({ subject: "old", authority: {}, issuer: root, notAfterMs: nowMs - 1000 });
    const peer = await make({ issuer: old });
    await expect(verify([peer, old])).rejects.toMatchObject(failsWith("certificate_expired"));
  });

  test("issued by a certificate that is no authority: unknown_ca", async () => {
    const peer = await make({ subject: "child", issuer: leaf });
    await expect(verify([peer, leaf, middle])).rejects.toMatchObject(failsWith("unknown_ca"));
  });

  test("a longer path than pathLenConstraint allows: unknown_ca", async () => {
    const lower = await make({ subject: "lower", authority: {}, issuer: middle });
    const peer = await make({ issuer: lower });
    await expect(verify([peer, lower, middle])).rejects.toMatchObject(failsWith("unknown_ca"));
  });

  test("every bit flipped anywhere in the leaf fails, none of them with another error", async () => {
    const byteStep = 5;
    for (let i = 0; i < leaf.certificate.length; i += byteStep) {
      const certificate = leaf.certificate.slice();
      certificate[i]! ^= 1 << (i % 8);
      await expect(verify([{ ...leaf, certificate }, middle])).rejects.toMatchObject({
        name: "SealgramError",
      });
    }
  });

  test("truncated, empty, enlarged or too many certificates: bad_certificate", async () => {
    const cut = (length: number) => ({ ...leaf, certificate: leaf.certificate.slice(0, length) });
    for (let length = 0; length < leaf.certificate.length; length += 7) {
      await expect(verify([cut(length), middle])).rejects.toMatchObject(failsWith("bad_certificate"));
    }
    const longer = { ...leaf, certificate: new Uint8Array([...leaf.certificate, 0]) };
    const nested = { ...leaf, certificate: new Uint8Array(16_000).fill(0x30) };
    const huge = { ...leaf, certificate: encodeDer(0x30, new Uint8Array(17_000)) };
    for (const chain of [[], [longer, middle], [nested], [huge], new Array(11).fill(root)]) {
      await expect(verify(chain)).rejects.toMatchObject(failsWith("bad_certificate"));
    }
  });

  test("many authorities of one name are searched within bounds", async () => {
    const names = await Promise.all(
      Array.from({ length: 3 }, () =>
        make({ subject: "loop", authority: {} }).then((a) =>
          make({ subject: "loop", authority: {}, issuer: a }),
        ),
      ),
    );
    const peer = await make({ subject: "loop", issuer: names[0]! });
    await expect(verify([peer, ...names, ...names, ...names])).rejects.toMatchObject({
      name: "SealgramError",
    });
  });
});

/** A leaf or an authority with exactly these extensions, under the root. */
const craft = async (extensions: Extension[], subject = "crafted"): Promise<GeneratedCertificate> => {
  const keys = (await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, [
    "sign",
    "verify",
  ])) as CryptoKeyPair;
  const parameters = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
  const certificate = await X509CertificateGenerator.create({
    serialNumber: "01",
    subject: `CN=${subject}`,
    issuer: new X509Certificate(root.certificate).subjectName,
    notBefore: new Date(validity.notBeforeMs),
    notAfter: new Date(validity.notAfterMs),
    publicKey: keys.publicKey,
    signingKey: await crypto.subtle.importKey("pkcs8", root.privateKey, parameters, false, ["sign"]),
    signingAlgorithm: parameters,
    extensions,
  });
  return {
    certificate: new Uint8Array(certificate.rawData),
    privateKey: new Uint8Array(await crypto.subtle.exportKey("pkcs8", keys.privateKey)),
  };
};

/** The leaf of somebody who has the root's key and writes what he likes: text of the TBS replaced, then signed. */
const forge = async (from: string, to: string): Promise<GeneratedCertificate> => {
  const honest = toHex((await craft([])).certificate);
  const outer = new DerReader(hex(honest)).enter(Tag.sequence);
  const tbs = toHex(encodeDer(Tag.sequence, outer.read(Tag.sequence)));
  const algorithm = toHex(encodeDer(Tag.sequence, outer.read(Tag.sequence)));
  expect(tbs).toContain(from);
  const forged = hex(tbs.replaceAll(from, to));
  const signature = await (await signerFromPkcs8(root.privateKey)).sign(0x0403, forged);
  const certificate = encodeDer(
    Tag.sequence,
    forged,
    hex(algorithm.replaceAll(from, to)),
    encodeDer(Tag.bitString, Uint8Array.of(0), signature),
  );
  return { certificate, privateKey: root.privateKey };
};

describe("fields", () => {
  const notAfter = toHex(utf8("260116000000Z"));

  test("what is forged well holds", async () => {
    const forged = await forge(notAfter, toHex(utf8("260115120000Z")));
    await verify([forged]);
    await expect(verify([forged], { nowMs: nowMs + day / 2 + 1000 })).rejects.toMatchObject(
      failsWith("certificate_expired"),
    );
  });

  test.each([
    "2601160000Z00",
    "261316000000Z",
    "260132000000Z",
    "260116240000Z",
    "260116006000Z",
    "26011600000AZ",
    "2601160000000",
    "-60116000000Z",
    "260230000000Z",
  ])("%s is no time", async (time) => {
    await expect(verify([await forge(notAfter, toHex(utf8(time)))])).rejects.toMatchObject(
      failsWith("bad_certificate"),
    );
  });

  test("an unknown signature algorithm is bad_certificate", async () => {
    // ecdsa-with-SHA256 to a neighbour that is not assigned
    await expect(verify([await forge("06082a8648ce3d040302", "06082a8648ce3d04037f")])).rejects.toMatchObject(
      failsWith("bad_certificate"),
    );
  });

  test("ECDSA with SHA-1 is bad_certificate", async () => {
    const keys = (await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, [
      "sign",
      "verify",
    ])) as CryptoKeyPair;
    const parameters = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-1" };
    const certificate = await X509CertificateGenerator.create({
      serialNumber: "01",
      subject: "CN=old",
      issuer: new X509Certificate(root.certificate).subjectName,
      notBefore: new Date(validity.notBeforeMs),
      notAfter: new Date(validity.notAfterMs),
      publicKey: keys.publicKey,
      signingKey: await crypto.subtle.importKey("pkcs8", root.privateKey, parameters, false, ["sign"]),
      signingAlgorithm: parameters,
    });
    const old = { certificate: new Uint8Array(certificate.rawData), privateKey: root.privateKey };
    expect(new NodeCertificate(old.certificate).verify(new NodeCertificate(root.certificate).publicKey)).toBe(
      true,
    );
    await expect(verify([old])).rejects.toMatchObject(failsWith("bad_certificate"));
  });

  test("version 1 is refused", async () => {
    await expect(verify([await forge("a003020102", "a003020100")])).rejects.toMatchObject(
      failsWith("bad_certificate"),
    );
  });

  test("GeneralizedTime is read too", async () => {
    const far = await make({ subject: "far", issuer: root, notAfterMs: Date.UTC(2060, 1, 29, 23, 59, 59) });
    await verify([far], { nowMs });
    const by = createCertificateVerifier({ trustAnchors: [far.certificate] });
    await verify([far], { nowMs: Date.UTC(2060, 1, 29, 23, 59, 59) }, by);
    await expect(verify([far], { nowMs: Date.UTC(2060, 2, 1) }, by)).rejects.toMatchObject(
      failsWith("certificate_expired"),
    );
  });

  test("certificates damaged at random fail as SealgramErrors", async () => {
    const damage = fc.tuple(fc.nat(2000), fc.nat(6), fc.uint8Array({ maxLength: 6 }));
    await fc.assert(
      fc.asyncProperty(
        fc.array(damage, { minLength: 1, maxLength: 3 }),
        fc.boolean(),
        async (damages, atLeaf) => {
          const original = (atLeaf ? leaf : middle).certificate;
          let bytes = [...original];
          for (const [at, removed, added] of damages) {
            const start = at % bytes.length;
            bytes = [...bytes.slice(0, start), ...added, ...bytes.slice(start + removed)];
          }
          fc.pre(toHex(Uint8Array.from(bytes)) !== toHex(original));
          const damaged = { ...leaf, certificate: Uint8Array.from(bytes) };
          const chain = atLeaf ? [damaged, middle] : [leaf, damaged];
          await expect(verify(chain)).rejects.toMatchObject({
            name: "SealgramError",
            code: "invalid_certificate",
          });
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe("extensions", () => {
  test("a leaf without any is accepted where no name is asked for", async () => {
    await verify([await craft([])]);
    await expect(verify([await craft([])], { name: "crafted" })).rejects.toMatchObject(
      failsWith("bad_certificate"),
    );
  });

  test("RFC 5280 §4.2: an unknown critical extension is refused, an unknown other one is not", async () => {
    const unknown = (critical: boolean) =>
      craft([new Extension("1.3.6.1.4.1.99999.1", critical, hex("0500"))]);
    await verify([await unknown(false)]);
    await expect(verify([await unknown(true)])).rejects.toMatchObject(failsWith("unsupported_certificate"));
  });

  test("RFC 5280 §4.2: the same extension twice is refused", async () => {
    const twice = await craft([
      new Extension("1.3.6.1.4.1.99999.1", false, hex("0500")),
      new Extension("1.3.6.1.4.1.99999.1", false, hex("0500")),
    ]);
    await expect(verify([twice])).rejects.toMatchObject(failsWith("bad_certificate"));
  });

  test("RFC 8446 §4.4.2.2: keyUsage of a leaf includes digitalSignature", async () => {
    await verify([
      await craft([new KeyUsagesExtension(KeyUsageFlags.digitalSignature | KeyUsageFlags.keyAgreement)]),
    ]);
    const agreement = await craft([new KeyUsagesExtension(KeyUsageFlags.keyAgreement)]);
    await expect(verify([agreement])).rejects.toMatchObject(failsWith("unsupported_certificate"));
  });

  test("extKeyUsage fits the peer's role, any or absent", async () => {
    const [server, client, any] = ["1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2", "2.5.29.37.0"];
    const with_ = (purpose: string) => craft([new ExtendedKeyUsageExtension([purpose])]);
    await verify([await with_(server!)]);
    await verify([await with_(client!)], { peer: "client" });
    await verify([await with_(any!)]);
    await verify([await with_(any!)], { peer: "client" });
    await expect(verify([await with_(client!)])).rejects.toMatchObject(failsWith("unsupported_certificate"));
    await expect(verify([await with_(server!)], { peer: "client" })).rejects.toMatchObject(
      failsWith("unsupported_certificate"),
    );
  });

  test("an authority needs basicConstraints with cA, and keyCertSign if it has keyUsage", async () => {
    const ca = new BasicConstraintsExtension(true);
    const authorities: [Extension[], boolean][] = [
      [[ca], true],
      [[ca, new KeyUsagesExtension(KeyUsageFlags.keyCertSign)], true],
      [[ca, new KeyUsagesExtension(KeyUsageFlags.cRLSign)], false],
      [[new BasicConstraintsExtension(false), new KeyUsagesExtension(KeyUsageFlags.keyCertSign)], false],
      [[new KeyUsagesExtension(KeyUsageFlags.keyCertSign)], false],
      [[], false],
    ];
    for (const [extensions, holds] of authorities) {
      const authority = await craft(extensions, "authority");
      const peer = await make({ issuer: authority });
      if (holds) await verify([peer, authority]);
      else await expect(verify([peer, authority])).rejects.toMatchObject(failsWith("unknown_ca"));
    }
  });

  test("an authority for clients only issues no server", async () => {
    const authority = await craft(
      [new BasicConstraintsExtension(true), new ExtendedKeyUsageExtension(["1.3.6.1.5.5.7.3.2"])],
      "authority",
    );
    const peer = await make({ issuer: authority });
    await verify([peer, authority], { peer: "client" });
    await expect(verify([peer, authority])).rejects.toMatchObject(failsWith("unsupported_certificate"));
  });

  test("nameConstraints bind what is below", async () => {
    // permitted: dNSName good.example
    const value = hex(`3012a010300e820c${toHex(utf8("good.example"))}`);
    const authority = await craft(
      [new BasicConstraintsExtension(true), new Extension("2.5.29.30", true, value)],
      "authority",
    );
    await verify([await make({ issuer: authority, names: ["a.good.example"] }), authority]);
    const outside = await make({ issuer: authority, names: ["a.good.example", "evil.example"] });
    await expect(verify([outside, authority])).rejects.toMatchObject(failsWith("bad_certificate"));
  });

  test("malformed values of known extensions are refused", async () => {
    for (const [type, value] of [
      ["2.5.29.15", "0500"],
      ["2.5.29.17", "3000"],
      ["2.5.29.17", "30048702010203"],
      ["2.5.29.17", "30038201ff"],
      ["2.5.29.19", "30030101fe00"],
      ["2.5.29.30", "300600"],
      ["2.5.29.37", "3003060100ff"],
    ] as const) {
      const malformed = await craft([new Extension(type, false, hex(value))]);
      await expect(verify([malformed]), `${type} ${value}`).rejects.toMatchObject(
        failsWith("bad_certificate"),
      );
    }
  });
});

describe("names (RFC 9525)", () => {
  test.each([
    ["host.example", true],
    ["HOST.Example", true],
    ["host.example.", true],
    ["a.wild.example", true],
    ["wild.example", false],
    ["a.b.wild.example", false],
    ["other.example", false],
    ["leaf", false],
    ["192.0.2.7", true],
    ["192.0.2.8", false],
    ["2001:db8::7", true],
    ["[2001:DB8:0:0:0:0:0:7]", true],
    ["2001:db8::8", false],
    ["::ffff:192.0.2.7", false],
  ])("%s: %s", async (name, holds) => {
    if (holds) await verify([leaf, middle], { name });
    else await expect(verify([leaf, middle], { name })).rejects.toMatchObject(failsWith("bad_certificate"));
  });

  test.each([
    "",
    ".",
    "a..b",
    "-a.example",
    "host example",
    "*.wild.example",
    "exämple",
    "1.2.3",
    "1.2.3.4.5",
    "1.2.3.256",
    "[::1",
    "::1::",
    "1:2:3:4:5:6:7",
    "12345::",
    "a:b",
    "host.example:443",
  ])("%j is no name to ask for: the caller's TypeError", async (name) => {
    await expect(verify([leaf, middle], { name })).rejects.toThrow(TypeError);
  });

  test("IPv6 texts have the bytes that the URL parser gives them", () => {
    fc.assert(
      fc.property(fc.ipV6(), (text) => {
        fc.pre(URL.canParse(`http://[${text}]`));
        const reference = parseReferenceName(text);
        const canonical = new URL(`http://[${text}]`).hostname;
        expect(reference).toEqual(parseReferenceName(canonical));
      }),
    );
  });

  const label = fc.constantFrom("a", "b", "ab", "*", "xn--a", "a*");
  const name = fc.array(label, { minLength: 1, maxLength: 4 }).map((labels) => labels.join("."));

  test("presented DNS names match exactly where node:crypto lets them", async () => {
    const certificates = await Promise.all(
      ["a.b", "*.a.b", "*.b", "a.*.b", "a*.a.b", "*", "b.a.b", "*.*.b"].map(async (presented) => {
        const sequence = encodeDer(0x30, encodeDer(0x82, utf8(presented)));
        return { presented, sequence, ...(await craft([new Extension("2.5.29.17", false, sequence)])) };
      }),
    );
    fc.assert(
      fc.property(name, fc.constantFrom(...certificates), (host, { presented, sequence, certificate }) => {
        if (host.includes("*")) return;
        const native = new NodeCertificate(certificate).checkHost(host, {
          subject: "never",
          partialWildcards: false,
        });
        const ours = matchesName(parseSubjectAltName(sequence), parseReferenceName(host));
        expect(ours, `${presented} for ${host}`).toBe(native !== undefined);
      }),
      { numRuns: 500 },
    );
  });
});

describe("what cannot be understood is refused", () => {
  const craftIssuer = (id: string, critical: boolean, value: Uint8Array<ArrayBuffer>) =>
    make({
      subject: "odd",
      authority: {},
      issuer: root,
      extensions: [new Extension(id, critical, value)],
    });

  test.each([
    ["certificatePolicies", "2.5.29.32", encodeDer(0x30, encodeDer(0x30, encodeDer(0x06, hex("2a03"))))],
    ["policyMappings", "2.5.29.33", encodeDer(0x30)],
    ["policyConstraints", "2.5.29.36", encodeDer(0x30, encodeDer(0x80, Uint8Array.of(0)))],
    ["inhibitAnyPolicy", "2.5.29.54", encodeDer(0x02, Uint8Array.of(0))],
    ["issuerAltName", "2.5.29.18", encodeDer(0x30, encodeDer(0x82, utf8("a.example")))],
    ["cRLDistributionPoints", "2.5.29.31", encodeDer(0x30)],
    ["an extension that nobody knows", "1.2.3.4", Uint8Array.of(5, 0)],
  ])("a critical extension that is not processed: %s", async (_name, id, value) => {
    for (const critical of [true, false]) {
      const issuer = await craftIssuer(id, critical, value);
      const chain = [await make({ issuer }), issuer];
      if (critical) await expect(verify(chain)).rejects.toMatchObject(failsWith("unsupported_certificate"));
      else await verify(chain);
    }
  });

  test.each([
    ["a kind of name that there is not", encodeDer(0x89, utf8("a.example"))],
    ["a domain in a constructed encoding", encodeDer(0xa2, encodeDer(0x82, utf8("a.example")))],
  ])("a subjectAltName with %s", async (_name, name) => {
    const peer = await make({
      issuer: root,
      extensions: [new Extension("2.5.29.17", false, encodeDer(0x30, name))],
    });
    await expect(verify([peer])).rejects.toMatchObject(failsWith("bad_certificate"));
  });

  test.each([
    ["digitalSignature", "03020780", "holds"],
    ["digitalSignature, with zeros that DER leaves out", "03020080", "holds"],
    ["nothing", "030100", "unsupported_certificate"],
    ["no count of unused bits", "0300", "bad_certificate"],
    ["more unused bits than there are", "03020880", "bad_certificate"],
    ["unused bits without an octet", "030107", "bad_certificate"],
    ["unused bits that are set", "03020781", "bad_certificate"],
  ])("keyUsage of %s", async (_name, value, outcome) => {
    const peer = await craft([new Extension("2.5.29.15", true, hex(value))], "peer");
    const verified = verify([peer]);
    if (outcome === "holds") await verified;
    else await expect(verified).rejects.toMatchObject(failsWith(outcome));
  });
});

describe("name constraints (RFC 5280 §4.2.1.10)", () => {
  const dns = (name: string) => encodeDer(0x82, utf8(name));
  const ip = (text: string) => encodeDer(0x87, hex(text));
  const subtrees = (tag: number, bases: Uint8Array[]) =>
    encodeDer(tag, ...bases.map((base) => encodeDer(0x30, base)));
  const holds = (
    permitted: Uint8Array[],
    excluded: Uint8Array[],
    names: Uint8Array[],
    hasSubject = false,
  ) => {
    const lists = [
      ...(permitted.length > 0 ? [subtrees(0xa0, permitted)] : []),
      ...(excluded.length > 0 ? [subtrees(0xa1, excluded)] : []),
    ];
    const constraints = parseNameConstraints(encodeDer(0x30, ...lists));
    return satisfiesConstraints(constraints, parseSubjectAltName(encodeDer(0x30, ...names)), hasSubject);
  };
  const email = encodeDer(0x81, utf8("a@b.example"));
  const directory = encodeDer(0xa4, encodeDer(0x30));

  test.each([
    ["a name itself", [dns("a.example")], [], [dns("a.example")], true],
    ["a name below", [dns("example")], [], [dns("x.y.example")], true],
    ["a name beside", [dns("a.example")], [], [dns("ba.example")], false],
    ["one of two beside", [dns("a.example")], [], [dns("a.example"), dns("b.example")], false],
    ["either of two permitted", [dns("a.example"), dns("b.example")], [], [dns("b.example")], true],
    ["leading dot: below", [dns(".a.example")], [], [dns("x.a.example")], true],
    ["leading dot: itself", [dns(".a.example")], [], [dns("a.example")], false],
    ["empty constraint permits all", [dns("")], [], [dns("x")], true],
    ["excluded itself", [], [dns("a.example")], [dns("a.example")], false],
    ["excluded beside", [], [dns("a.example")], [dns("b.example")], true],
    ["excluded within permitted", [dns("example")], [dns("a.example")], [dns("x.a.example")], false],
    ["a wildcard that covers an excluded name", [], [dns("a.example")], [dns("*.example")], false],
    ["a wildcard two labels above what is excluded", [], [dns("a.b.example")], [dns("*.example")], true],
    ["a wildcard beside what is excluded", [], [dns(".a.example")], [dns("*.example")], true],
    ["a wildcard below what is excluded", [], [dns(".a.example")], [dns("*.a.example")], false],
    ["a wildcard above the permitted", [dns("a.example")], [], [dns("*.example")], false],
    ["a name that is none, with a dot behind it", [], [dns("a.example")], [dns("x.a.example.")], false],
    ["a name that is none, with an empty label", [], [dns("a.example")], [dns("x..b.example")], false],
    ["a name that is none, a space", [dns("")], [], [dns(" ")], false],
    ["a wildcard that is none", [dns("example")], [], [dns("f*.example")], false],
    ["a wildcard for all", [], [dns("a.example")], [dns("*")], false],
    ["a name that is none, without a constraint on names", [], [ip("c0000200ffffff00")], [dns("a..b")], true],
    [
      "another kind of name, constrained",
      [encodeDer(0x88, hex("2a03"))],
      [],
      [encodeDer(0x88, hex("2a04"))],
      false,
    ],
    ["another kind of name, not constrained", [dns("example")], [], [encodeDer(0x88, hex("2a04"))], true],
    ["a mask of all", [], [ip("0000000000000000")], [ip("c0000207")], false],
    ["a mask of one", [ip("c0000207ffffffff")], [], [ip("c0000207")], true],
    ["a wildcard below the permitted", [dns("example")], [], [dns("*.example")], true],
    ["case", [dns("A.Example")], [], [dns("a.eXample")], true],
    ["no DNS constraint", [ip("c0000200ffffff00")], [], [dns("a.example")], true],
    ["address in the net", [ip("c0000200ffffff00")], [], [ip("c0000207")], true],
    ["address outside", [ip("c0000200ffffff00")], [], [ip("c0000307")], false],
    ["address excluded", [], [ip("c0000200ffffff00")], [ip("c0000207")], false],
    [
      "IPv6 under an IPv4 constraint",
      [ip("c0000200ffffff00")],
      [],
      [ip("20010db8000000000000000000000007")],
      false,
    ],
    [
      "IPv6 in the net",
      [ip(`20010db8${"00".repeat(12)}ffffffff${"00".repeat(12)}`)],
      [],
      [ip("20010db8000000000000000000000007")],
      true,
    ],
    ["mail constraint, no mail", [email], [], [dns("a.example")], true],
    ["mail constraint, mail", [email], [], [dns("a.example"), email], false],
    ["directory constraint, no subject", [], [directory], [dns("a.example")], true],
  ] as const)("%s", (_name, permitted, excluded, names, expected) => {
    expect(holds([...permitted], [...excluded], [...names])).toBe(expected);
  });

  const misunderstood: [string, Uint8Array][] = [
    ...[
      "bar.example.com.",
      ".",
      "..a.example",
      "a..example",
      "*.example",
      "exa mple",
      "a.example/",
      "-a.example",
      "a\0",
    ].map((name): [string, Uint8Array] => [`the domain ${JSON.stringify(name)}`, dns(name)]),
    ["a domain that is not ASCII", dns("bücher.example")],
    ["a mask with holes", ip("c0000200ff00ff00")],
    ["an IPv6 mask with holes", ip(`20010db8${"00".repeat(12)}ffff00ff${"00".repeat(12)}`)],
    ["an address without a mask", ip("c0000200")],
    ["a domain in a constructed encoding", encodeDer(0xa2, dns("a.example"))],
    ["a kind of name that there is not", encodeDer(0x89, utf8("a.example"))],
    ["a universal string", encodeDer(0x16, utf8("a.example"))],
  ];

  test.each(misunderstood)("%s is no constraint, and the certificate no certificate", async (_name, base) => {
    for (const tag of [0xa0, 0xa1]) {
      const value = encodeDer(0x30, subtrees(tag, [base]));
      expect(() => parseNameConstraints(value)).toThrow(DerError);
      const authority = await make({
        subject: "constrained",
        authority: {},
        issuer: root,
        extensions: [new Extension("2.5.29.30", true, value)],
      });
      const peer = await make({ names: ["x.bar.example.com"], issuer: authority });
      await expect(verify([peer, authority])).rejects.toMatchObject(failsWith("bad_certificate"));
      const { certificate } = authority;
      expect(() => createCertificateVerifier({ trustAnchors: [certificate] })).toThrow(TypeError);
    }
  });

  test("nothing at all, no subtree, and distances are no constraints", () => {
    const minimum = encodeDer(0x80, Uint8Array.of(1));
    for (const list of [
      [],
      [encodeDer(0xa0)],
      [encodeDer(0xa1)],
      [encodeDer(0xa0, encodeDer(0x30))],
      [encodeDer(0xa1, encodeDer(0x30, dns("a.example"), minimum))],
      [subtrees(0xa1, [dns("a.example")]), subtrees(0xa0, [dns("a.example")])],
      [subtrees(0xa0, [dns("a.example")]), encodeDer(0xa2)],
    ]) {
      expect(() => parseNameConstraints(encodeDer(0x30, ...list))).toThrow(DerError);
    }
  });

  test("a constraint on directory names fails whoever has a subject", () => {
    expect(holds([], [directory], [dns("a.example")], true)).toBe(false);
  });
});

describe("callers' mistakes", () => {
  test("unusable trust anchors are TypeErrors", () => {
    for (const trustAnchors of [[], [""], ["no PEM"], [new Uint8Array(4)], [leaf.privateKey]]) {
      expect(() => createCertificateVerifier({ trustAnchors })).toThrow(TypeError);
    }
  });
});
