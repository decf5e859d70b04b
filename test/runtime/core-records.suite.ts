import { ContentType, RecordKind } from "../../src/core/index.ts";
import { concat, plaintextRecord, ReferenceRecords } from "./core-reference.ts";
import { openAll, openCore, Random, randomKeys, variants } from "./core-support.ts";
import { bytesEqual, equal, ok, test } from "./harness.ts";

// Whole records, both ways, against the reference implementation (RFC 9147 §4, RFC 9150 §5).

const TYPES = Object.values(ContentType);

test("core records: the reference opens what the core sealed", async (env) => {
  for (const variant of variants(env)) {
    const random = new Random(0x5ea1);
    for (let i = 0; i < 120; i++) {
      const keys = randomKeys(variant, random);
      const { core, exports, slot } = openCore(variant.aes);
      const connectionId = random.bytes(i % 21);
      const epoch = random.below(2 ** 40);
      const sealer = core.createSealer(keys, { epoch, connectionId });
      // AES-GCM may not seal as many records under one key.
      const large = variant.aes === undefined ? [2 ** 32 - 1, 2 ** 32, 2 ** 48 - 4] : [2 ** 24 - 1];
      const first = random.pick([0, 1, 0xffff, 0x10000, ...large]);
      exports.setNextSequence(slot(), first);
      const reference = new ReferenceRecords(env.references, keys);
      for (let n = 0; n < 3; n++) {
        const content = random.bytes(random.pick([0, 1, 2, 15, 16, 17, 63, 64, 65, 300, 1200]));
        const padding = random.pick([0, 0, 1, 7, 8, 9, 100]);
        const type = random.pick(TYPES);
        const label = `${variant.name}, seed ${random.seed}, case ${i}.${n}`;
        const at = random.below(40);
        const length = sealer.overhead + content.length + padding;
        const out = random.bytes(at + length + 40);
        const before = out.slice();
        equal(sealer.nextSequenceNumber, first + n, label);
        equal(await sealer.seal(type, content, padding, out, at), length, label);
        bytesEqual(out.subarray(0, at), before.subarray(0, at), `${label}: before the record`);
        bytesEqual(out.subarray(at + length), before.subarray(at + length), `${label}: behind the record`);
        const opened = await reference.open(out.subarray(at, at + length), connectionId.length, first + n);
        ok(opened, label);
        equal(opened.sequenceNumber, first + n, label);
        equal(opened.epochBits, epoch % 4, label);
        equal(opened.type, type, label);
        equal(opened.padding, padding, label);
        equal(opened.sequenceNumberBytes, 2, label);
        equal(opened.withLength, true, label);
        bytesEqual(opened.connectionId, connectionId, label);
        bytesEqual(opened.content, content, label);
      }
      sealer.close();
    }
  }
});

test("core records: the core opens what the reference sealed", async (env) => {
  for (const variant of variants(env)) {
    const random = new Random(0x09e4);
    for (let i = 0; i < 120; i++) {
      const keys = randomKeys(variant, random);
      const { core, exports, slot } = openCore(variant.aes);
      const connectionIdLength = i % 21;
      const epoch = random.below(2 ** 40);
      const opener = core.createOpener(keys, { epoch });
      const reference = new ReferenceRecords(env.references, keys);
      const first = random.pick([0, 1, 0xff00, 0xffff, 2 ** 32 - 2, 2 ** 48 - 4]);
      exports.setNextSequence(slot(), first);
      for (let n = 0; n < 3; n++) {
        const record = {
          epoch,
          sequenceNumber: first + n,
          type: random.pick(TYPES),
          content: random.bytes(random.pick([0, 1, 2, 15, 16, 17, 63, 64, 65, 300, 1200])),
          padding: random.pick([0, 0, 1, 7, 8, 9, 100]),
          connectionId: random.bytes(connectionIdLength),
          sequenceNumberBytes: random.pick([1, 2] as const),
          withLength: random.chance(0.5),
        };
        const label = `${variant.name}, seed ${random.seed}, case ${i}.${n}`;
        const datagram = await reference.seal(record);
        core.reader.begin(datagram, connectionIdLength);
        ok(core.reader.next(), label);
        equal(core.reader.kind, RecordKind.ciphertext, label);
        equal(core.reader.epochBits, epoch % 4, label);
        equal(core.reader.record.length, datagram.length, label);
        bytesEqual(core.reader.connectionId, record.connectionId, label);
        const opened = await opener.open();
        equal(opened.drop, 0, label);
        equal(opened.type, record.type, label);
        equal(opened.sequenceNumber, record.sequenceNumber, label);
        bytesEqual(opened.buffer.subarray(opened.start, opened.start + opened.length), record.content, label);
        ok(!core.reader.next(), label);
        equal(core.reader.drop, 0, label);
        equal(opener.nextSequenceNumber, first + n + 1, label);
        equal(opener.failedRecords, 0, label);
      }
    }
  }
});

