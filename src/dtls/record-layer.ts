/** Epochs and their keys: records out of contents, contents out of records (RFC 9147 §4 and §6.1). */
import type { Bytes } from "../core/bytes.ts";
import {
  type Awaitable,
  ContentType,
  DropReason,
  type DropReasonName,
  dropReasonName,
  type KeyLimits,
  keyLimits,
  type OpenedRecord,
  Protection,
  type RecordCore,
  RecordKind,
  type RecordOpener,
  type RecordSealer,
} from "../core/index.ts";
import { ProtocolVersion } from "../tls/codepoints.ts";
import type { TrafficKeys } from "../tls/key-schedule.ts";
import type { RecordProtection, SuiteParameters } from "../tls/suites.ts";
import { fault } from "../tls/wire.ts";
import type { Path } from "./path.ts";

/** Bytes that a DTLSPlaintext adds to its content. */
const PLAINTEXT_OVERHEAD = 13;

const protections: Readonly<Record<RecordProtection, Protection>> = {
  "aes-gcm": Protection.aes_gcm,
  "chacha20-poly1305": Protection.chacha20_poly1305,
  "hmac-sha256": Protection.integrity_only_sha256,
};

const innerTypeFault = fault(
  "unexpected_message",
  "unexpected_record",
  "a protected record of no known content type",
);
const keyExhausted = fault(
  "internal_error",
  "key_exhausted",
  "a key has protected as many records as it may, and the peer has not acknowledged the next one (RFC 9147 §4.5.3)",
);
const lengthFault = fault("record_overflow", "record_overflow", "a record with more than 2^14 bytes");

/** What is kept until its keys are there: a flight, even of small records. */
const MAX_EARLY = 64;
const MAX_EARLY_BYTES = 16_384;

/** What an asynchronous AEAD may be opening at a time: more comes in only while it keeps up. */
const MAX_OPENING = 512;
const MAX_OPENING_BYTES = 524_288;

/** Why records were dropped: the record core's reasons, and those that only the connection can know. */
export type RecordDrop =
  | DropReasonName
  | "no_epoch"
  | "plaintext_after_keys"
  | "closed"
  | "malformed"
  | "overload";

/** How many records were dropped, by reason. */
export type DropCounters = Partial<Record<RecordDrop, number>>;

/** What the record layer hands up: one record's content, to be consumed before returning. */
export interface RecordReceiver {
  /** `buffer[start]` to `buffer[start + length - 1]`; only valid during the call. */
  record(
    type: number,
    epoch: number,
    sequenceNumber: number,
    buffer: Bytes,
    start: number,
    length: number,
    /** Whether no record of a higher number has come in this epoch. */
    newest: boolean,
    /** Where its datagram came from. */
    path: Path,
  ): void;
  /** A record was kept until its keys are there. */
  recordAhead(): void;
  /** An authentic record that no peer may send: its type or its length is out of bounds. */
  recordFault(error: Error): void;
  /** Half of the forgeries that an epoch's key may see were seen: it is time for other keys (§4.5.3). */
  keyWearsOut(epoch: number): void;
  /** An epoch's key has seen as many forgeries as it may, and opens nothing more (§4.5.3). */
  keyIsWornOut(epoch: number): void;
}

/** The connection IDs that the peer was told to send. */
export interface ReceivedConnectionIds {
  /** Of all of them, in bytes; 0 for none. */
  length(): number;
  /** Whether the peer may not send any: they are offered, and it has not answered. */
  isOpen(): boolean;
  has(connectionId: Bytes): boolean;
}

interface EarlyRecord {
  readonly bytes: Bytes;
  readonly path: Path;
}

interface ReadEpoch {
  readonly epoch: number;
  readonly opener: RecordOpener;
}

interface WriteEpoch {
  readonly epoch: number;
  readonly sealer: RecordSealer;
  /** How many records the key may protect (§4.5.3). */
  readonly limit: number;
  /** Where application data ends: what is left of the key's limit is for its change. */
  readonly dataLimit: number;
}

