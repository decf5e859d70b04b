import { AEADS } from "./env.ts";
import {
  AssertionError,
  bytesEqual,
  equal,
  fail,
  fromHex,
  ok,
  rejects,
  test,
  throws,
  toHex,
} from "./harness.ts";

// What the other suites stand on: assertions that do fail, and references that agree with each other.

test("harness: every assertion fails when it should", async () => {
  throws(() => fail("on purpose"), AssertionError);
  throws(() => ok(0), AssertionError);
  throws(() => equal(1, 2), AssertionError);
  throws(() => equal(0, -0), AssertionError);
  throws(() => bytesEqual(fromHex("00ff"), fromHex("00fe")), AssertionError);
  throws(() => bytesEqual(fromHex("00ff"), fromHex("00")), AssertionError);
  throws(() => throws(() => 1, Error), AssertionError);
  throws(
    () =>
      throws(() => {
        throw new TypeError("another class");
      }, RangeError),
    AssertionError,
  );
  await rejects(rejects(Promise.resolve(1), Error), AssertionError);
  await rejects(rejects(Promise.reject(new TypeError("another class")), RangeError), AssertionError);
});

test("harness: every assertion holds when it should", async () => {
  ok(1);
  equal(Number.NaN, Number.NaN);
  bytesEqual(fromHex("00 FF"), Uint8Array.of(0, 255));
  equal(toHex(Uint8Array.of(0, 1, 255)), "0001ff");
  equal(throws(() => fail("on purpose"), AssertionError).message, "on purpose");
  equal((await rejects(Promise.reject(new RangeError("so")), RangeError)).message, "so");
});

test("harness: a difference in bytes is shown where it is", () => {
  const bytes = new Uint8Array(100);
  const other = bytes.slice();
  other[70] = 0xab;
  const { message } = throws(() => bytesEqual(other, bytes), AssertionError);
  ok(message.includes("from byte 70"));
  ok(message.includes("ab"));
  ok(message.includes("(100 bytes)"));
});

test("references: ChaCha20-Poly1305 of RFC 8439 §2.8.2", async ({ references }) => {
  const key = fromHex("808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f");
  const nonce = fromHex("070000004041424344454647");
  const additionalData = fromHex("50515253c0c1c2c3c4c5c6c7");
  const plaintext = new TextEncoder().encode(
    "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.",
  );
  const start = fromHex("d31a8d34648e60db7b86afbc53ef7ec2");
  const tag = fromHex("1ae10b594f09e26a7e902ecbd0600691");
  let count = 0;
  for (const { name, aeads } of references) {
    const aead = aeads["ChaCha20-Poly1305"];
    if (aead === undefined) continue;
    const sealed = await aead.seal(key, nonce, additionalData, plaintext);
    bytesEqual(sealed.subarray(0, 16), start, name);
    bytesEqual(sealed.subarray(-16), tag, name);
    count++;
  }
  ok(count > 0, "at least one reference is needed");
});

test("references: AES-GCM, test case 4 of its specification", async ({ references }) => {
  const key = fromHex("feffe9928665731c6d6a8f9467308308");
  const nonce = fromHex("cafebabefacedbaddecaf888");
  const additionalData = fromHex("feedfacedeadbeeffeedfacedeadbeefabaddad2");
  const plaintext = fromHex(
    "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72" +
      "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
  );
  const sealed = fromHex(
    "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e" +
      "21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e0915bc94fbc3221a5db94fae95ae7121a47",
  );
  for (const { name, aeads } of references) {
    const aead = aeads["AES-128-GCM"];
    ok(aead, `${name} has AES-128-GCM`);
    bytesEqual(await aead.seal(key, nonce, additionalData, plaintext), sealed, name);
  }
});

test("references: they open each other's ciphertexts, reject altered ones and agree on masks", async (env) => {
  for (const suite of AEADS) {
    const key = new Uint8Array(suite === "AES-128-GCM" ? 16 : 32).fill(7);
    const nonce = new Uint8Array(12).fill(9);
    const additionalData = Uint8Array.of(1, 2, 3);
    const plaintext = Uint8Array.from({ length: 100 }, (_, i) => i);
    const masks: string[] = [];
    for (const { name, aeads } of env.references) {
      const aead = aeads[suite];
      if (aead === undefined) continue;
      const sealed = await aead.seal(key, nonce, additionalData, plaintext);
      equal(sealed.length, plaintext.length + 16);
      const altered = sealed.slice();
      altered[50] ^= 1;
      for (const other of env.references) {
        const opener = other.aeads[suite];
        if (opener === undefined) continue;
        const opened = await opener.open(key, nonce, additionalData, sealed);
        ok(opened, `${other.name} opens what ${name} sealed`);
        bytesEqual(opened, plaintext, `${other.name} opens what ${name} sealed`);
        equal(await opener.open(key, nonce, additionalData, altered), null, `${other.name} rejects`);
      }
      if (aead.mask !== undefined) masks.push(toHex(aead.mask(key, sealed.subarray(0, 16))));
    }
    ok(masks.length > 0, `a reference has a mask for ${suite}`);
    equal(new Set(masks).size, 1, `masks for ${suite} differ: ${masks.join(", ")}`);
  }
});