test("core records: the largest records go both ways", async (env) => {
  for (const variant of variants(env)) {
    const random = new Random(0x4000);
    const keys = randomKeys(variant, random);
    const { core } = openCore(variant.aes);
    const sealer = core.createSealer(keys, { epoch: 3, connectionId: random.bytes(20) });
    const opener = core.createOpener(keys, { epoch: 3 });
    const reference = new ReferenceRecords(env.references, keys);
    for (const [length, padding] of [
      [16_384, 0],
      [16_383, 1],
      [0, 16_384],
      [8000, 8384],
    ]) {
      const content = random.bytes(length);
      const out = new Uint8Array(sealer.overhead + 16_384);
      equal(await sealer.seal(23, content, padding, out, 0), out.length);
      const expected = opener.nextSequenceNumber;
      const opened = await reference.open(out, 20, expected);
      ok(opened, variant.name);
      bytesEqual(opened.content, content);
      const [outcome] = await openAll(core, opener, out, 20);
      equal(outcome.drop, 0, `${variant.name}, ${length} and ${padding}`);
      bytesEqual(outcome.content, content);
    }
  }
});

test("core records: a datagram holds many records of several kinds", async (env) => {
  for (const variant of variants(env)) {
    const random = new Random(0xda7a);
    const keys = randomKeys(variant, random);
    const { core } = openCore(variant.aes);
    const opener = core.createOpener(keys, { epoch: 2 });
    const reference = new ReferenceRecords(env.references, keys);
    const connectionId = random.bytes(8);
    const contents = Array.from({ length: 5 }, (_, i) => random.bytes(i * 37));
    const hello = random.bytes(50);
    const datagram = concat(
      plaintextRecord(22, 0, 2 ** 48 - 1, hello),
      ...(await Promise.all(
        contents.map((content, i) =>
          reference.seal({
            epoch: 2,
            sequenceNumber: 4 - i,
            type: 22,
            content,
            // §4: the connection ID once, the length field in all but the last
            ...(i === 0 ? { connectionId } : {}),
            withLength: i < 4,
            sequenceNumberBytes: i === 2 ? 1 : 2,
          }),
        ),
      )),
    );
    const { reader } = core;
    reader.begin(datagram, 8);
    ok(reader.next());
    equal(reader.kind, RecordKind.plaintext);
    equal(reader.type, 22);
    equal(reader.epochBits, 0);
    equal(reader.sequenceNumber, 2 ** 48 - 1);
    bytesEqual(reader.content, hello);
    for (const [i, content] of contents.entries()) {
      ok(reader.next(), `${variant.name}, record ${i}`);
      equal(reader.kind, RecordKind.ciphertext);
      equal(reader.connectionId.length, i === 0 ? 8 : 0);
      const opened = await opener.open();
      equal(opened.drop, 0, `${variant.name}, record ${i}`);
      equal(opened.sequenceNumber, 4 - i);
      bytesEqual(opened.buffer.subarray(opened.start, opened.start + opened.length), content);
    }
    ok(!reader.next());
    equal(reader.drop, 0);
  }
});

test("core records: plaintext records are what the reference writes", () => {
  const { core } = openCore();
  const random = new Random(0x0000);
  for (const sequenceNumber of [0, 1, 0xffff, 2 ** 32, 2 ** 48 - 1]) {
    for (const type of [21, 22, 26]) {
      for (const length of [0, 1, 100, 16_384]) {
        const content = random.bytes(length);
        const out = random.bytes(length + 40);
        const before = out.slice();
        equal(core.writePlaintext(type, sequenceNumber, content, out, 11), length + 13);
        const expected = before.slice();
        expected.set(plaintextRecord(type, 0, sequenceNumber, content), 11);
        bytesEqual(out, expected);
      }
    }
  }
});

test("core records: a connection ID can change and go", async (env) => {
  for (const variant of variants(env)) {
    const random = new Random(0xc1d);
    const keys = randomKeys(variant, random);
    const { core } = openCore(variant.aes);
    const sealer = core.createSealer(keys, { epoch: 3 });
    const reference = new ReferenceRecords(env.references, keys);
    for (const [sequenceNumber, length] of [0, 20, 3, 0, 1].entries()) {
      const connectionId = random.bytes(length);
      sealer.setConnectionId(connectionId);
      const out = new Uint8Array(sealer.overhead + 10);
      equal(await sealer.seal(23, random.bytes(10), 0, out, 0), out.length);
      equal(sealer.overhead, 5 + length + 1 + variant.tagBytes);
      const opened = await reference.open(out, length, sequenceNumber);
      ok(opened, variant.name);
      equal(opened.sequenceNumber, sequenceNumber);
      bytesEqual(opened.connectionId, connectionId);
    }
  }
});

test("core records: content may lie in the core's own memory, as when records are echoed", async (env) => {
  for (const variant of variants(env)) {
    const random = new Random(0xec40);
    const keys = randomKeys(variant, random);
    const { core } = openCore(variant.aes);
    const sealer = core.createSealer(keys, { epoch: 3 });
    const opener = core.createOpener(keys, { epoch: 3 });
    const content = random.bytes(1000);
    let datagram = new Uint8Array(sealer.overhead + content.length);
    await sealer.seal(23, content, 0, datagram, 0);
    for (let round = 0; round < 3; round++) {
      core.reader.begin(datagram, 0);
      core.reader.next();
      const { drop, buffer, start, length } = await opener.open();
      equal(drop, 0);
      datagram = new Uint8Array(datagram.length);
      await sealer.seal(23, buffer.subarray(start, start + length), 0, datagram, 0);
    }
    bytesEqual((await openAll(core, opener, datagram))[0].content, content);
  }
});
