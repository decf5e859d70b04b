import { DropReason } from "../../src/core/index.ts";
import { type ReferenceRecord, ReferenceRecords } from "./core-reference.ts";
import { openAll, openCore, Random, randomKeys, variants } from "./core-support.ts";
import { bytesEqual, equal, ok, test } from "./harness.ts";

// What is not authentic leaves no trace but a count (RFC 9147 §4.5.2, §4.5.3).

const FAILED = 104;

/** A slot without its count of failures. */
function essence(slot: Uint8Array): Uint8Array {
  const rest = slot.slice();
  rest.fill(0, FAILED, FAILED + 8);
  return rest;
}

test("core forgery: every flipped bit of a record is noticed, and moves nothing", async (env) => {
  for (const variant of variants(env)) {
    const random = new Random(0xb17);
    const keys = randomKeys(variant, random);
    const { core, slot, slotBytes } = openCore(variant.aes);
    const reference = new ReferenceRecords(env.references, keys);
    const forms: ({ length: number } & Partial<ReferenceRecord>)[] = [
      { length: 0 },
      { length: 1, withLength: false },
      { length: 16, connectionId: random.bytes(3) },
      { length: 17, padding: 5, sequenceNumberBytes: 1 },
      { length: 130, connectionId: random.bytes(20) },
    ];
    for (const { length, ...form } of forms) {
      const opener = core.createOpener(keys, { epoch: 3 });
      const at = slot();
      const connectionIdLength = form.connectionId?.length ?? 0;
      const seal = (sequenceNumber: number) =>
        reference.seal({ epoch: 3, sequenceNumber, type: 23, content: random.bytes(length), ...form });
      // Some numbers are taken already, so that a forged number can look like a replay.
      for (const sequenceNumber of [0, 1, 2, 9]) {
        equal(
          (await openAll(core, opener, await seal(sequenceNumber), connectionIdLength))[0].drop,
          0,
          `${variant.name}, ${length} bytes, number ${sequenceNumber}`,
        );
      }
      const record = await seal(7);
      const before = slotBytes(at);
      let failures = 0;
      for (let bit = 0; bit < record.length * 8; bit++) {
        const label = `${variant.name}, ${length} bytes, bit ${bit}`;
        const forged = record.slice();
        forged[bit >> 3] ^= 1 << (bit & 7);
        for (const { drop } of await openAll(core, opener, forged, connectionIdLength)) {
          ok(drop === DropReason.authentication || drop === DropReason.replayed, `${label}: ${drop}`);
          if (drop === DropReason.authentication) failures++;
        }
        equal(opener.failedRecords, failures, label);
        bytesEqual(essence(slotBytes(at)), essence(before), label);
      }
      ok(failures >= (length + 16) * 8, `${variant.name}: only ${failures} failures`);
      // The record itself is still new, once.
      equal((await openAll(core, opener, record, connectionIdLength))[0].drop, 0, variant.name);
      const after = slotBytes(at);
      equal(
        (await openAll(core, opener, record, connectionIdLength))[0].drop,
        DropReason.replayed,
        variant.name,
      );
      bytesEqual(slotBytes(at), after, `${variant.name}: a replay is no failure`);
      opener.close();
    }
  }
});

test("core forgery: another key, another IV and another number key are noticed", async (env) => {
  for (const variant of variants(env)) {
    const random = new Random(0x4e1);
    const keys = randomKeys(variant, random);
    const { core } = openCore(variant.aes);
    const record = await new ReferenceRecords(env.references, keys).seal({
      epoch: 3,
      sequenceNumber: 0,
      type: 23,
      content: random.bytes(40),
    });
    for (const part of ["key", "iv", "snKey"] as const) {
      const wrong = keys[part].slice();
      wrong[random.below(wrong.length)] ^= 1 << random.below(8);
      const opener = core.createOpener({ ...keys, [part]: wrong }, { epoch: 3 });
      const [{ drop }] = await openAll(core, opener, record);
      // Record numbers of integrity-only records are not encrypted (RFC 9150).
      const unused = variant.name === "integrity only" && part === "snKey";
      equal(drop, unused ? 0 : DropReason.authentication, `${variant.name}, ${part}`);
      opener.close();
    }
  }
});

test("core forgery: what is too short for a tag is dropped without a look at it", async (env) => {
  for (const variant of variants(env)) {
    const random = new Random(0x54047);
    const { core } = openCore(variant.aes);
    const opener = core.createOpener(randomKeys(variant, random), { epoch: 3 });
    for (let length = 0; length <= variant.tagBytes; length++) {
      const record = Uint8Array.of(0x2f, 0, 0, 0, length, ...random.bytes(length));
      const outcomes = await openAll(core, opener, record);
      // §4.2.3: below 16 bytes there is nothing to take a mask from.
      equal(outcomes.length, length < 16 ? 0 : 1, `${variant.name}, ${length} bytes`);
      for (const { drop } of outcomes) equal(drop, DropReason.authentication);
    }
  }
});
