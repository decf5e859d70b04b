import * as rfc8439 from "../vectors/rfc8439.ts";
import { referenceAead } from "./core-reference.ts";
import { openCore, Random } from "./core-support.ts";
import { bytesEqual, equal, fromHex, ok, test } from "./harness.ts";

// The kernels of the record core by themselves: RFC 8439's vectors, and ChaCha20-Poly1305 against somebody else's.

const { exports, memory } = openCore();

/** A layout of our own in the room where datagrams go. */
const KEY = exports.IN.value;
const NONCE = KEY + 32;
const AAD = NONCE + 64;
const DATA = AAD + 256;
/** What the kernels may clobber behind what they seal (assembly/aead.ts). */
const CLOBBERED = 31;

function put(at: number, bytes: Uint8Array): void {
  memory().set(bytes, at);
}

function get(at: number, length: number): Uint8Array {
  return memory().slice(at, at + length);
}

const text = (string: string) => new TextEncoder().encode(string);

test("core kernels: ChaCha20 blocks, RFC 8439 §A.1", () => {
  for (const { key, nonce, counter, keystream } of rfc8439.blocks) {
    put(KEY, fromHex(key));
    put(NONCE, fromHex(nonce));
    exports.chacha20Block(KEY, counter, NONCE, DATA);
    bytesEqual(get(DATA, 64), fromHex(keystream));
  }
});

test("core kernels: ChaCha20 encryption, RFC 8439 §A.2", () => {
  for (const { key, nonce, counter, plaintext, ciphertext } of rfc8439.encryptions) {
    put(KEY, fromHex(key));
    put(NONCE, fromHex(nonce));
    const encrypted = text(plaintext);
    for (let at = 0; at < encrypted.length; at += 64) {
      exports.chacha20Block(KEY, counter + at / 64, NONCE, DATA);
      const keystream = get(DATA, 64);
      for (let i = at; i < Math.min(at + 64, encrypted.length); i++) encrypted[i] ^= keystream[i - at];
    }
    bytesEqual(encrypted, fromHex(ciphertext));
  }
});

test("core kernels: Poly1305, RFC 8439 §A.3", () => {
  for (const { number, key, data, tag } of rfc8439.authenticators) {
    put(KEY, fromHex(key));
    put(DATA, fromHex(data));
    // At once, and a block at a time.
    for (const step of [data.length / 32, 1]) {
      exports.poly1305Init(KEY);
      for (let block = 0; block < data.length / 32; block += step) {
        exports.poly1305Blocks(DATA + 16 * block, step);
      }
      exports.poly1305Finish(NONCE);
      bytesEqual(get(NONCE, 16), fromHex(tag), `test vector #${number}`);
    }
  }
});

test("core kernels: Poly1305 one-time keys, RFC 8439 §A.4", () => {
  for (const { key, nonce, oneTimeKey } of rfc8439.oneTimeKeys) {
    put(KEY, fromHex(key));
    put(NONCE, fromHex(nonce));
    exports.chacha20Block(KEY, 0, NONCE, DATA);
    bytesEqual(get(DATA, 32), fromHex(oneTimeKey));
  }
});

test("core kernels: the AEAD, RFC 8439 §2.8.2 and §A.5", () => {
  for (const vector of rfc8439.aeads) {
    const additionalData = fromHex(vector.additionalData);
    const plaintext = text(vector.plaintext);
    const sealed = fromHex(vector.ciphertext + vector.tag);
    put(KEY, fromHex(vector.key));
    put(NONCE, fromHex(vector.nonce));
    put(AAD, additionalData);
    put(DATA, sealed);
    equal(exports.aeadOpen(KEY, NONCE, AAD, additionalData.length, DATA, plaintext.length), 1);
    bytesEqual(get(DATA, plaintext.length), plaintext);
    exports.aeadSeal(KEY, NONCE, AAD, additionalData.length, DATA, plaintext.length);
    bytesEqual(get(DATA, sealed.length), sealed);
  }
});

/** Every length from 0 to 300 thirty times, then around 1,200 and 16,384: 10,000 in all. */
function* lengths(random: Random): Generator<number> {
  for (let i = 0; i < 30; i++) for (let length = 0; length <= 300; length++) yield length;
  for (let i = 0; i < 900; i++) yield 1200 - 64 + random.below(128);
  for (let i = 0; i < 70; i++) yield 16_384 - 64 + random.below(128);
}

