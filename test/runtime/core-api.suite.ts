import {
  ContentType,
  DropReason,
  dropReasonName,
  type Protection,
  RecordCore,
} from "../../src/core/index.ts";
import { coreBytes } from "../../src/core/instance.ts";
import {
  aesVariant,
  chacha,
  integrityOnly,
  openAll,
  openCore,
  Random,
  randomKeys,
  variants,
} from "./core-support.ts";
import { bytesEqual, equal, ok, test, throws } from "./harness.ts";

// How the core is loaded, and what it makes of callers' mistakes: an error, before anything has changed.

test("core api: the bundled module needs no imports and is a WASM module", () => {
  const module = new WebAssembly.Module(coreBytes());
  equal(WebAssembly.Module.imports(module).length, 0);
});

test("core api: a core is loaded from the bundle or from a module, at once or later", async () => {
  const module = await WebAssembly.compile(coreBytes());
  const cores = [
    await RecordCore.load(),
    RecordCore.loadSync(),
    await RecordCore.load(module),
    RecordCore.loadSync(module),
  ];
  const random = new Random(0x10ad);
  const keys = randomKeys(chacha, random);
  const sealed = cores.map((core) => {
    const sealer = core.createSealer(keys, { epoch: 3 });
    const out = new Uint8Array(sealer.overhead + 5);
    equal(sealer.seal(23, Uint8Array.of(1, 2, 3, 4, 5), 0, out, 0), out.length);
    equal(core.statistics.slots, 1, "each has a memory of its own");
    return out;
  });
  for (const out of sealed) bytesEqual(out, sealed[0]);
  for (const core of cores) {
    equal((await openAll(core, core.createOpener(keys, { epoch: 3 }), sealed[0]))[0].drop, 0);
  }
});

test("core api: keys of wrong lengths are TypeErrors", (env) => {
  const random = new Random(0x4e95);
  for (const variant of variants(env)) {
    const keys = randomKeys(variant, random);
    const { core } = openCore(variant.aes);
    for (const part of ["key", "iv", "snKey"] as const) {
      for (const length of [0, 11, 13, 15, 17, 31, 33]) {
        // Integrity-only records have no use for a record number key.
        if (variant === integrityOnly && part === "snKey") continue;
        const wrong = { ...keys, [part]: new Uint8Array(length) };
        throws(() => core.createSealer(wrong, { epoch: 3 }), TypeError);
        throws(() => core.createOpener(wrong, { epoch: 3 }), TypeError);
      }
    }
    const unknown = { ...keys, protection: 4 as Protection };
    throws(() => core.createSealer(unknown, { epoch: 3 }), TypeError);
    throws(() => core.createOpener(unknown, { epoch: 3 }), TypeError);
    equal(core.statistics.slots, 0);
  }
});

test("core api: epochs, limits and connection IDs out of range are RangeErrors", () => {
  const random = new Random(0x4a9e);
  const keys = randomKeys(chacha, random);
  const { core } = openCore();
  for (const epoch of [-1, 0.5, Number.NaN, 2 ** 53, Number.POSITIVE_INFINITY]) {
    throws(() => core.createSealer(keys, { epoch }), RangeError);
    throws(() => core.createOpener(keys, { epoch }), RangeError);
  }
  for (const limit of [0, -1, 0.9, Number.NaN]) {
    throws(() => core.createSealer(keys, { epoch: 3, limit }), RangeError);
    throws(() => core.createOpener(keys, { epoch: 3, limit }), RangeError);
  }
  throws(() => core.createSealer(keys, { epoch: 3, connectionId: new Uint8Array(21) }), RangeError);
  equal(core.statistics.slots, 0);
  const sealer = core.createSealer(keys, { epoch: 3, connectionId: new Uint8Array(20) });
  throws(() => sealer.setConnectionId(new Uint8Array(21)), RangeError);
  equal(sealer.overhead, 5 + 20 + 1 + 16);
  for (const length of [-1, 21, 255, 0.5, Number.NaN]) {
    throws(() => core.reader.begin(new Uint8Array(100), length), RangeError);
  }
});

test("core api: a record that cannot be sealed changes neither output nor sequence number", async (env) => {
  for (const variant of variants(env)) {
    const random = new Random(0x5ea1e4);
    const { core, slot, slotBytes } = openCore(variant.aes);
    const sealer = core.createSealer(randomKeys(variant, random), { epoch: 3 });
    const before = slotBytes(slot());
    const out = random.bytes(sealer.overhead + 100);
    const untouched = out.slice();
    const { application_data } = ContentType;
    const bad: (() => unknown)[] = [
      () => sealer.seal(application_data, new Uint8Array(101), 0, out, 0),
      () => sealer.seal(application_data, new Uint8Array(100), 1, out, 0),
      () => sealer.seal(application_data, new Uint8Array(100), 0, out, 1),
      () => sealer.seal(application_data, new Uint8Array(1), 0, out, -1),
      () => sealer.seal(application_data, new Uint8Array(1), 0, out, 0.5),
      () => sealer.seal(application_data, new Uint8Array(1), 0, out, Number.NaN),
      () => sealer.seal(application_data, new Uint8Array(1), 0, out, 2 ** 32),
      () => sealer.seal(application_data, new Uint8Array(1), -1, out, 0),
      () => sealer.seal(application_data, new Uint8Array(1), 0.5, out, 0),
      () => sealer.seal(application_data, new Uint8Array(1), Number.NaN, out, 0),
      () => sealer.seal(application_data, new Uint8Array(1), 2 ** 32, out, 0),
      () => sealer.seal(application_data, new Uint8Array(16_385), 0, new Uint8Array(20_000), 0),
      () => sealer.seal(application_data, new Uint8Array(16_384), 1, new Uint8Array(20_000), 0),
      () => sealer.seal(application_data, new Uint8Array(0), 16_385, new Uint8Array(20_000), 0),
      () => sealer.seal(0 as 23, new Uint8Array(1), 0, out, 0),
      () => sealer.seal((application_data + 256) as 23, new Uint8Array(1), 0, out, 0),
      () => sealer.seal(-1 as 23, new Uint8Array(1), 0, out, 0),
    ];
    for (const [i, call] of bad.entries()) {
      throws(call, RangeError);
      bytesEqual(out, untouched, `${variant.name}, mistake ${i}`);
      bytesEqual(slotBytes(slot()), before, `${variant.name}, mistake ${i}`);
    }
    equal(await sealer.seal(application_data, new Uint8Array(100), 0, out, 0), out.length);
  }
});

