import { RecordCore, type RecordSealer } from "../../src/core/index.ts";
import { coreBytes } from "../../src/core/instance.ts";
import { chacha, openAll, openCore, Random, randomKeys, variants } from "./core-support.ts";
import { bytesEqual, equal, ok, test, throws, toHex } from "./harness.ts";

// Thousands of connections in one instance: their memory is bounded, used again, and wiped.

/** Where in memory a part of a secret lies: eight of its first 256 bytes that follow each other. */
function findTraces(memory: Uint8Array, secret: Uint8Array): number[] {
  const traces: number[] = [];
  for (let part = 0; part + 8 <= Math.min(secret.length, 256); part += 8) {
    const first = secret[part];
    for (let at = memory.indexOf(first); at >= 0; at = memory.indexOf(first, at + 1)) {
      let i = 1;
      while (i < 8 && memory[at + i] === secret[part + i]) i++;
      if (i === 8) traces.push(at);
    }
  }
  return traces;
}

test("core slots: an established connection takes at most 2 KiB", () => {
  const { core } = openCore();
  const { slotBytes } = core.statistics;
  equal(slotBytes, 288);
  ok(2 * slotBytes <= 2048);
  // While keys change, two epochs are open each way.
  ok(4 * slotBytes <= 2048);
});

test("core slots: memory grows with the connections, is used again, and never moves one", async () => {
  const random = new Random(0x5107);
  const { core } = openCore();
  const empty = core.statistics.memoryBytes;
  const connections = Array.from({ length: 4000 }, (_, i) => {
    const keys = randomKeys(chacha, random);
    const sealer = core.createSealer(keys, { epoch: 3, connectionId: Uint8Array.of(i >> 8, i) });
    return { sealer, opener: core.createOpener(keys, { epoch: 3 }), content: random.bytes(16) };
  });
  equal(core.statistics.slots, 8000);
  const full = core.statistics.memoryBytes;
  ok(full > empty, "4,000 connections do not fit into the first pages");
  ok(full - empty <= 4000 * 1024, `${(full - empty) / 4000} bytes a connection`);
  for (const { sealer, opener, content } of connections) {
    const out = new Uint8Array(sealer.overhead + content.length);
    sealer.seal(23, content, 0, out, 0);
    const [outcome] = await openAll(core, opener, out, 2);
    equal(outcome.drop, 0);
    bytesEqual(outcome.content, content);
  }
  for (let round = 0; round < 3; round++) {
    for (const { sealer, opener } of connections) {
      sealer.close();
      opener.close();
    }
    equal(core.statistics.slots, 0);
    for (const connection of connections) {
      const keys = randomKeys(chacha, random);
      connection.sealer = core.createSealer(keys, { epoch: 3 });
      connection.opener = core.createOpener(keys, { epoch: 3 });
    }
    equal(core.statistics.memoryBytes, full, "closed slots are used again");
  }
});

test("core slots: records of one length before and after memory has grown", async (env) => {
  for (const variant of variants(env)) {
    const random = new Random(0x9204);
    const keys = randomKeys(variant, random);
    const { core } = openCore(variant.aes);
    const sealer = core.createSealer(keys, { epoch: 3 });
    const opener = core.createOpener(keys, { epoch: 3 });
    for (let round = 0; round < 3; round++) {
      const content = random.bytes(50);
      const out = new Uint8Array(sealer.overhead + 50);
      await sealer.seal(23, content, 0, out, 0);
      const before = core.statistics.memoryBytes;
      while (core.statistics.memoryBytes === before) core.createOpener(keys, { epoch: 3 });
      const [outcome] = await openAll(core, opener, out);
      equal(outcome.drop, 0, `${variant.name}, round ${round}`);
      bytesEqual(outcome.content, content);
    }
  }
});

test("core slots: opening and closing at random never mixes connections up", async (env) => {
  for (const variant of variants(env)) {
    const random = new Random(0x0c);
    const { core } = openCore(variant.aes);
    const open: {
      sealer: ReturnType<typeof core.createSealer>;
      opener: ReturnType<typeof core.createOpener>;
    }[] = [];
    for (let step = 0; step < 300; step++) {
      if (open.length === 0 || random.chance(0.5)) {
        const keys = randomKeys(variant, random);
        open.push({
          sealer: core.createSealer(keys, { epoch: 3 }),
          opener: core.createOpener(keys, { epoch: 3 }),
        });
      } else if (random.chance(0.4)) {
        const [{ sealer, opener }] = open.splice(random.below(open.length), 1);
        sealer.close();
        opener.close();
      }
      if (open.length === 0) continue;
      const { sealer, opener } = random.pick(open);
      const content = random.bytes(20);
      const out = new Uint8Array(sealer.overhead + 20);
      equal(sealer.nextSequenceNumber, opener.nextSequenceNumber);
      await sealer.seal(23, content, 0, out, 0);
      const [outcome] = await openAll(core, opener, out);
      equal(outcome.drop, 0, `${variant.name}, step ${step}`);
      bytesEqual(outcome.content, content);
      const other = random.pick(open);
      if (other.opener === opener) continue;
      const failed = other.opener.failedRecords;
      ok((await openAll(core, other.opener, out))[0].drop !== 0);
      ok(other.opener.failedRecords <= failed + 1);
    }
    equal(core.statistics.slots, 2 * open.length);
  }
});

