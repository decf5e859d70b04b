import { DropReason, keyLimits, Protection } from "../../src/core/index.ts";
import { ReferenceRecords } from "./core-reference.ts";
import { openAll, openCore, Random, randomKeys, variants } from "./core-support.ts";
import { bytesEqual, equal, ok, test, throws } from "./harness.ts";

// What a record may hold (RFC 8446 §5.4, RFC 9147 §4.1, §4.5.2) and how long a key may live (RFC 9147 §4.5.3).

test("core limits: content, type and padding are told apart", async (env) => {
  for (const variant of variants(env)) {
    const random = new Random(0x9add);
    const keys = randomKeys(variant, random);
    const { core } = openCore(variant.aes);
    const opener = core.createOpener(keys, { epoch: 3 });
    const reference = new ReferenceRecords(env.references, keys);
    let sequenceNumber = 0;
    for (const length of [0, 1, 7, 8, 9, 16]) {
      for (let padding = 0; padding <= 40; padding++) {
        // Zeros at the end of the content are content.
        const content = random.chance(0.5) ? random.bytes(length) : new Uint8Array(length);
        const record = await reference.seal({ epoch: 3, sequenceNumber, type: 22, content, padding });
        const [outcome] = await openAll(core, opener, record);
        equal(outcome.drop, 0, `${variant.name}, ${length} and ${padding}`);
        equal(outcome.type, 22);
        equal(outcome.sequenceNumber, sequenceNumber);
        bytesEqual(outcome.content, content, `${variant.name}, ${length} and ${padding}`);
        sequenceNumber++;
      }
    }
  }
});

test("core limits: of inner types only those that DTLS 1.3 protects are accepted", async (env) => {
  for (const variant of variants(env)) {
    const random = new Random(0x79fe);
    const keys = randomKeys(variant, random);
    const { core } = openCore(variant.aes);
    const opener = core.createOpener(keys, { epoch: 3 });
    const sealer = core.createSealer(keys, { epoch: 3 });
    const out = new Uint8Array(sealer.overhead + 4);
    const reference = new ReferenceRecords(env.references, keys);
    let accepted = 0;
    for (let type = 0; type < 256; type++) {
      const content = Uint8Array.of(1, 2, 3, 4);
      const record = await reference.seal({ epoch: 3, sequenceNumber: accepted, type, content });
      const [outcome] = await openAll(core, opener, record);
      const isProtected = [21, 22, 23, 26, 27].includes(type);
      // Type 0 is padding, and what was content is content and type.
      equal(outcome.drop, isProtected ? 0 : DropReason.inner_type, `${variant.name}, type ${type}`);
      if (isProtected) {
        equal(outcome.type, type);
        accepted++;
        equal(await sealer.seal(type as 23, content, 0, out, 0), out.length);
      } else {
        // §4.5.2: no "replay windows" are updated
        equal(opener.nextSequenceNumber, accepted);
        throws(() => sealer.seal(type as 23, content, 0, out, 0), RangeError);
      }
      equal(sealer.nextSequenceNumber, accepted);
    }
    equal(accepted, 5);
    equal(opener.failedRecords, 0);
  }
});

test("core limits: a record that is all padding is dropped, and its number is not taken", async (env) => {
  for (const variant of variants(env)) {
    const random = new Random(0xa11);
    const keys = randomKeys(variant, random);
    const { core, slot, slotBytes } = openCore(variant.aes);
    const opener = core.createOpener(keys, { epoch: 3 });
    const reference = new ReferenceRecords(env.references, keys);
    const before = slotBytes(slot());
    for (const length of [0, 1, 2, 7, 8, 9, 15, 16, 17, 1000, 16_385]) {
      const record = await reference.sealInner({ epoch: 3, sequenceNumber: 0 }, new Uint8Array(length));
      const [{ drop }] = await openAll(core, opener, record);
      // An integrity-only record without even a type is shorter than any: as if deprotection had failed.
      const expected =
        length === 0 && variant.tagBytes === 32 ? DropReason.authentication : DropReason.inner_type;
      equal(drop, expected, `${variant.name}, ${length} bytes`);
    }
    const after = slotBytes(slot());
    after.fill(0, 104, 112);
    bytesEqual(after, before, variant.name);
    const content = random.bytes(9);
    const record = await reference.seal({ epoch: 3, sequenceNumber: 0, type: 23, content });
    equal((await openAll(core, opener, record))[0].drop, 0, variant.name);
  }
});

test("core limits: a DTLSInnerPlaintext has 2^14+1 bytes at most, padding included", async (env) => {
  for (const variant of variants(env)) {
    const random = new Random(0x4001);
    const keys = randomKeys(variant, random);
    const { core } = openCore(variant.aes);
    const opener = core.createOpener(keys, { epoch: 3 });
    const reference = new ReferenceRecords(env.references, keys);
    for (const [length, padding, drop] of [
      [16_384, 1, DropReason.length],
      [16_385, 0, DropReason.length],
      [100, 16_285, DropReason.length],
      [16_384, 200, DropReason.length],
      [16_384, 0, 0],
      [100, 16_284, 0],
    ]) {
      const sequenceNumber = opener.nextSequenceNumber;
      const content = random.bytes(length);
      const record = await reference.seal({ epoch: 3, sequenceNumber, type: 23, content, padding });
      const [outcome] = await openAll(core, opener, record);
      equal(outcome.drop, drop, `${variant.name}, ${length} and ${padding}`);
      equal(opener.nextSequenceNumber, sequenceNumber + (drop === 0 ? 1 : 0));
    }
    // RFC 8446 §5.2: no DTLSCiphertext is longer than 2^14 + 256, so nothing longer is even tried.
    const longest = 16_384 + 256 - variant.tagBytes;
    for (const [length, tried] of [
      [longest, 1],
      [longest + 1, 0],
    ]) {
      const record = await reference.sealInner({ epoch: 3, sequenceNumber: 9 }, random.bytes(length));
      equal((await openAll(core, opener, record)).length, tried, `${variant.name}, ${length}`);
    }
    equal(opener.failedRecords, 0);
  }
});

