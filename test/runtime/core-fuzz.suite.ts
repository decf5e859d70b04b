import { dropReasonName, RecordKind } from "../../src/core/index.ts";
import { concat, framesOf, plaintextRecord, ReferenceRecords } from "./core-reference.ts";
import {
  aesVariant,
  chacha,
  integrityOnly,
  type OpenCore,
  openCore,
  Random,
  type RecordKeys,
  randomKeys,
  type Variant,
} from "./core-support.ts";
import type { Env } from "./env.ts";
import { bytesEqual, equal, ok, test, toHex } from "./harness.ts";

// Any bytes: an answer or a drop, never a trap, and nothing but the datagram has a say in which.

const BEHIND = 512;
const KIND_NAMES = ["unusable", "plaintext", "ciphertext"];

/** A core with one opener, whose memory around each datagram is filled as it pleases us before the records are read. */
class Subject {
  readonly #open: OpenCore;
  readonly #opener;
  readonly #filler: (length: number) => Uint8Array;
  readonly #in: number;
  /** Whether records are decrypted where they lie. */
  readonly #inPlace: boolean;

  constructor({ aes }: Variant, keys: RecordKeys, filler: (length: number) => Uint8Array) {
    this.#open = openCore(aes);
    this.#inPlace = aes === undefined;
    this.#opener = this.#open.core.createOpener(keys, { epoch: 3 });
    this.#filler = filler;
    this.#in = this.#open.exports.IN.value;
  }

