import type { AesBackend } from "../../src/core/aes.ts";
import { ContentType, DropReason, type RecordCore, type RecordOpener } from "../../src/core/index.ts";
import { ReferenceRecords } from "./core-reference.ts";
import {
  aesVariant,
  HeldAes,
  type Outcome,
  openAll,
  openCore,
  outcomeOf,
  Random,
  randomKeys,
} from "./core-support.ts";
import type { Env } from "./env.ts";
import { bytesEqual, equal, ok, rejects, test } from "./harness.ts";

// Records that are decrypted at the same time: only what is authentic and new when its answer comes is accepted.

function anyBackend({ aesBackends }: Env): AesBackend {
  return Object.values(aesBackends)[0];
}

/** All orders in which `parties` can each do two things one after the other. */
function orders(parties: number): number[][] {
  const all: number[][] = [];
  const extend = (order: number[]) => {
    if (order.length === 2 * parties) all.push(order);
    for (let party = 0; party < parties; party++) {
      if (order.filter((one) => one === party).length < 2) extend([...order, party]);
    }
  };
  extend([]);
  return all;
}

/** Begins to open each datagram, then lets masks and plaintexts go in this order: the first time a party's mask. */
async function race(
  core: RecordCore,
  opener: RecordOpener,
  held: HeldAes["held"],
  datagrams: readonly Uint8Array[],
  order: readonly number[],
  due: (count: number) => Promise<void>,
  between: (step: number) => void = () => {},
): Promise<Outcome[]> {
  const pending = datagrams.map((datagram) => {
    core.reader.begin(datagram, 0);
    core.reader.next();
    return Promise.resolve(opener.open()).then(outcomeOf);
  });
  await due(datagrams.length);
  const waiting = held.splice(0);
  const done = new Set<number>();
  for (const promise of pending) promise.finally(() => done.add(pending.indexOf(promise)));
  for (const [step, party] of order.entries()) {
    between(step);
    // A record that was dropped after its mask asks for nothing more.
    if (done.has(party)) continue;
    waiting[party].release();
    for (let turn = 0; turn < 50 && held.length === 0 && !done.has(party); turn++) await settle();
    const next = held.shift();
    if (next !== undefined) waiting[party] = next;
  }
  return Promise.all(pending);
}

