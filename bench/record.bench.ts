import {
  type AesBackend,
  ContentType,
  dropReasonName,
  MAX_CONTENT,
  type OpenedRecord,
  Protection,
  RecordCore,
  type RecordOpener,
  type RecordSealer,
  webCryptoAes,
} from "../src/core/index.ts";
import { CoreInstance, compileCoreSync } from "../src/core/instance.ts";
import { nodeAes } from "../src/crypto/node-aes.ts";
import { ReferenceRecords } from "../test/runtime/core-reference.ts";
import type { RecordKeys } from "../test/runtime/core-support.ts";
import { nobleReference } from "../test/runtime/references.ts";
import { type Case, type Context, type Figures, type Group, rounded } from "./harness.ts";
import { type Peer, peers, type Sample } from "./record-peers.ts";

// Whole records: framing, record number encryption, AEAD and replay window, copied into and out of linear memory.

const HEADER_BYTES = 5;
/** As many records lie ready to be opened as a busy socket might hold. */
const RING = 128;

const record: Group = {
  everyRuntime: true,
  async run(context: Context): Promise<Figures> {
    const figures: Record<string, Figures> = {};
    for (const size of context.quick ? [64, 1200] : [16, 64, 256, 1200, MAX_CONTENT]) {
      figures[size] = await ofSize(size, context);
    }
    figures.window = await ofWindow(context);
    figures.memory = ofMemory();
    return figures;
  },
};

export default record;

async function ofSize(size: number, { measure }: Context): Promise<Figures> {
  const sample: Sample = {
    key: bytes(32, 1),
    nonce: bytes(12, 2),
    additionalData: bytes(HEADER_BYTES, 3),
    plaintext: bytes(size, 4),
  };
  const all = [
    ours("sealgram", Protection.chacha20_poly1305, sample),
    ours("sealgram aes-128-gcm (node:crypto)", Protection.aes_gcm, sample, nodeAes),
    ours("sealgram aes-128-gcm (WebCrypto)", Protection.aes_gcm, sample, webCryptoAes()),
    ours("sealgram integrity only", Protection.integrity_only_sha256, sample),
    ...(await peers(sample)),
  ];
  const seal = await measure(all.map((peer) => peer.seal));
  const open = await measure(all.map((peer) => peer.open));
  const names = [...seal.keys()];
  return Object.fromEntries(
    names.map((name) => {
      const sealed = seal.get(name);
      const opened = open.get(name);
      if (sealed === undefined || opened === undefined) throw new Error(`${name} was not measured both ways`);
      return [name, { seal_us: rounded(sealed.medianUs), open_us: rounded(opened.medianUs) }];
    }),
  );
}

function bytes(length: number, seed: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length }, (_, i) => (i * 31 + seed * 97) & 0xff);
}

function ours(name: string, protection: Protection, sample: Sample, aes?: AesBackend): Peer {
  const keyBytes = protection === Protection.aes_gcm ? 16 : 32;
  const keys = {
    protection,
    key: sample.key.slice(0, keyBytes),
    iv: protection === Protection.integrity_only_sha256 ? bytes(32, 2) : sample.nonce,
    snKey: bytes(keyBytes, 5),
  };
  const core = RecordCore.loadSync(undefined, { aes });
  const sealCase = new SealCase(name, core.createSealer(keys, { epoch: 3 }), keys, sample.plaintext);
  const forOpening = core.createSealer(keys, { epoch: 3 });
  const openCase = new OpenCase(
    name,
    core,
    forOpening,
    core.createOpener(keys, { epoch: 3 }),
    sample.plaintext,
  );
  return { seal: sealCase, open: openCase };
}

class SealCase implements Case {
  readonly name: string;
  readonly #sealer: RecordSealer;
  readonly #keys: RecordKeys;
  readonly #content: Uint8Array;
  readonly #out: Uint8Array;

  constructor(name: string, sealer: RecordSealer, keys: RecordKeys, content: Uint8Array) {
    this.name = name;
    this.#sealer = sealer;
    this.#keys = keys;
    this.#content = content;
    this.#out = new Uint8Array(sealer.overhead + content.length);
  }

  /** Has the record opened by the suites' own implementation of the standard, with somebody else's ciphers. */
  async verify(): Promise<void> {
    const expected = this.#sealer.nextSequenceNumber;
    await this.#seal();
    const opened = await new ReferenceRecords([nobleReference], this.#keys).open(this.#out, 0, expected);
    if (opened?.sequenceNumber !== expected) throw new Error("the record does not open");
    const { content } = opened;
    const same =
      content.length === this.#content.length && content.every((byte, i) => byte === this.#content[i]);
    if (!same) throw new Error("the content differs");
  }

  #seal(): number | Promise<number> {
    return this.#sealer.seal(ContentType.application_data, this.#content, 0, this.#out, 0);
  }