export class RecordLayer {
  readonly drops: DropCounters = {};
  /** legacy_record_version of handshake records in DTLSPlaintext; only a first ClientHello has another than DTLS 1.2. */
  plaintextVersion: ProtocolVersion = ProtocolVersion.dtls1_2;
  readonly #core: RecordCore;
  readonly #limits: Partial<KeyLimits>;
  readonly #connectionIds: ReceivedConnectionIds;
  /** By the low two bits of the epoch. */
  readonly #read: (ReadEpoch | undefined)[] = [undefined, undefined, undefined, undefined];
  /** Handshake and application epochs at first, then one. */
  #write: WriteEpoch[] = [];
  #plaintextSequenceNumber: number;
  #isHandshaking = true;
  /** Records that came before their keys. */
  #early: EarlyRecord[] = [];
  #earlyBytes = 0;
  #hasNewKeys = false;
  /** What an asynchronous AEAD is opening. */
  #opening = 0;
  #openingBytes = 0;
  #sentConnectionId: Uint8Array = new Uint8Array(0);

  /**
   * @param limits of one epoch's keys, where they are to be lower than the standard's
   * @param plaintextSequenceNumber of the first DTLSPlaintext: a server that has answered statelessly goes on from there
   */
  constructor(
    core: RecordCore,
    connectionIds: ReceivedConnectionIds,
    limits: Partial<KeyLimits> = {},
    plaintextSequenceNumber = 0,
  ) {
    this.#core = core;
    this.#limits = limits;
    this.#connectionIds = connectionIds;
    this.#plaintextSequenceNumber = plaintextSequenceNumber;
  }

  /** The epoch that new records are sent in. */
  get writeEpoch(): number {
    return this.#write.length === 0 ? 0 : this.#write[this.#write.length - 1]!.epoch;
  }

  /** The sealer of application data, once there is one. */
  get sealer(): RecordSealer | undefined {
    return this.#write.length === 0 ? undefined : this.#write[this.#write.length - 1]!.sealer;
  }

  /** Whether application data may still be protected with the current key. */
  get mayProtectData(): boolean {
    const { sealer, dataLimit } = this.#write[this.#write.length - 1]!;
    return sealer.nextSequenceNumber < dataLimit;
  }

  installRead(epoch: number, suite: SuiteParameters, keys: TrafficKeys): void {
    this.#read[epoch & 3]?.opener.close();
    const limit = this.#limits.failed;
    const options = limit === undefined ? { epoch } : { epoch, limit };
    this.#read[epoch & 3] = { epoch, opener: this.#core.createOpener(coreKeys(suite, keys), options) };
    this.#hasNewKeys = true;
  }