/** Lets answers arrive that are not the held backend's own, such as WebCrypto's below it. */
function settle(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

test("core concurrency: of copies decrypted at the same time one is accepted, in every order", async (env) => {
  const random = new Random(0x2c0);
  const backend = anyBackend(env);
  const variant = aesVariant("held", backend, 16);
  const keys = randomKeys(variant, random);
  const reference = new ReferenceRecords(env.references, keys);
  for (const copies of [2, 3]) {
    const all = orders(copies);
    equal(all.length, copies === 2 ? 6 : 90);
    for (const order of all) {
      const label = `seed ${random.seed}, order ${order}`;
      const aes = new HeldAes(backend);
      const { core } = openCore(aes);
      const opener = core.createOpener(keys, { epoch: 3 });
      const content = random.bytes(30);
      const record = await reference.seal({ epoch: 3, sequenceNumber: 5, type: 23, content });
      const outcomes = await race(
        core,
        opener,
        aes.held,
        Array.from({ length: copies }, () => record),
        order,
        (count) => aes.due(count),
      );
      const accepted = outcomes.filter(({ drop }) => drop === 0);
      equal(accepted.length, 1, label);
      bytesEqual(accepted[0].content, content, label);
      equal(accepted[0].sequenceNumber, 5, label);
      for (const { drop } of outcomes) ok(drop === 0 || drop === DropReason.replayed, `${label}: ${drop}`);
      equal(opener.failedRecords, 0, label);
      equal(opener.nextSequenceNumber, 6, label);
    }
  }
});

test("core concurrency: different records are all accepted, in every order", async (env) => {
  const random = new Random(0xd1f);
  const backend = anyBackend(env);
  const variant = aesVariant("held", backend, 32);
  const keys = randomKeys(variant, random);
  const reference = new ReferenceRecords(env.references, keys);
  const contents = [random.bytes(10), random.bytes(20), random.bytes(0)];
  const records = await Promise.all(
    contents.map((content, sequenceNumber) =>
      reference.seal({ epoch: 3, sequenceNumber, type: 23, content }),
    ),
  );
  for (const order of orders(3)) {
    const aes = new HeldAes(backend);
    const { core } = openCore(aes);
    const opener = core.createOpener(keys, { epoch: 3 });
    const outcomes = await race(core, opener, aes.held, records, order, (count) => aes.due(count));
    for (const [i, { drop, sequenceNumber, content }] of outcomes.entries()) {
      equal(drop, 0, `order ${order}, record ${i}`);
      equal(sequenceNumber, i);
      bytesEqual(content, contents[i], `order ${order}, record ${i}`);
    }
    equal(opener.nextSequenceNumber, 3);
  }
});

test("core concurrency: a forgery beside its original does not get it dropped, in any order", async (env) => {
  const random = new Random(0xf04);
  const backend = anyBackend(env);
  const variant = aesVariant("held", backend, 16);
  const keys = randomKeys(variant, random);
  const record = await new ReferenceRecords(env.references, keys).seal({
    epoch: 3,
    sequenceNumber: 0,
    type: 23,
    content: random.bytes(30),
  });
  const forged = record.slice();
  forged[record.length - 1] ^= 1;
  for (const order of orders(2)) {
    const aes = new HeldAes(backend);
    const { core } = openCore(aes);
    const opener = core.createOpener(keys, { epoch: 3 });
    const outcomes = await race(core, opener, aes.held, [forged, record], order, (count) => aes.due(count));
    // Once the original is in, the forgery with the same number looks like a replay and is not even decrypted.
    const { drop } = outcomes[0];
    ok(drop === DropReason.authentication || drop === DropReason.replayed, `order ${order}: ${drop}`);
    equal(outcomes[1].drop, 0, `order ${order}`);
    equal(opener.failedRecords, drop === DropReason.authentication ? 1 : 0);
  }
});

test("core concurrency: nothing is accepted once the limit of failures is reached meanwhile", async (env) => {
  const random = new Random(0x11a);
  const backend = anyBackend(env);
  const variant = aesVariant("held", backend, 16);
  const keys = randomKeys(variant, random);
  const reference = new ReferenceRecords(env.references, keys);
  const record = await reference.seal({ epoch: 3, sequenceNumber: 0, type: 23, content: random.bytes(30) });
  const forged = await reference.seal({ epoch: 3, sequenceNumber: 1, type: 23, content: random.bytes(30) });
  forged[20] ^= 1;
  for (const order of orders(2)) {
    const aes = new HeldAes(backend);
    const { core } = openCore(aes);
    const opener = core.createOpener(keys, { epoch: 3, limit: 1 });
    const outcomes = await race(core, opener, aes.held, [forged, record], order, (count) => aes.due(count));
    equal(outcomes[0].drop, DropReason.authentication);
    const forgeryCameFirst = order.lastIndexOf(0) < order.lastIndexOf(1);
    equal(outcomes[1].drop, forgeryCameFirst ? DropReason.limit : 0, `order ${order}`);
  }
});

test("core concurrency: closing meanwhile drops what is under way, and its slot is another's", async (env) => {
  const random = new Random(0xc105e);
  const backend = anyBackend(env);
  const variant = aesVariant("held", backend, 16);
  const keys = randomKeys(variant, random);
  const record = await new ReferenceRecords(env.references, keys).seal({
    epoch: 3,
    sequenceNumber: 0,
    type: 23,
    content: random.bytes(30),
  });
  for (const closeAt of [0, 1]) {
    const aes = new HeldAes(backend);
    const { core, slot, slotBytes } = openCore(aes);
    const opener = core.createOpener(keys, { epoch: 3 });
    const at = slot();
    let another = slotBytes(at);
    const outcomes = await race(
      core,
      opener,
      aes.held,
      [record],
      [0, 0],
      (count) => aes.due(count),
      (step) => {
        if (step !== closeAt) return;
        opener.close();
        core.createOpener(randomKeys(variant, random), { epoch: 4 });
        equal(slot(), at, "the slot is taken again");
        another = slotBytes(at);
      },
    );
    equal(outcomes[0].drop, DropReason.limit, `closed at ${closeAt}`);
    bytesEqual(slotBytes(at), another, `closed at ${closeAt}`);
  }
});

test("core concurrency: records sealed at the same time have numbers in the order of the calls", async (env) => {
  const random = new Random(0x5ea);
  const backend = anyBackend(env);
  const variant = aesVariant("held", backend, 16);
  const keys = randomKeys(variant, random);
  const reference = new ReferenceRecords(env.references, keys);
  for (const order of orders(3)) {
    const aes = new HeldAes(backend);
    const { core } = openCore(aes);
    const sealer = core.createSealer(keys, { epoch: 3 });
    const contents = [random.bytes(5), random.bytes(50), random.bytes(500)];
    const outs = contents.map((content) => new Uint8Array(sealer.overhead + content.length));
    const done = new Set<number>();
    const pending = contents.map((content, i) => {
      const length = sealer.seal(ContentType.application_data, content, 0, outs[i], 0);
      return Promise.resolve(length).then((value) => {
        done.add(i);
        return value;
      });
    });
    equal(sealer.nextSequenceNumber, 3);
    // A connection ID that comes now is for the records to come.
    sealer.setConnectionId(random.bytes(20));
    await aes.due(3);
    const waiting = aes.held.splice(0);
    for (const party of order) {
      waiting[party].release();
      for (let turn = 0; turn < 50 && aes.held.length === 0 && !done.has(party); turn++) await settle();
      const next = aes.held.shift();
      if (next !== undefined) waiting[party] = next;
    }
    for (const [i, promise] of pending.entries()) {
      equal(await promise, outs[i].length);
      const opened = await reference.open(outs[i], 0, 0);
      ok(opened, `order ${order}, record ${i}`);
      equal(opened.sequenceNumber, i);
      bytesEqual(opened.content, contents[i]);
    }
  }
});

test("core concurrency: a backend that fails makes the answer fail, and nothing else", async (env) => {
  const random = new Random(0xbad);
  const backend = anyBackend(env);
  const variant = aesVariant("failing", backend, 16);
  const keys = randomKeys(variant, random);
  let failing = true;
  const failed = () => Promise.reject(new Error("out of order"));
  const { core } = openCore({
    importKeys(key, snKey) {
      const inner = backend.importKeys(key, snKey);
      return {
        seal: (...parameters) => (failing ? failed() : inner.seal(...parameters)),
        open: (...parameters) => (failing ? failed() : inner.open(...parameters)),
        mask: (sample) => inner.mask(sample),
      };
    },
  });
  const sealer = core.createSealer(keys, { epoch: 3 });
  const opener = core.createOpener(keys, { epoch: 3 });
  const out = new Uint8Array(sealer.overhead + 10);
  await rejects(Promise.resolve(sealer.seal(23, new Uint8Array(10), 0, out, 0)), Error);
  bytesEqual(out, new Uint8Array(out.length));
  failing = false;
  await sealer.seal(23, new Uint8Array(10), 0, out, 0);
  failing = true;
  await rejects(openAll(core, opener, out), Error);
  equal(opener.failedRecords, 0);
  failing = false;
  const [{ drop, sequenceNumber }] = await openAll(core, opener, out);
  equal(drop, 0);
  equal(sequenceNumber, 1);
});