test("core limits: a key seals as many records as it may, and asks for its successor in time", async (env) => {
  for (const variant of variants(env)) {
    const random = new Random(0x5ea1ed);
    const keys = randomKeys(variant, random);
    const { core } = openCore(variant.aes);
    const sealer = core.createSealer(keys, { epoch: 3, limit: 16 });
    const out = new Uint8Array(sealer.overhead + 1);
    for (let n = 0; n < 16; n++) {
      equal(sealer.needsKeyUpdate, n >= 14, `${variant.name}, ${n} sealed`);
      equal(await sealer.seal(23, new Uint8Array(1), 0, out, 0), out.length);
    }
    out.fill(0);
    for (let n = 0; n < 3; n++) throws(() => sealer.seal(23, new Uint8Array(1), 0, out, 0), RangeError);
    bytesEqual(out, new Uint8Array(out.length));
    equal(sealer.nextSequenceNumber, 16);
    equal(sealer.needsKeyUpdate, true);
  }
});

test("core limits: the limits of the standard hold whatever is asked for", async (env) => {
  equal(keyLimits(Protection.chacha20_poly1305).sealed, 2 ** 48);
  equal(keyLimits(Protection.aes_gcm).sealed, Math.floor(2 ** 24.5));
  for (const protection of Object.values(Protection)) equal(keyLimits(protection).failed, 2 ** 36);
  for (const variant of variants(env)) {
    const random = new Random(0x24_5);
    const keys = randomKeys(variant, random);
    const { sealed } = keyLimits(variant.protection);
    for (const limit of [undefined, Number.POSITIVE_INFINITY, 2 ** 60]) {
      const { core, exports, slot } = openCore(variant.aes);
      const sealer = core.createSealer(keys, limit === undefined ? { epoch: 3 } : { epoch: 3, limit });
      const out = new Uint8Array(sealer.overhead);
      exports.setNextSequence(slot(), Math.floor((sealed / 8) * 7) - 1);
      equal(sealer.needsKeyUpdate, false);
      await sealer.seal(23, new Uint8Array(0), 0, out, 0);
      equal(sealer.needsKeyUpdate, true);
      exports.setNextSequence(slot(), sealed - 1);
      await sealer.seal(23, new Uint8Array(0), 0, out, 0);
      throws(() => sealer.seal(23, new Uint8Array(0), 0, out, 0), RangeError);
      equal(sealer.nextSequenceNumber, sealed);
    }
  }
});

test("core limits: failures use a key up, and then it opens nothing", async (env) => {
  for (const variant of variants(env)) {
    const random = new Random(0xfa11);
    const keys = randomKeys(variant, random);
    const { core, slot, slotBytes } = openCore(variant.aes);
    const opener = core.createOpener(keys, { epoch: 3, limit: 8 });
    const reference = new ReferenceRecords(env.references, keys);
    const seal = (sequenceNumber: number) =>
      reference.seal({ epoch: 3, sequenceNumber, type: 23, content: random.bytes(20) });
    for (let failures = 0; failures < 8; failures++) {
      equal(opener.failedRecords, failures);
      equal(opener.needsKeyUpdate, failures >= 4, `${variant.name}, ${failures} failures`);
      equal((await openAll(core, opener, await seal(failures)))[0].drop, 0);
      const forged = await seal(failures + 1);
      forged[forged.length - 1] ^= 0x80;
      equal((await openAll(core, opener, forged))[0].drop, DropReason.authentication);
    }
    equal(opener.failedRecords, 8);
    const before = slotBytes(slot());
    equal((await openAll(core, opener, await seal(8)))[0].drop, DropReason.limit, variant.name);
    bytesEqual(slotBytes(slot()), before);
    equal(opener.needsKeyUpdate, true);
  }
});

test("core limits: failures are counted above 2^32 as well", async (env) => {
  for (const variant of variants(env)) {
    const random = new Random(0x100000000);
    const keys = randomKeys(variant, random);
    const { core, slot, memory } = openCore(variant.aes);
    const opener = core.createOpener(keys, { epoch: 3 });
    const reference = new ReferenceRecords(env.references, keys);
    const record = await reference.seal({ epoch: 3, sequenceNumber: 0, type: 23, content: random.bytes(1) });
    const forged = record.slice();
    forged[10] ^= 1;
    const count = new DataView(memory().buffer, slot() + 104, 8);
    count.setBigUint64(0, 2n ** 36n - 1n, true);
    equal(opener.failedRecords, 2 ** 36 - 1);
    ok(opener.needsKeyUpdate);
    equal((await openAll(core, opener, forged))[0].drop, DropReason.authentication, variant.name);
    equal(opener.failedRecords, 2 ** 36);
    equal((await openAll(core, opener, record))[0].drop, DropReason.limit, variant.name);
  }
});