test("core slots: closing leaves no trace of keys, nor of records but the last datagram", async (env) => {
  for (const variant of variants(env)) {
    const random = new Random(0x31be);
    const keys = randomKeys(variant, random);
    const { core, exports, memory, slot } = openCore(variant.aes);
    const sealer = core.createSealer(keys, { epoch: 3 });
    const sealing = slot();
    const opener = core.createOpener(keys, { epoch: 3 });
    const secrets = Object.entries({ key: keys.key, iv: keys.iv, snKey: keys.snKey });
    if (variant.tagBytes === 32) {
      const midstates = memory().slice(sealing, sealing + 64);
      secrets.push(["HMAC midstates", midstates]);
    } else if (variant === chacha) {
      equal(
        findTraces(memory(), keys.key).length,
        8,
        "the key is where it is looked for, four parts in two slots",
      );
    }
    for (const length of [16, 100, 300, 1200, 16_384]) {
      const content = random.bytes(length);
      secrets.push([`content of ${length} bytes`, content]);
      const out = new Uint8Array(sealer.overhead + length);
      await sealer.seal(23, content, 0, out, 0);
      equal((await openAll(core, opener, out))[0].drop, 0);
      if (variant === chacha) {
        // The keystream, and the one-time key of Poly1305 before it.
        const inner = Uint8Array.of(...content.subarray(0, 192));
        secrets.push([`keystream of ${length} bytes`, inner.map((byte, i) => byte ^ out[5 + i])]);
      }
    }
    sealer.close();
    opener.close();
    // Datagrams are the reader's: what was opened in place lies there until the next one comes.
    core.reader.begin(new Uint8Array(65_535), 0);
    for (const [name, secret] of secrets) {
      // Integrity-only records are readable on the wire; a copy of the last one may lie about.
      if (variant.tagBytes === 32 && name.startsWith("content")) continue;
      equal(findTraces(memory(), secret).length, 0, `${variant.name}: ${name} lies in memory`);
    }
    bytesEqual(memory().slice(sealing + 4, sealing + 288), new Uint8Array(284), "the slot is wiped");
    equal(exports.slotsInUse(), 0);
  }
});

test("core slots: closing twice is closing, and what is closed is of no use", async (env) => {
  for (const variant of variants(env)) {
    const random = new Random(0xc105ed);
    const keys = randomKeys(variant, random);
    const { core } = openCore(variant.aes);
    const sealer = core.createSealer(keys, { epoch: 3 });
    const opener = core.createOpener(keys, { epoch: 3 });
    const out = new Uint8Array(sealer.overhead + 1);
    await sealer.seal(23, new Uint8Array(1), 0, out, 0);
    for (let i = 0; i < 3; i++) {
      sealer.close();
      opener.close();
      equal(core.statistics.slots, 0);
    }
    const other = core.createSealer(randomKeys(variant, random), { epoch: 3 });
    out.fill(0xaa);
    throws(() => sealer.seal(23, new Uint8Array(1), 0, out, 0), TypeError);
    bytesEqual(out, new Uint8Array(out.length).fill(0xaa));
    throws(() => sealer.setConnectionId(new Uint8Array(1)), TypeError);
    throws(() => sealer.nextSequenceNumber, TypeError);
    throws(() => sealer.needsKeyUpdate, TypeError);
    core.reader.begin(Uint8Array.of(0x2f, 0, 0, 0, 20, ...random.bytes(20)), 0);
    ok(core.reader.next());
    throws(() => opener.open(), TypeError);
    throws(() => opener.nextSequenceNumber, TypeError);
    throws(() => opener.failedRecords, TypeError);
    throws(() => opener.needsKeyUpdate, TypeError);
    equal(other.nextSequenceNumber, 0);
  }
});

/** The module with a memory of so many pages at most (WebAssembly core specification §5.5.8). */
function withMaximumMemory(module: Uint8Array, pages: number): Uint8Array<ArrayBuffer> {
  let at = 8;
  while (module[at] !== 5) {
    let size = 0;
    at++;
    for (let shift = 0; ; shift += 7) {
      const byte = module[at++];
      size |= (byte & 0x7f) << shift;
      if (byte < 0x80) break;
    }
    at += size;
  }
  // Section 5, 3 bytes: one memory, without a maximum, of a number of pages.
  equal(toHex(module.subarray(at, at + 4)), "05030100");
  const memory = [5, 4, 1, 1, module[at + 4], pages];
  return Uint8Array.of(...module.subarray(0, at), ...memory, ...module.subarray(at + 5));
}

test("core slots: when memory is exhausted there are no more connections, and the others go on", async () => {
  const random = new Random(0x00e);
  const module = new WebAssembly.Module(withMaximumMemory(coreBytes(), 6));
  const core = RecordCore.loadSync(module);
  const sealers: RecordSealer[] = [];
  const keys = randomKeys(chacha, random);
  const opener = core.createOpener(keys, { epoch: 3 });
  const fill = () => {
    for (let i = 0; i < 10_000; i++) sealers.push(core.createSealer(keys, { epoch: 3 }));
  };
  throws(fill, RangeError);
  throws(() => core.createOpener(keys, { epoch: 3 }), RangeError);
  equal(core.statistics.memoryBytes, 6 * 65_536);
  equal(core.statistics.slots, sealers.length + 1);
  ok(sealers.length > 600, `only ${sealers.length} connections found room`);
  const out = new Uint8Array(sealers[0].overhead + 1);
  sealers[sealers.length - 1].seal(23, new Uint8Array(1), 0, out, 0);
  equal((await openAll(core, opener, out))[0].drop, 0);
  // One goes, one may come.
  sealers.pop()?.close();
  sealers.push(core.createSealer(keys, { epoch: 3 }));
  throws(() => core.createSealer(keys, { epoch: 3 }), RangeError);
});
