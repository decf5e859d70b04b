import { createPublicKey, generateKeyPairSync, sign as nodeSign, verify as nodeVerify } from "node:crypto";
import { beforeAll, describe, expect, test } from "vitest";
import { encodeSpki, parseSpki } from "../../src/crypto/key-format.ts";
import { nodeSigner } from "../../src/crypto/node.ts";
import type { Signer } from "../../src/crypto/provider.ts";
import { ecdsaFromDer, ecdsaToDer, Schemes, schemesFor } from "../../src/crypto/signature.ts";
import {
  generatePkcs8,
  generateSigner,
  signerFromJwk,
  signerFromKeyPair,
  signerFromPkcs8,
} from "../../src/crypto/signer.ts";
import { cryptos, hex, oldCrypto, providers, toHex, utf8 } from "./providers.ts";

const algorithms = ["P-256", "P-384", "Ed25519", "RSA"] as const;
const message = utf8("content of a CertificateVerify");

/** Keys from node:crypto, the independent side of every test. */
const pkcs8Of = Object.fromEntries(
  algorithms.map((algorithm) => {
    const { privateKey } =
      algorithm === "RSA"
        ? generateKeyPairSync("rsa", { modulusLength: 2048 })
        : algorithm === "Ed25519"
          ? generateKeyPairSync("ed25519")
          : generateKeyPairSync("ec", { namedCurve: algorithm });
    const der = new Uint8Array(privateKey.export({ format: "der", type: "pkcs8" }));
    return [
      algorithm,
      {
        der,
        privateKey,
        spki: new Uint8Array(createPublicKey(privateKey).export({ format: "der", type: "spki" })),
      },
    ];
  }),
);

const signers: [string, Signer][] = [];
beforeAll(async () => {
  for (const algorithm of algorithms) {
    const { der, privateKey } = pkcs8Of[algorithm]!;
    const pem = privateKey.export({ format: "pem", type: "pkcs8" }) as string;
    for (const [name, crypto] of cryptos) {
      signers.push([`${algorithm} by ${name}`, await signerFromPkcs8(der, crypto)]);
      signers.push([`${algorithm} by ${name} from PEM`, await signerFromPkcs8(pem, crypto)]);
      const jwk = privateKey.export({ format: "jwk" }) as JsonWebKey;
      signers.push([`${algorithm} by ${name} from JWK`, await signerFromJwk({ ...jwk, use: "enc" }, crypto)]);
    }
    signers.push([`${algorithm} by node:crypto`, nodeSigner(der)]);
    signers.push([`${algorithm} by node:crypto from PEM`, nodeSigner(pem)]);
  }
});

