import { closestSequenceNumber, ReferenceRecords } from "./core-reference.ts";
import { chacha, integrityOnly, openAll, openCore, Random, randomKeys } from "./core-support.ts";
import { bytesEqual, equal, test } from "./harness.ts";

// The replay window (RFC 9147 §4.5.1) and the reconstruction of sequence numbers (§4.2.2), against simple models.

const WINDOW = 1024;
const END = 2 ** 48;

/** The window as the RFC describes it, without a thought for memory. */
class ModelWindow {
  readonly #seen = new Set<number>();
  next = 0;

  mayAccept(sequenceNumber: number): boolean {
    return sequenceNumber >= this.next - WINDOW && !this.#seen.has(sequenceNumber);
  }

  accept(sequenceNumber: number): boolean {
    if (!this.mayAccept(sequenceNumber)) return false;
    this.#seen.add(sequenceNumber);
    this.next = Math.max(this.next, sequenceNumber + 1);
    return true;
  }
}

function newSlot() {
  const { exports } = openCore();
  return { exports, slot: exports.createSlot(chacha.protection, 3, 0, END) };
}

/** A sequence number that could make trouble, as seen from the window's right edge. */
function nextNumber(random: Random, next: number, seen: readonly number[]): number {
  const choice = random.below(100);
  if (choice < 30) return next;
  if (choice < 55) return next - 1 - random.below(WINDOW);
  if (choice < 65 && seen.length > 0) return random.pick(seen);
  // Around the left edge, and around the ring's 17 words of 64
  if (choice < 75) return next - WINDOW + random.below(5) - 2;
  if (choice < 80) return next - 17 * 64 + random.below(130) - 65;
  if (choice < 90) return next + random.below(130);
  if (choice < 95) return next + random.below(3000);
  if (choice < 97) return next + random.below(2 ** 20);
  if (choice < 98) return next + 2 ** 32 + random.below(2 ** 33);
  if (choice < 99) return next - 17 * 64 * random.below(2 ** 10);
  return END - 1 - random.below(3000);
}

test("core window: equals the model over random reorderings, jumps and duplicates", () => {
  for (let run = 0; run < 60; run++) {
    const random = new Random(0x9147 + run);
    const { exports, slot } = newSlot();
    const model = new ModelWindow();
    const seen: number[] = [];
    // Jumps to the very end leave no room; most runs are without.
    const farthest = run % 3 === 0 ? END - 1 : 2 ** 47;
    for (let step = 0; step < 2000; step++) {
      const sequenceNumber = nextNumber(random, model.next, seen);
      if (sequenceNumber < 0 || sequenceNumber > farthest) continue;
      const label = `seed ${random.seed}, step ${step}, number ${sequenceNumber}, next ${model.next}`;
      equal(exports.windowMayAccept(slot, sequenceNumber) !== 0, model.mayAccept(sequenceNumber), label);
      // Checking alone changes nothing.
      equal(exports.nextSequence(slot), model.next, label);
      if (random.chance(0.1)) continue;
      equal(exports.windowAccept(slot, sequenceNumber) !== 0, model.accept(sequenceNumber), label);
      equal(exports.windowMayAccept(slot, sequenceNumber), 0, label);
      equal(exports.nextSequence(slot), model.next, label);
      if (seen.length < 5000) seen.push(sequenceNumber);
    }
  }
});

test("core window: 1,024 numbers wide, wherever its edge is", () => {
  const random = new Random(0x1024);
  for (let i = 0; i < 200; i++) {
    const { exports, slot } = newSlot();
    const highest = WINDOW + random.pick([random.below(200), random.below(2 ** 20), random.below(2 ** 47)]);
    equal(exports.windowAccept(slot, highest), 1);
    equal(exports.windowMayAccept(slot, highest - WINDOW), 0);
    equal(exports.windowAccept(slot, highest - WINDOW), 0);
    equal(exports.windowAccept(slot, highest), 0);
    // Every other number of the window is new exactly once, in whatever order.
    const rest = Array.from({ length: WINDOW - 1 }, (_, k) => highest - 1 - k);
    rest.sort(() => random.word() - 2 ** 31);
    for (const sequenceNumber of rest) equal(exports.windowAccept(slot, sequenceNumber), 1);
    for (const sequenceNumber of rest) equal(exports.windowAccept(slot, sequenceNumber), 0);
    equal(exports.nextSequence(slot), highest + 1);
  }
});