test("core kernels: ChaCha20-Poly1305 equals the reference in 10,000 random cases", async (env) => {
  const random = new Random(0x8439);
  const reference = referenceAead(env.references, "ChaCha20-Poly1305");
  let count = 0;
  for (const length of lengths(random)) {
    const label = `seed ${random.seed}, case ${count}, ${length} bytes`;
    const key = random.bytes(32);
    const nonce = random.bytes(12);
    const additionalData = random.bytes(count % 33);
    const plaintext = random.bytes(length);
    // Data at any alignment, between bytes that show what was written where.
    const data = DATA + random.below(32);
    const around = random.bytes(16 + length + 16 + 64);
    const end = 16 + length + 16;
    put(KEY, key);
    put(NONCE, nonce);
    put(AAD, random.bytes(80));
    put(AAD, additionalData);
    put(data - 16, around);
    put(data, plaintext);
    exports.aeadSeal(KEY, NONCE, AAD, additionalData.length, data, length);
    const sealed = get(data, length + 16);
    bytesEqual(sealed, await reference.seal(key, nonce, additionalData, plaintext), label);
    bytesEqual(get(data - 16, 16), around.subarray(0, 16), `${label}: before the data`);
    bytesEqual(
      get(data + length + CLOBBERED, 16),
      around.subarray(end - 16 + CLOBBERED, end + CLOBBERED),
      `${label}: behind the data`,
    );

    // A wrong tag leaves everything as it was; a right one changes the data only.
    put(data - 16, around);
    const forged = sealed.slice();
    forged[random.below(forged.length)] ^= 1 << random.below(8);
    put(data, forged);
    equal(exports.aeadOpen(KEY, NONCE, AAD, additionalData.length, data, length), 0, label);
    bytesEqual(get(data, length + 16), forged, `${label}: a forgery`);
    put(data, sealed);
    equal(exports.aeadOpen(KEY, NONCE, AAD, additionalData.length, data, length), 1, label);
    bytesEqual(get(data, length), plaintext, label);
    bytesEqual(get(data - 16, 16), around.subarray(0, 16), `${label}: before the data`);
    bytesEqual(get(data + length, 16), sealed.subarray(length), `${label}: the tag`);
    bytesEqual(get(data + length + 16, 64), around.subarray(end), `${label}: behind the tag`);
    count++;
  }
  equal(count, 10_000);
});

for (const [cipher, keyBytes] of [
  ["AES-128-GCM", 16],
  ["AES-256-GCM", 32],
] as const) {
  test(`core kernels: ${cipher} of every backend equals the reference in 10,000 random cases`, async (env) => {
    const reference = referenceAead(env.references, cipher);
    for (const [name, backend] of Object.entries(env.aesBackends)) {
      const random = new Random(0x5116 + keyBytes);
      let count = 0;
      const check = async (length: number) => {
        const label = `${name}, seed ${random.seed}, case ${count}, ${length} bytes`;
        const key = random.bytes(keyBytes);
        const snKey = random.bytes(keyBytes);
        const nonce = random.bytes(12);
        const additionalData = random.bytes(count % 33);
        const plaintext = random.bytes(length);
        const flip = random.below((length + 16) * 8);
        count++;
        const keys = backend.importKeys(key, snKey);
        const sealed = await keys.seal(nonce, additionalData, plaintext);
        bytesEqual(sealed, await reference.seal(key, nonce, additionalData, plaintext), label);
        const sample = sealed.slice(0, 16);
        const mask = await keys.mask(sample);
        bytesEqual(mask.subarray(0, 2), reference.mask(snKey, sample).subarray(0, 2), `${label}: mask`);
        const opened = await keys.open(nonce, additionalData, sealed);
        ok(opened, label);
        bytesEqual(opened, plaintext, label);
        const forged = sealed.slice();
        forged[flip >> 3] ^= 1 << (flip & 7);
        equal(await keys.open(nonce, additionalData, forged), null, `${label}: a forgery`);
      };
      // Some at a time: an answer from WebCrypto is long in coming.
      const all = [...lengths(random)];
      for (let at = 0; at < all.length; at += 50) await Promise.all(all.slice(at, at + 50).map(check));
      equal(count, 10_000);
    }
  });
}