// RFC 6979 appendix A.2.5 and A.2.6, message "sample"; RFC 8032 §7.1 test 3
const vectors = [
  {
    scheme: Schemes.ecdsa_secp256r1_sha256,
    spki: encodeSpki(
      "P-256",
      hex(
        "0460FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB67903FE1008B8BC99A41AE9E95628BC64F2F1B20C2D7E9F5177A3C294D4462299",
      ),
    ),
    message: utf8("sample"),
    signature: ecdsaToDer(
      hex(
        "EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8",
      ),
    ),
  },
  {
    scheme: Schemes.ecdsa_secp384r1_sha384,
    spki: encodeSpki(
      "P-384",
      hex(
        "04EC3A4E415B4E19A4568618029F427FA5DA9A8BC4AE92E02E06AAE5286B300C64DEF8F0EA9055866064A2545154" +
          "80BC138015D9B72D7D57244EA8EF9AC0C621896708A59367F9DFB9F54CA84B3F1C9DB1288B231C3AE0D4FE7344FD2533264720",
      ),
    ),
    message: utf8("sample"),
    signature: ecdsaToDer(
      hex(
        "94EDBB92A5ECB8AAD4736E56C691916B3F88140666CE9FA73D64C4EA95AD133C81A648152E44ACF96E36DD1E80FABE46" +
          "99EF4AEB15F178CEA1FE40DB2603138F130E740A19624526203B6351D0A3A94FA329C145786E679E7B82C71A38628AC8",
      ),
    ),
  },
  {
    scheme: Schemes.ed25519,
    spki: encodeSpki("Ed25519", hex("fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025")),
    message: hex("af82"),
    signature: hex(
      "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
  },
];

describe.each(providers)("verification by %s", (_name, provider) => {
  test.each(vectors)("published vector of scheme $scheme", async ({ scheme, spki, message, signature }) => {
    expect(await provider.verify(scheme, spki, message, signature)).toBe(true);
    expect(await provider.verify(scheme, spki, utf8("another"), signature)).toBe(false);
  });

  test("accepts every signer's every scheme, and refuses it changed", async () => {
    expect(signers.length).toBe(44);
    for (const [name, signer] of signers) {
      for (const scheme of signer.schemes) {
        const signature = await signer.sign(scheme, message);
        const verify = (m: Uint8Array, s: Uint8Array) => provider.verify(scheme, signer.publicKey, m, s);
        expect(await verify(message, signature), name).toBe(true);
        expect(await verify(message.subarray(1), signature), name).toBe(false);
        const changed = signature.slice();
        changed[signature.length - 3]! ^= 4;
        expect(await verify(message, changed), name).toBe(false);
        expect(await verify(message, signature.subarray(0, -1)), name).toBe(false);
        expect(await verify(message, new Uint8Array([...signature, 0])), name).toBe(false);
        expect(await verify(message, new Uint8Array()), name).toBe(false);
      }
    }
  });

  test("a key that does not fit the scheme is refused whatever the signature", async () => {
    for (const [name, signer] of signers) {
      const signature = await signer.sign(signer.schemes[0]!, message);
      for (const scheme of Object.values(Schemes)) {
        if (signer.schemes.includes(scheme)) continue;
        expect(await provider.verify(scheme, signer.publicKey, message, signature), name).toBe(false);
      }
    }
  });

  test("RFC 8446 §4.2.3: ECDSA on P-256 with SHA-384 is no scheme of TLS 1.3", async () => {
    const { privateKey, spki } = pkcs8Of["P-256"]!;
    const signature = new Uint8Array(nodeSign("sha384", message, privateKey));
    for (const scheme of Object.values(Schemes)) {
      expect(await provider.verify(scheme, spki, message, signature)).toBe(false);
    }
  });

  test("RSA: PKCS #1 v1.5, a salt of another length and a small modulus are refused", async () => {
    const { privateKey, spki } = pkcs8Of.RSA!;
    const pkcs1 = new Uint8Array(nodeSign("sha256", message, privateKey));
    const shortSalt = new Uint8Array(
      nodeSign("sha256", message, { key: privateKey, padding: 6, saltLength: 20 }),
    );
    const right = new Uint8Array(
      nodeSign("sha256", message, { key: privateKey, padding: 6, saltLength: 32 }),
    );
    expect(await provider.verify(Schemes.rsa_pss_rsae_sha256, spki, message, right)).toBe(true);
    expect(await provider.verify(Schemes.rsa_pss_rsae_sha256, spki, message, pkcs1)).toBe(false);
    expect(await provider.verify(Schemes.rsa_pss_rsae_sha256, spki, message, shortSalt)).toBe(false);
    const small = generateKeyPairSync("rsa", { modulusLength: 1024 });
    const smallSpki = new Uint8Array(small.publicKey.export({ format: "der", type: "spki" }));
    const signature = new Uint8Array(
      nodeSign("sha256", message, { key: small.privateKey, padding: 6, saltLength: 32 }),
    );
    expect(await provider.verify(Schemes.rsa_pss_rsae_sha256, smallSpki, message, signature)).toBe(false);
  });

  test("malformed keys are refused: every truncation, a trailing byte, a point off the curve", async () => {
    for (const algorithm of algorithms) {
      const { spki } = pkcs8Of[algorithm]!;
      const scheme = schemesFor(algorithm)[0]!;
      const signature = await nodeSigner(pkcs8Of[algorithm]!.der).sign(scheme, message);
      expect(await provider.verify(scheme, spki, message, signature)).toBe(true);
      for (let length = 0; length < spki.length; length += 1) {
        expect(await provider.verify(scheme, spki.subarray(0, length), message, signature)).toBe(false);
      }
      expect(await provider.verify(scheme, new Uint8Array([...spki, 0]), message, signature)).toBe(false);
      const other = spki.slice();
      other[spki.length - 1]! ^= 1;
      expect(await provider.verify(scheme, other, message, signature)).toBe(false);
    }
  });

  test("ECDSA with r or s of zero or of the order is refused", async () => {
    const { spki } = pkcs8Of["P-256"]!;
    const order = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
    const one = "01".padStart(64, "0");
    for (const raw of [
      "00".repeat(64),
      one + "00".repeat(32),
      "00".repeat(32) + one,
      order + one,
      one + order,
    ]) {
      const signature = ecdsaToDer(hex(raw));
      expect(await provider.verify(Schemes.ecdsa_secp256r1_sha256, spki, message, signature)).toBe(false);
    }
  });

  test("an Ed25519 key of small order verifies nothing random", async () => {
    const spki = encodeSpki("Ed25519", new Uint8Array(32).fill(0xff));
    expect(await provider.verify(Schemes.ed25519, spki, message, new Uint8Array(64).fill(7))).toBe(false);
    expect(await provider.verify(Schemes.ed25519, pkcs8Of.Ed25519!.spki, message, new Uint8Array(64))).toBe(
      false,
    );
  });
});

test("signers publish the SPKI that node:crypto has, and sign what node:crypto verifies", async () => {
  for (const [name, signer] of signers) {
    const { algorithm } = parseSpki(signer.publicKey);
    const { spki } = pkcs8Of[algorithm]!;
    expect(toHex(signer.publicKey), name).toBe(toHex(spki));
    expect(signer.schemes).toEqual(schemesFor(algorithm));
    if (algorithm === "RSA") continue;
    const key = createPublicKey({ key: Buffer.from(spki), format: "der", type: "spki" });
    const hash = { "P-256": "sha256", "P-384": "sha384", Ed25519: null }[algorithm];
    expect(nodeVerify(hash, message, key, await signer.sign(signer.schemes[0]!, message)), name).toBe(true);
  }
});

test("a signer refuses a scheme that its key has not", async () => {
  for (const [, signer] of signers) {
    const foreign = Object.values(Schemes).find((scheme) => !signer.schemes.includes(scheme))!;
    await expect((async () => signer.sign(foreign, message))()).rejects.toThrow(TypeError);
  }
});

describe.each(cryptos)("keys of %s", (_name, crypto) => {
  test.each(algorithms)("a generated %s key signs, stored or not", async (algorithm) => {
    const pkcs8 = await generatePkcs8(algorithm, crypto);
    for (const signer of [await signerFromPkcs8(pkcs8, crypto), await generateSigner(algorithm, crypto)]) {
      const scheme = signer.schemes[0]!;
      const signature = await signer.sign(scheme, message);
      for (const [name, provider] of providers) {
        expect(await provider.verify(scheme, signer.publicKey, message, signature), name).toBe(true);
      }
    }
    expect(toHex(nodeSigner(pkcs8).publicKey)).toBe(toHex((await signerFromPkcs8(pkcs8, crypto)).publicKey));
  });

  test("signers from key pairs, not extractable", async () => {
    const parameters = [
      { name: "ECDSA", namedCurve: "P-256" },
      { name: "ECDSA", namedCurve: "P-384" },
      { name: "RSA-PSS", hash: "SHA-384", modulusLength: 2048, publicExponent: Uint8Array.of(1, 0, 1) },
    ];
    const expected = [
      Schemes.ecdsa_secp256r1_sha256,
      Schemes.ecdsa_secp384r1_sha384,
      Schemes.rsa_pss_rsae_sha384,
    ];
    for (const [index, algorithm] of parameters.entries()) {
      const pair = (await crypto.subtle.generateKey(algorithm, false, ["sign", "verify"])) as CryptoKeyPair;
      const signer = await signerFromKeyPair(pair, crypto);
      expect(signer.schemes).toEqual([expected[index]]);
      const signature = await signer.sign(signer.schemes[0]!, message);
      const [, provider] = providers.at(-1)!;
      expect(await provider.verify(signer.schemes[0]!, signer.publicKey, message, signature)).toBe(true);
    }
  });

  test("a signer from an Ed25519 key pair, where WebCrypto has it", async () => {
    const generated = crypto.subtle.generateKey({ name: "Ed25519" }, false, ["sign", "verify"]);
    if (crypto === oldCrypto) {
      await expect(generated).rejects.toThrow("Unrecognized");
      return;
    }
    const signer = await signerFromKeyPair((await generated) as CryptoKeyPair, crypto);
    const signature = await signer.sign(Schemes.ed25519, message);
    for (const [name, provider] of providers) {
      expect(await provider.verify(Schemes.ed25519, signer.publicKey, message, signature), name).toBe(true);
    }
  });

  test("keys that cannot sign here are TypeErrors", async () => {
    const { der } = pkcs8Of["P-256"]!;
    const secp256k1 = hex(
      "303e020100301006072a8648ce3d020106052b8104000a042730250201010420000000000000000000000000000000000000000000000000000000000000000" +
        "1",
    );
    const bad: (Uint8Array | string)[] = [
      new Uint8Array(),
      der.subarray(0, -1),
      new Uint8Array([...der, 0]),
      pkcs8Of["P-256"]!.spki,
      "no PEM",
      "-----BEGIN PRIVATE KEY-----\n????\n-----END PRIVATE KEY-----",
      "-----BEGIN PRIVATE KEY-----\nMIGH",
      secp256k1,
      new Uint8Array(generateKeyPairSync("x25519").privateKey.export({ format: "der", type: "pkcs8" })),
    ];
    for (const key of bad) {
      await expect(signerFromPkcs8(key, crypto)).rejects.toThrow(TypeError);
      expect(() => nodeSigner(key)).toThrow(TypeError);
    }
    for (const jwk of [
      {},
      { kty: "EC", crv: "P-256" },
      { kty: "oct", k: "AAAA", d: "AAAA" },
      { kty: "EC", crv: "P-521", d: "AA" },
    ]) {
      await expect(signerFromJwk(jwk, crypto)).rejects.toThrow(TypeError);
    }
    const ecdh = await crypto.subtle.generateKey({ name: "ECDH", namedCurve: "P-256" }, false, [
      "deriveBits",
    ]);
    await expect(signerFromKeyPair(ecdh as CryptoKeyPair, crypto)).rejects.toThrow(TypeError);
  });
});

describe("ECDSA-Sig-Value", () => {
  test("every r || s survives the way to DER and back", () => {
    for (const raw of [
      "00".repeat(64),
      "ff".repeat(64),
      `80${"00".repeat(63)}`,
      `${"00".repeat(31)}80${"7f".repeat(32)}`,
    ]) {
      expect(toHex(ecdsaFromDer(ecdsaToDer(hex(raw)), 32)!)).toBe(raw);
    }
  });

  // Encodings that BER would allow or that carry more than the two values
  test.each([
    ["empty", ""],
    ["not a SEQUENCE", "3106020101020101"],
    ["indefinite length", "30800201010201010000"],
    ["long form of a short length", "308106020101020101"],
    ["two-octet long form of a short length", "30820006020101020101"],
    ["superfluous zero octet", "300702020001020101"],
    ["negative r", "30060201ff020101"],
    ["negative s", "3006020101020180"],
    ["empty INTEGER", "30050200020101"],
    ["one value", "3003020101"],
    ["three values", "3009020101020101020101"],
    ["trailing byte", "300602010102010100"],
    ["truncated", "3006020101020"],
    ["r wider than the curve", `30260221${"01".repeat(33)}020101`],
  ])("%s is refused", (_name, der) => {
    expect(ecdsaFromDer(hex(der), 32)).toBe(null);
  });
});
