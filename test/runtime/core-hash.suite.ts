import { runtimeCrypto } from "../../src/crypto/runtime-crypto.ts";
import { concat } from "./core-reference.ts";
import { openCore, Random } from "./core-support.ts";
import { bytesEqual, equal, ok, test, throws } from "./harness.ts";

// SHA-256 and HMAC-SHA-256 of the core against WebCrypto's.

const { subtle } = await runtimeCrypto();

async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  return new Uint8Array(await subtle.digest("SHA-256", bytes));
}

async function hmac(key: Uint8Array<ArrayBuffer>, message: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const hmacKey = await subtle.importKey("raw", key, algorithm, false, ["sign"]);
  return new Uint8Array(await subtle.sign("HMAC", hmacKey, message));
}

test("core hash: SHA-256 of every length, in pieces of any length", async () => {
  const random = new Random(0x256);
  const { core } = openCore();
  const lengths = [...Array(301).keys(), 16_320, 16_384, 16_385, 40_000, 100_000];
  for (const length of lengths) {
    const message = random.bytes(length);
    const hash = core.createSha256();
    for (let at = 0; at < length; ) {
      const take = Math.min(length - at, random.below(random.pick([3, 70, 200, 50_000])));
      hash.update(message.subarray(at, at + take));
      at += take;
      // Another hash in between, and records, share the same memory.
      if (random.chance(0.1)) core.createSha256().update(random.bytes(100)).digest();
    }
    const label = `seed ${random.seed}, ${length} bytes`;
    bytesEqual(hash.digest(), await sha256(message), label);
    // It goes on, and a clone goes its own way.
    const clone = hash.clone();
    const [one, other] = [random.bytes(77), random.bytes(5)];
    hash.update(one);
    clone.update(other);
    bytesEqual(hash.digest(), await sha256(concat(message, one)), label);
    bytesEqual(clone.digest(), await sha256(concat(message, other)), label);
  }
});

test("core hash: HMAC-SHA-256 for keys and messages of many lengths, and nothing of them is left", async () => {
  const random = new Random(0x2104);
  const { core, memory, exports } = openCore();
  for (let i = 0; i < 400; i++) {
    // WebCrypto refuses empty keys.
    const key = random.bytes(1 + random.pick([random.below(130), 31, 47, 63, 64]));
    const parts = Array.from({ length: random.below(4) }, () => random.bytes(random.below(200)));
    const tag = core.hmacSha256(key, ...parts);
    bytesEqual(tag, await hmac(key, concat(...parts)), `seed ${random.seed}, case ${i}`);
    const { STAGING, MASK } = exports;
    ok(
      memory()
        .subarray(MASK.value, MASK.value + 32)
        .every((byte) => byte === 0),
    );
    ok(
      memory()
        .subarray(STAGING.value, STAGING.value + 1000)
        .every((byte) => byte === 0),
    );
  }
  const room = exports.STAGING_SIZE.value;
  const key = random.bytes(32);
  const longest = random.bytes(room - 32);
  bytesEqual(core.hmacSha256(key, longest), await hmac(key, longest));
  throws(() => core.hmacSha256(key, longest, new Uint8Array(1)), RangeError);
  equal(core.statistics.slots, 0);
});