  /** Everything that the datagram makes the core say. */
  async answers(datagram: Uint8Array, connectionIdLength: number): Promise<string[]> {
    const { core, memory, exports } = this.#open;
    const { reader } = core;
    const answers: string[] = [];
    reader.begin(datagram, connectionIdLength);
    const start = this.#in;
    const end = start + datagram.length;
    // The one byte and 256 of slack at the largest datagram's end are the least there is.
    const behind = Math.min(BEHIND, 65_535 + 256 - datagram.length);
    memory().set(this.#filler(behind), end);
    const frames: string[] = [];
    let at = 0;
    while (reader.next()) {
      const { kind, record } = reader;
      equal(record.byteOffset, start + at, "records follow each other");
      ok(record.length > 0, "every record takes some bytes");
      const recordEnd = at + record.length;
      ok(recordEnd <= datagram.length, "no record ends behind the datagram");
      frames.push(`${KIND_NAMES[kind]} ${record.length}`);
      if (kind === RecordKind.plaintext) {
        answers.push(`${reader.type} ${reader.epochBits} ${reader.sequenceNumber} ${toHex(reader.content)}`);
        ok(
          reader.content.byteOffset + reader.content.length === start + recordEnd,
          "content ends its record",
        );
      } else if (kind === RecordKind.ciphertext) {
        answers.push(`${reader.epochBits} ${toHex(reader.connectionId)}`);
        const before = memory().slice(start, end + behind);
        const { drop, type, sequenceNumber, buffer, start: from, length } = await this.#opener.open();
        if (drop === 0) {
          const inRecord = from >= start + at && from + length <= start + recordEnd;
          ok(inRecord === this.#inPlace, "content lies inside its record, or in memory of its own");
          answers.push(`content ${type} ${sequenceNumber} ${toHex(buffer.subarray(from, from + length))}`);
        } else {
          answers.push(`dropped ${drop}`);
        }
        // Nothing outside the record has changed, and if it was not accepted, nothing inside.
        const after = memory().slice(start, end + behind);
        if (this.#inPlace && (drop === 0 || drop === -7)) before.set(after.subarray(at, recordEnd), at);
        bytesEqual(after, before, "memory around a record");
      }
      at = recordEnd;
    }
    const expected = framesOf(datagram, connectionIdLength);
    equal(frames.join(", "), expected.records.join(", "), "the records of a datagram");
    equal(
      reader.drop === 0 ? undefined : dropReasonName(reader.drop),
      expected.drop,
      "why the rest is dropped",
    );
    answers.push(`${exports.nextSequence(this.#open.slot())} ${exports.failedRecords(this.#open.slot())}`);
    return answers;
  }
}

/** Three cores that should never differ, with different bytes behind each datagram. */
function subjects(
  variant: Variant,
  keys: RecordKeys,
  random: Random,
): (datagram: Uint8Array, connectionIdLength: number) => Promise<string[]> {
  const all = [
    new Subject(variant, keys, (length) => new Uint8Array(length)),
    new Subject(variant, keys, (length) => new Uint8Array(length).fill(0xff)),
    new Subject(variant, keys, (length) => random.bytes(length)),
  ];
  return async (datagram, connectionIdLength) => {
    const [first, ...others] = all;
    const answers = await first.answers(datagram, connectionIdLength);
    for (const other of others) {
      equal((await other.answers(datagram, connectionIdLength)).join("; "), answers.join("; "));
    }
    return answers;
  };
}

/** Names the case in whatever goes wrong in it, a trap included. */
async function within<T>(label: string, datagram: Uint8Array, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (cause) {
    throw new Error(`${label}: ${toHex(datagram.subarray(0, 600))}`, { cause });
  }
}

/** Every kind of record protection. What is asynchronous gets fewer cases. */
const KINDS: readonly { name: string; variant: (env: Env) => Variant; cases: number }[] = [
  { name: chacha.name, variant: () => chacha, cases: 4000 },
  { name: integrityOnly.name, variant: () => integrityOnly, cases: 4000 },
  {
    name: "AES-128-GCM",
    variant: ({ aesBackends }) => aesVariant(...Object.entries(aesBackends)[0], 16),
    cases: 800,
  },
];

/** First bytes that lead somewhere. */
const FIRST_BYTES = [
  20,
  21,
  22,
  23,
  25,
  26,
  27,
  0,
  31,
  64,
  255,
  ...Array.from({ length: 32 }, (_, i) => 32 + i),
];

for (const { name, variant: variantIn, cases } of KINDS) {
  test(`core fuzz: random bytes are answered or dropped, ${name}`, async (env) => {
    const variant = variantIn(env);
    const random = new Random(0xf022);
    const answers = subjects(variant, randomKeys(variant, random), random);
    for (let i = 0; i < cases; i++) {
      const length = random.pick([random.below(24), random.below(100), random.below(400)]);
      const datagram = random.bytes(length);
      if (length > 0 && random.chance(0.8)) datagram[0] = random.pick(FIRST_BYTES);
      // Small lengths, so that records follow records.
      if (length > 5 && random.chance(0.5)) datagram[3] = 0;
      if (length > 13 && random.chance(0.5)) datagram[11] = 0;
      const connectionIdLength = random.pick([0, 0, 1, 8, 20]);
      const label = `seed ${random.seed}, case ${i}, ${connectionIdLength} bytes of connection ID`;
      await within(label, datagram, () => answers(datagram, connectionIdLength));
    }
  });
}

interface Genuine {
  readonly bytes: Uint8Array;
  /** What the core says when it accepts it. */
  readonly answer: string;
}

/** Records as a peer might send them, protected and not. */
async function genuineRecords(
  reference: ReferenceRecords,
  random: Random,
  connectionId: Uint8Array,
): Promise<Genuine[]> {
  const all: Genuine[] = [];
  for (let sequenceNumber = 0; sequenceNumber < 60; sequenceNumber++) {
    const content = random.bytes(random.below(60));
    const type = random.pick([21, 22, 23, 26, 27]);
    const bytes = await reference.seal({
      epoch: 3,
      sequenceNumber,
      type,
      content,
      padding: random.pick([0, 0, 3]),
      ...(random.chance(0.7) ? { connectionId } : {}),
      withLength: random.chance(0.8),
      sequenceNumberBytes: random.pick([1, 2] as const),
    });
    all.push({ bytes, answer: `content ${type} ${sequenceNumber} ${toHex(content)}` });
  }
  // Authentic, but nothing that DTLS 1.3 protects: never accepted.
  for (const inner of [[], [0], [0, 0, 0], [1, 2, 24], [1, 2, 20, 0], [1, 2, 255]]) {
    const bytes = await reference.sealInner(
      { epoch: 3, sequenceNumber: 60, connectionId },
      Uint8Array.from(inner),
    );
    all.push({ bytes, answer: "never" });
  }
  for (const type of [21, 22, 26]) {
    const bytes = plaintextRecord(
      type,
      random.below(2),
      random.below(2 ** 48),
      random.bytes(random.below(40)),
    );
    all.push({ bytes, answer: "never" });
  }
  return all;
}

function mutate(datagram: Uint8Array, random: Random): Uint8Array {
  const bytes = datagram.slice();
  const at = random.below(Math.max(1, Math.min(bytes.length, random.chance(0.5) ? 32 : bytes.length)));
  switch (random.below(9)) {
    case 0:
      bytes[at] ^= 1 << random.below(8);
      return bytes;
    case 1:
      bytes[at] = random.pick([0, 1, 15, 16, 17, 0x7f, 0x80, 0xff, random.below(256)]);
      return bytes;
    case 2:
      return bytes.subarray(0, random.below(bytes.length + 1));
    case 3:
      return concat(bytes, random.bytes(random.below(40)));
    case 4:
      return concat(bytes.subarray(0, at), random.bytes(random.below(8)), bytes.subarray(at));
    case 5:
      return concat(bytes.subarray(0, at), bytes.subarray(Math.min(bytes.length, at + random.below(8))));
    case 6:
      bytes[0] = random.pick(FIRST_BYTES);
      return bytes;
    case 7:
      return concat(bytes, bytes);
    default:
      // A length field of two bytes, anywhere
      bytes.set([random.pick([0, 0, 0x40, 0x41, 0xff]), random.below(256)].slice(0, bytes.length - at), at);
      return bytes;
  }
}

for (const { name, variant: variantIn, cases } of KINDS) {
  test(`core fuzz: mutated datagrams never yield what was not sent, ${name}`, async (env) => {
    const variant = variantIn(env);
    const random = new Random(0x3074);
    let accepted = 0;
    for (const connectionIdLength of [0, 1, 8, 20]) {
      const keys = randomKeys(variant, random);
      const reference = new ReferenceRecords(env.references, keys);
      const connectionId = random.bytes(connectionIdLength);
      const genuine = await genuineRecords(reference, random, connectionId);
      const answers = subjects(variant, keys, random);
      const sent = new Set(genuine.map(({ answer }) => answer));
      const seen = new Set<string>();
      for (let i = 0; i < cases / 2; i++) {
        let datagram: Uint8Array = concat(
          ...Array.from({ length: 1 + random.below(4) }, () => random.pick(genuine).bytes),
        );
        for (let n = random.below(4); n > 0; n--) datagram = mutate(datagram, random);
        const label = `seed ${random.seed}, connection ID ${connectionIdLength}, case ${i}`;
        const said = await within(label, datagram, () => answers(datagram, connectionIdLength));
        for (const answer of said.filter((one) => one.startsWith("content "))) {
          ok(sent.has(answer), `${label}: ${answer}`);
          ok(!seen.has(answer), `${label}: twice ${answer}`);
          seen.add(answer);
          accepted++;
        }
      }
    }
    ok(accepted > 100, `only ${accepted} records got through, too few to mean anything`);
  });
}

test("core fuzz: a header is never read past the datagram's end, byte by byte", async () => {
  const random = new Random(0x4ead);
  const answers = subjects(chacha, randomKeys(chacha, random), random);
  for (let first = 0; first < 256; first++) {
    for (const connectionIdLength of [0, 5, 20]) {
      for (let length = 1; length <= 48; length++) {
        const datagram = new Uint8Array(length);
        datagram[0] = first;
        const label = `first byte ${first}, ${length} bytes, connection ID ${connectionIdLength}`;
        await within(label, datagram, () => answers(datagram, connectionIdLength));
      }
    }
  }
});

test("core fuzz: datagrams of every extreme size", async () => {
  const random = new Random(0xffff);
  const answers = subjects(chacha, randomKeys(chacha, random), random);
  for (const length of [0, 1, 16_384 + 256 + 5, 16_384 + 256 + 6, 65_534, 65_535]) {
    for (const first of [0x20, 0x2c, 0x2f, 22]) {
      const datagram = random.bytes(length);
      if (length > 0) datagram[0] = first;
      await within(`${length} bytes, first ${first}`, datagram, () => answers(datagram, 0));
    }
  }
  const { core } = openCore();
  core.reader.begin(new Uint8Array(65_536), 0);
  ok(!core.reader.next());
  equal(core.reader.drop, -3);
});