test("core api: opening without a record to open is a TypeError", async (env) => {
  for (const variant of variants(env)) {
    const random = new Random(0x09e9);
    const keys = randomKeys(variant, random);
    const { core, slot, slotBytes } = openCore(variant.aes);
    const sealer = core.createSealer(keys, { epoch: 3 });
    const opener = core.createOpener(keys, { epoch: 3 });
    const { reader } = core;
    const record = new Uint8Array(sealer.overhead + 30);
    await sealer.seal(23, new Uint8Array(30), 0, record, 0);
    throws(() => opener.open(), TypeError);
    reader.begin(record, 0);
    throws(() => opener.open(), TypeError);
    ok(reader.next());
    equal((await opener.open()).drop, 0);
    const before = slotBytes(slot());
    // Twice
    throws(() => opener.open(), TypeError);
    // A record before it that nobody opened
    reader.begin(record, 0);
    ok(reader.next());
    reader.begin(record, 0);
    throws(() => opener.open(), TypeError);
    // A plaintext, one that is too short, and none at all
    for (const datagram of [
      Uint8Array.of(22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
      Uint8Array.of(0x2f, 0, 0, 0, 3, 1, 2, 3),
      Uint8Array.of(0xff, 1, 2, 3),
    ]) {
      reader.begin(datagram, 0);
      reader.next();
      throws(() => opener.open(), TypeError);
    }
    bytesEqual(slotBytes(slot()), before, variant.name);
    equal(opener.failedRecords, 0);
  }
});

test("core api: a backend that refuses its keys leaves no slot behind", (env) => {
  const random = new Random(0x4ef);
  const variant = aesVariant("refusing", Object.values(env.aesBackends)[0], 16);
  const keys = randomKeys(variant, random);
  const { core } = openCore({
    importKeys() {
      throw new TypeError("no secure context");
    },
  });
  for (let i = 0; i < 3; i++) {
    throws(() => core.createSealer(keys, { epoch: 3 }), TypeError);
    throws(() => core.createOpener(keys, { epoch: 3 }), TypeError);
  }
  equal(core.statistics.slots, 0);
});

test("core api: keys are copied, and callers may wipe theirs", async (env) => {
  for (const variant of variants(env)) {
    const random = new Random(0xc09);
    const keys = randomKeys(variant, random);
    const { core } = openCore(variant.aes);
    const sealer = core.createSealer(keys, { epoch: 3 });
    const opener = core.createOpener(keys, { epoch: 3 });
    for (const part of [keys.key, keys.iv, keys.snKey]) part.fill(0);
    const out = new Uint8Array(sealer.overhead + 3);
    await sealer.seal(23, Uint8Array.of(1, 2, 3), 0, out, 0);
    const [{ drop, content }] = await openAll(core, opener, out);
    equal(drop, 0, variant.name);
    bytesEqual(content, Uint8Array.of(1, 2, 3));
  }
});

test("core api: a plaintext record that cannot be written changes nothing", () => {
  const { core } = openCore();
  const out = new Uint8Array(50).fill(7);
  const bad: (() => unknown)[] = [
    () => core.writePlaintext(22, 0, new Uint8Array(38), out, 0),
    () => core.writePlaintext(22, 0, new Uint8Array(37), out, 1),
    () => core.writePlaintext(22, 0, new Uint8Array(1), out, -1),
    () => core.writePlaintext(22, 0, new Uint8Array(1), out, 0.5),
    () => core.writePlaintext(22, -1, new Uint8Array(1), out, 0),
    () => core.writePlaintext(22, 0.5, new Uint8Array(1), out, 0),
    () => core.writePlaintext(22, Number.NaN, new Uint8Array(1), out, 0),
    () => core.writePlaintext(22, 2 ** 48, new Uint8Array(1), out, 0),
    () => core.writePlaintext(22, 0, new Uint8Array(16_385), new Uint8Array(20_000), 0),
  ];
  for (const call of bad) throws(call, RangeError);
  bytesEqual(out, new Uint8Array(50).fill(7));
});

test("core api: every drop code has a name", () => {
  for (const [name, code] of Object.entries(DropReason)) equal(dropReasonName(code), name);
  throws(() => dropReasonName(0), RangeError);
  throws(() => dropReasonName(-9), RangeError);
});