  installWrite(epoch: number, suite: SuiteParameters, keys: TrafficKeys): void {
    const options = { epoch, connectionId: this.#sentConnectionId };
    const standard = keyLimits(protections[suite.protection]).sealed;
    const limit = Math.min(this.#limits.sealed ?? standard, standard);
    const sealer = this.#core.createSealer(coreKeys(suite, keys), { ...options, limit });
    this.#write.push({ epoch, sealer, limit, dataLimit: Math.floor((limit / 16) * 15) });
  }

  /** Drops the reading keys of an epoch. */
  retireRead(epoch: number): void {
    const entry = this.#read[epoch & 3];
    if (entry?.epoch !== epoch) return;
    entry.opener.close();
    this.#read[epoch & 3] = undefined;
  }

  /** Drops the writing keys of all epochs below this one. */
  retireWriteBefore(epoch: number): void {
    for (const entry of this.#write) if (entry.epoch < epoch) entry.sealer.close();
    this.#write = this.#write.filter((entry) => entry.epoch >= epoch);
  }

  /** The handshake is over: DTLSPlaintext records, and those of epochs without keys, are dropped from now on. */
  establish(): void {
    this.#isHandshaking = false;
  }

  /** The connection ID that the peer wants to receive, in all records from now on. */
  sendConnectionId(connectionId: Uint8Array): void {
    this.#sentConnectionId = connectionId;
    for (const { sealer } of this.#write) sealer.setConnectionId(connectionId);
  }

  /** Bytes that a record of this epoch adds to its content. */
  overhead(epoch: number): number {
    return epoch === 0 ? PLAINTEXT_OVERHEAD : this.#writeOf(epoch).sealer.overhead;
  }

  /** The sequence number that the next record of this epoch will have. */
  nextSequenceNumber(epoch: number): number {
    return epoch === 0 ? this.#plaintextSequenceNumber : this.#writeOf(epoch).sealer.nextSequenceNumber;
  }

  /**
   * Writes a record of this epoch into `out` at `at`; answers as {@link RecordSealer.seal}.
   * @throws SealgramError key_exhausted when all that the key may still protect is an alert
   */
  seal(
    epoch: number,
    type: ContentType,
    content: Uint8Array,
    padding: number,
    out: Uint8Array,
    at: number,
  ): Awaitable<number> {
    if (epoch === 0) {
      const length = this.#core.writePlaintext(type, this.#plaintextSequenceNumber++, content, out, at);
      if (type === ContentType.handshake) out[at + 2] = this.plaintextVersion & 0xff;
      return length;
    }
    const { sealer, limit } = this.#writeOf(epoch);
    if (type !== ContentType.alert && sealer.nextSequenceNumber >= limit - 1) throw keyExhausted;
    return sealer.seal(type, content, padding, out, at);
  }

  #writeOf(epoch: number): WriteEpoch {
    const entry = this.#write.find((candidate) => candidate.epoch === epoch);
    if (entry === undefined) throw new Error(`no keys to write in epoch ${epoch}`);
    return entry;
  }

  /** Whether records came before keys that are there now. */
  get canOpenEarly(): boolean {
    return this.#hasNewKeys && this.#early.length > 0;
  }

  /** Opens what came before its keys. */
  receiveEarly(receiver: RecordReceiver): Promise<void> | undefined {
    this.#hasNewKeys = false;
    const records = this.#early;
    this.#early = [];
    this.#earlyBytes = 0;
    const pending = records
      // It need not have been the first of its datagram, which alone has to have a connection ID.
      .map(({ bytes, path }) => this.receive(bytes, path, receiver, true))
      .filter((each) => each !== undefined);
    return pending.length === 0 ? undefined : Promise.all(pending).then(() => {});
  }

  /**
   * Opens a datagram's records and hands them up in order. With an asynchronous AEAD some are handed up later; the
   * answer is then a promise that settles when all have been.
   * @param path where the datagram came from
   * @param maybeWithout whether its first record may lack the connection ID that was negotiated
   */
  receive(
    datagram: Uint8Array,
    path: Path,
    receiver: RecordReceiver,
    maybeWithout = false,
  ): Promise<void> | undefined {
    const { reader } = this.#core;
    let pending: Promise<void>[] | undefined;
    const connectionIds = this.#connectionIds;
    let isFirst = true;
    reader.begin(datagram, connectionIds.length(), maybeWithout || connectionIds.isOpen());
    while (reader.next()) {
      const { kind } = reader;
      if (kind === RecordKind.ciphertext) {
        // Another association's record: "the rest of the datagram MUST be discarded" (§4)
        if (!isFirst) {
          const { connectionId } = reader;
          if (connectionId.length > 0 && !connectionIds.has(connectionId)) {
            this.countDrop("connection_id");
            break;
          }
        }
        isFirst = false;
        const entry = this.#read[reader.epochBits];
        if (entry === undefined) {
          // Reordered, or its keys are still being computed (§4.2.1: "MAY either buffer or discard such records").
          // No others than epochs 2 and 3 get keys in a handshake.
          const mayGetKeys = reader.epochBits >= 2;
          if (mayGetKeys && this.#keepEarly(reader.record, path)) receiver.recordAhead();
          else this.countDrop("no_epoch");
          continue;
        }
        if (this.#opening >= MAX_OPENING || this.#openingBytes >= MAX_OPENING_BYTES) {
          this.countDrop("overload");
          continue;
        }
        const opened = entry.opener.open();
        if (opened instanceof Promise) {
          pending ??= [];
          pending.push(this.#deliverLater(opened, reader.record.length, entry, path, receiver));
        } else this.#deliver(opened, entry, path, receiver);
      } else if (kind === RecordKind.plaintext) {
        if (this.#isHandshaking) {
          const { content } = reader;
          receiver.record(reader.type, 0, reader.sequenceNumber, content, 0, content.length, true, path);
        } else this.countDrop("plaintext_after_keys");
      } else this.countDrop("length");
    }
    if (reader.drop !== 0) this.countDrop(dropReasonName(reader.drop));
    return pending === undefined ? undefined : Promise.all(pending).then(() => {});
  }

  #keepEarly(record: Bytes, path: Path): boolean {
    const fits = this.#early.length < MAX_EARLY && this.#earlyBytes + record.length <= MAX_EARLY_BYTES;
    if (!this.#isHandshaking || !fits) return false;
    this.#early.push({ bytes: record.slice(), path });
    this.#earlyBytes += record.length;
    return true;
  }

  // By itself, so that records that open at once do not pay for a closure.
  #deliverLater(
    opening: Promise<OpenedRecord>,
    bytes: number,
    entry: ReadEpoch,
    path: Path,
    receiver: RecordReceiver,
  ): Promise<void> {
    this.#opening++;
    this.#openingBytes += bytes;
    return opening
      .finally(() => {
        this.#opening--;
        this.#openingBytes -= bytes;
      })
      .then((record) => this.#deliver(record, entry, path, receiver));
  }

  #deliver(record: OpenedRecord, entry: ReadEpoch, path: Path, receiver: RecordReceiver): void {
    const { epoch, opener } = entry;
    // Keys may have gone while an asynchronous AEAD was at work.
    if (this.#read[epoch & 3] !== entry) {
      this.countDrop("no_epoch");
      return;
    }
    if (record.drop !== 0) {
      this.countDrop(dropReasonName(record.drop as DropReason));
      this.#reportDrop(record.drop, entry, receiver);
      return;
    }
    const newest = record.sequenceNumber + 1 === opener.nextSequenceNumber;
    const { type, sequenceNumber, buffer, start, length } = record;
    receiver.record(type, epoch, sequenceNumber, buffer, start, length, newest, path);
  }

  /** Tells of the drops that concern the connection. */
  #reportDrop(drop: DropReason, { epoch, opener }: ReadEpoch, receiver: RecordReceiver): void {
    switch (drop) {
      // "Records that are successfully decoded and deprotected can be assumed to be valid" (§4.5.2)
      case DropReason.inner_type:
        receiver.recordFault(innerTypeFault);
        return;
      case DropReason.length:
        receiver.recordFault(lengthFault);
        return;
      case DropReason.authentication:
        if (opener.needsKeyUpdate) receiver.keyWearsOut(epoch);
        return;
      case DropReason.limit:
        receiver.keyIsWornOut(epoch);
    }
  }

  countDrop(reason: RecordDrop): void {
    this.drops[reason] = (this.drops[reason] ?? 0) + 1;
  }

  /** Wipes all keys. */
  close(): void {
    for (const entry of this.#read) entry?.opener.close();
    this.#read.fill(undefined);
    for (const { sealer } of this.#write) sealer.close();
    this.#write = [];
    this.#early = [];
    this.#isHandshaking = false;
  }
}

function coreKeys(suite: SuiteParameters, { key, iv, recordNumberKey }: TrafficKeys) {
  return { protection: protections[suite.protection], key, iv, snKey: recordNumberKey };
}