test("core window: 2^48-1 is the last number", () => {
  const { exports, slot } = newSlot();
  equal(exports.windowAccept(slot, END - 1), 1);
  equal(exports.windowAccept(slot, END - 1), 0);
  equal(exports.windowAccept(slot, END - 2), 1);
  equal(exports.windowAccept(slot, END - WINDOW), 1);
  equal(exports.windowAccept(slot, END - WINDOW - 1), 0);
  equal(exports.nextSequence(slot), END);
});

/** The right edges at which reconstruction has something to decide. */
function edges(bits: 8 | 16, random: Random): number[] {
  const size = 2 ** bits;
  const half = size / 2;
  const around = [0, half, size, size + half, 2 ** 32, 2 ** 32 + half, 2 ** 47, END - size, END - half, END];
  return around
    .flatMap((edge) => [edge - 2, edge - 1, edge, edge + 1, edge + random.below(size)])
    .filter((edge) => edge >= 0 && edge <= END);
}

for (const bits of [8, 16] as const) {
  test(`core window: sequence numbers are reconstructed from ${bits} bits as the model does`, async (env) => {
    const random = new Random(0x4022 + bits);
    const keys = randomKeys(integrityOnly, random);
    const reference = new ReferenceRecords(env.references, keys);
    const half = 2 ** (bits - 1);
    for (const expected of edges(bits, random)) {
      const low = expected % 2 ** bits;
      const partials = [0, 1, half, low, low + half - 1, low + half, low + half + 1, random.below(2 * half)];
      for (const partial of partials.map((value) => value % 2 ** bits)) {
        const label = `${bits} bits, seed ${random.seed}, expected ${expected}, partial ${partial}`;
        const sequenceNumber = closestSequenceNumber(partial, bits, expected);
        const { core, exports, slot } = openCore();
        const opener = core.createOpener(keys, { epoch: 3 });
        exports.setNextSequence(slot(), expected);
        const content = random.bytes(3);
        const seal = (number: number) =>
          reference.seal({
            epoch: 3,
            sequenceNumber: number,
            type: 23,
            content,
            sequenceNumberBytes: bits === 16 ? 2 : 1,
          });
        const tooOld = sequenceNumber < expected - WINDOW;
        // The neighbours with the same low bits must not be taken for it.
        for (const other of [sequenceNumber - 2 ** bits, sequenceNumber + 2 ** bits]) {
          if (other < 0 || other >= END) continue;
          const [outcome] = await openAll(core, opener, await seal(other));
          equal(outcome.drop, tooOld ? -5 : -6, `${label}, other ${other}`);
        }
        const [outcome] = await openAll(core, opener, await seal(sequenceNumber));
        if (tooOld) {
          equal(outcome.drop, -5, label);
          continue;
        }
        equal(outcome.drop, 0, label);
        equal(outcome.sequenceNumber, sequenceNumber, label);
        bytesEqual(outcome.content, content, label);
      }
    }
  });
}

test("core window: a record is new once, whichever way its number is written", async (env) => {
  const random = new Random(0x2e9);
  const keys = randomKeys(chacha, random);
  const reference = new ReferenceRecords(env.references, keys);
  const { core } = openCore();
  const opener = core.createOpener(keys, { epoch: 3 });
  const seal = (sequenceNumber: number, sequenceNumberBytes: 1 | 2, withLength: boolean) =>
    reference.seal({
      epoch: 3,
      sequenceNumber,
      type: 23,
      content: random.bytes(20),
      sequenceNumberBytes,
      withLength,
    });
  equal((await openAll(core, opener, await seal(5, 2, true)))[0].drop, 0);
  equal((await openAll(core, opener, await seal(5, 1, true)))[0].drop, -5);
  equal((await openAll(core, opener, await seal(5, 2, false)))[0].drop, -5);
  equal((await openAll(core, opener, await seal(4, 1, false)))[0].drop, 0);
  equal(opener.failedRecords, 0);
});