  run(count: number): void | Promise<void> {
    if (count === 0) return;
    const first = this.#seal();
    if (first instanceof Promise) return this.#finish(first, count);
    for (let i = 1; i < count; i++) this.#seal();
  }

  async #finish(first: Promise<number>, count: number): Promise<void> {
    await first;
    for (let i = 1; i < count; i++) await this.#seal();
  }
}

class OpenCase implements Case {
  readonly name: string;
  readonly maxCount: number = RING;
  readonly #core: RecordCore;
  readonly #sealer: RecordSealer;
  readonly #opener: RecordOpener;
  readonly #content: Uint8Array;
  readonly #records: readonly Uint8Array[];
  readonly #out: Uint8Array;

  constructor(
    name: string,
    core: RecordCore,
    sealer: RecordSealer,
    opener: RecordOpener,
    content: Uint8Array,
  ) {
    this.name = name;
    this.#core = core;
    this.#sealer = sealer;
    this.#opener = opener;
    this.#content = content;
    this.#records = Array.from({ length: RING }, () => new Uint8Array(sealer.overhead + content.length));
    this.#out = new Uint8Array(content.length);
  }

  async verify(): Promise<void> {
    await this.prepare(RING);
    await this.run(RING);
    if (!this.#content.every((byte, i) => byte === this.#out[i])) throw new Error("the content differs");
    let replayed = false;
    try {
      await this.run(1);
    } catch {
      replayed = true;
    }
    if (!replayed) throw new Error("a record was accepted twice");
  }

  async prepare(count: number): Promise<void> {
    for (let i = 0; i < count; i++) {
      await this.#sealer.seal(ContentType.application_data, this.#content, 0, this.#records[i], 0);
    }
  }

  run(count: number): void | Promise<void> {
    for (let i = 0; i < count; i++) {
      const opened = this.#open(i);
      if (opened instanceof Promise) return this.#finish(opened, i + 1, count);
      this.#take(opened);
    }
  }

  async #finish(first: Promise<OpenedRecord>, next: number, count: number): Promise<void> {
    this.#take(await first);
    for (let i = next; i < count; i++) this.#take(await this.#open(i));
  }

  #open(i: number): OpenedRecord | Promise<OpenedRecord> {
    const { reader } = this.#core;
    reader.begin(this.#records[i], 0);
    reader.next();
    return this.#opener.open();
  }

  #take(opened: OpenedRecord): void {
    if (opened.drop !== 0) throw new Error(`dropped: ${dropReasonName(opened.drop)}`);
    this.#out.set(opened.buffer.subarray(opened.start, opened.start + opened.length));
  }
}

/**
 * Nanoseconds for an operation on the replay window, the call into the core included. Each record takes two, one to look
 * its number up before it is opened and one to mark it afterwards; the time of both is halved.
 */
async function ofWindow({ measure }: Context): Promise<Figures> {
  const { exports } = new CoreInstance(new WebAssembly.Instance(compileCoreSync()));
  const BLOCK = 512;
  const windowCase = (name: string, order: Uint16Array): Case => {
    // Any slot will do: the window knows nothing of keys.
    const slot = exports.createSlot(Protection.chacha20_poly1305, 3, 0, 2 ** 48);
    let at = 0;
    const run = (count: number) => {
      for (const end = at + count; at < end; at++) {
        const sequenceNumber = at - (at % BLOCK) + order[at % BLOCK];
        const isNew = exports.windowMayAccept(slot, sequenceNumber);
        if ((exports.windowAccept(slot, sequenceNumber) & isNew) === 0)
          throw new Error("a new record was taken for an old one");
      }
    };
    const verify = () => {
      run(BLOCK);
      if (exports.windowMayAccept(slot, order[0]) !== 0 || exports.windowAccept(slot, order[0]) !== 0)
        throw new Error("an old record was taken for a new one");
    };
    return { name, verify, run };
  };
  const inOrder = Uint16Array.from({ length: BLOCK }, (_, i) => i);
  // 167 is prime to 512: every number once, neighbours far apart, all within the window of 1,024.
  const scattered = inOrder.map((i) => (i * 167) % BLOCK);
  const timings = await measure([windowCase("in_order_ns", inOrder), windowCase("random_ns", scattered)]);
  const figures = [...timings].map(([name, { medianUs }]) => [name, rounded((medianUs * 1000) / 2)]);
  return { sealgram: Object.fromEntries(figures) };
}

/** Linear memory for one connection: a slot in each direction. */
function ofMemory(): Figures {
  const { slotBytes, memoryBytes } = RecordCore.loadSync().statistics;
  return { sealgram: { connection_bytes: 2 * slotBytes, empty_instance_bytes: memoryBytes } };
}
