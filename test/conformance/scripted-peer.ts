/**
 * A connection under test and a peer that can say anything to it. An accomplice, which is a connection itself, gets the
 * two through the handshake; the script may change, drop or add whatever passes between them, and afterwards speaks
 * for itself with keys from the key log.
 */
import type { Bytes } from "../../src/core/bytes.ts";
import {
  ContentType,
  Protection,
  RecordCore,
  RecordKind,
  type RecordOpener,
  type RecordSealer,
} from "../../src/core/index.ts";
import { createNodeProvider } from "../../src/crypto/node.ts";
import { nodeAes } from "../../src/crypto/node-aes.ts";
import { type ClientConfig, commonDefaults, type Psk, type ServerConfig } from "../../src/dtls/config.ts";
import { Connection, type ConnectionHost, type ConnectionOptions } from "../../src/dtls/connection.ts";
import { readFragments, writeFragment } from "../../src/dtls/fragment.ts";
import type { SealgramError } from "../../src/errors.ts";
import { decodeAck, encodeAck, type RecordNumber } from "../../src/tls/ack.ts";
import { decodeAlert } from "../../src/tls/alerts.ts";
import { NamedGroup } from "../../src/tls/codepoints.ts";
import { nextTrafficSecret, trafficKeys } from "../../src/tls/key-schedule.ts";
import { CipherSuite, suiteParameters } from "../../src/tls/suites.ts";
import { sideOf } from "../sim/side.ts";

/** Those that tests reach. */
const epochs = Array.from({ length: 20 }, (_, i) => i + 2);

/** Two cores, so that what the script opens does not disturb what the connection has just opened. */
const core = RecordCore.loadSync(undefined, { aes: nodeAes });
const ownCore = RecordCore.loadSync(undefined, { aes: nodeAes });
const crypto = createNodeProvider();
const suite = suiteParameters(CipherSuite.TLS_CHACHA20_POLY1305_SHA256);

export type Role = "client" | "server";

const sharedPsk: Psk = {
  identity: new TextEncoder().encode("alice"),
  key: new Uint8Array(32).fill(7),
  imported: false,
};

/** A record as the connection under test sent it. */
export interface Observed {
  readonly epoch: number;
  readonly sequenceNumber: number;
  readonly type: number;
  readonly content: Bytes;
  /** The whole record, as it was on the wire. */
  readonly raw: Bytes;
  /** Index of its datagram among all that were sent. */
  readonly datagram: number;
}

/** A handshake message, or a part of one. */
export interface ObservedFragment {
  readonly type: number;
  readonly messageSeq: number;
  readonly length: number;
  readonly offset: number;
  readonly data: Bytes;
  readonly record: Observed;
}

export interface LabOptions {
  readonly client?: Partial<ClientConfig>;
  readonly server?: Partial<ServerConfig>;
  readonly clientId?: Bytes;
  readonly serverId?: Bytes;
  readonly pathValidated?: boolean;
}

/** What passes from the accomplice to the connection under test: a script may answer other datagrams in its place. */
export type Rewrite = (datagram: Bytes) => readonly Bytes[];

export class Lab {
  nowMs = 1000;
  readonly role: Role;
  readonly subject: Connection;
  readonly accomplice: Connection;
  /** Datagrams of the connection under test. */
  readonly sent: Bytes[] = [];
  /** Where each of them went. */
  readonly sentTo: string[] = [];
  readonly data: Bytes[] = [];
  isConnected = false;
  isClosed = false;
  error: SealgramError | undefined;
  /** Changes what the accomplice says. */
  rewrite: Rewrite = (datagram) => [datagram];
  /** Whether what the connection says reaches the accomplice. */
  isHeard = true;
  readonly #secrets = new Map<string, Bytes>();
  readonly #openers = new Map<number, RecordOpener>();
  readonly #sealers = new Map<number, RecordSealer>();
  readonly #toSubject: Bytes[] = [];
  readonly #toAccomplice: Bytes[] = [];
  /** Of the connection IDs that the script receives. */
  readonly #idLength: number;
  #observedDatagrams = 0;
  #plaintextSequenceNumber = 1000;
  /** The connection ID in records to the connection under test. */
  peerId: Bytes;

  constructor(role: Role, options: LabOptions = {}) {
    this.role = role;
    const keyLog = (line: string) => {
      const [label, , secret] = line.split(" ");
      this.#secrets.set(label!, fromHex(secret!));
    };
    const common = { ...commonDefaults, core, crypto, cipherSuites: [suite.suite], keyLog };
    const client: ClientConfig = {
      ...common,
      role: "client",
      psks: [sharedPsk],
      keyShareGroups: [NamedGroup.x25519],
      ...options.client,
    };
    const server: ServerConfig = {
      ...common,
      role: "server",
      requireClientCertificate: false,
      acknowledgeServerName: false,
      choosePsk: () => ({ index: 0, psk: sharedPsk }),
      ...options.server,
    };
    const own = role === "client" ? options.clientId : options.serverId;
    const other = role === "client" ? options.serverId : options.clientId;
    const isNegotiated = own !== undefined && other !== undefined;
    this.peerId = isNegotiated ? own : new Uint8Array(0);
    this.#idLength = isNegotiated ? other.length : 0;
    const quiet = (rest: Pick<ConnectionHost, "transmit"> & Partial<ConnectionHost>): ConnectionHost => ({
      now: () => this.nowMs,
      data: () => {},
      connected: () => {},
      ticket: () => {},
      closed: () => {},
      moved: () => {},
      newConnectionId: () => new Uint8Array(own?.length ?? 0).fill(0xc0 + this.issued++),
      connectionIdRetired: (id) => this.retired.push(id),
      wake: () => {},
      ...rest,
    });
    const optionsOf = (connectionId: Bytes | undefined): ConnectionOptions => ({
      path: "peer",
      pathValidated: options.pathValidated ?? true,
      ...(connectionId === undefined ? {} : { connectionId }),
    });
    this.subject = new Connection(
      sideOf(role === "client" ? client : server),
      quiet({
        transmit: (datagram, path) => {
          this.sent.push(datagram.slice());
          this.sentTo.push(path as string);
          if (path === "peer") this.#toAccomplice.push(datagram.slice());
        },
        data: (buffer, start, length) => this.data.push(buffer.slice(start, start + length)),
        connected: () => {
          this.isConnected = true;
        },
        closed: (error) => {
          this.isClosed = true;
          this.error = error;
        },
      }),
      optionsOf(own),
    );
    this.accomplice = new Connection(
      sideOf(role === "client" ? server : client),
      quiet({ transmit: (datagram) => this.#toSubject.push(...this.rewrite(datagram.slice())) }),
      { ...optionsOf(other), pathValidated: true },
    );
  }

  issued = 0;
  readonly retired: Bytes[] = [];

  /** Lets everything pass until there is nothing left to say. */
  exchange(): void {
    for (;;) {
      const toSubject = this.#toSubject.splice(0);
      const toAccomplice = this.#toAccomplice.splice(0);
      if (toSubject.length + toAccomplice.length === 0) return;
      for (const datagram of toSubject) this.subject.handleDatagram(datagram, "peer");
      if (this.isHeard) for (const datagram of toAccomplice) this.accomplice.handleDatagram(datagram, "peer");
    }
  }

  /** Starts the handshake and lets it go as far as it does without the clock. */
  begin(): this {
    this.subject.start();
    this.accomplice.start();
    this.exchange();
    return this;
  }

  /** A whole handshake with all its ACKs; from then on the script speaks, and not the accomplice. */
  establish(): this {
    this.begin();
    for (let turn = 0; this.subject.isBusy || this.accomplice.isBusy; turn++) {
      if (turn > 50) throw new Error("the handshake does not come to rest");
      const due = [this.subject.deadlineMs, this.accomplice.deadlineMs].filter((time) => time !== undefined);
      this.advance(Math.min(...due) - this.nowMs);
    }
    // ACKs that are still due would come into whatever a test looks at.
    this.advance(1000);
    this.isHeard = false;
    this.rewrite = () => [];
    this.observe();
    return this;
  }

  /** Time goes on; what is due on either side happens. */
  advance(milliseconds: number): void {
    const until = this.nowMs + milliseconds;
    for (;;) {
      const due = [this.subject.deadlineMs, this.isHeard ? this.accomplice.deadlineMs : undefined]
        .filter((time) => time !== undefined)
        .filter((time) => time <= until);
      if (due.length === 0) break;
      this.nowMs = Math.max(this.nowMs, Math.min(...due));
      if ((this.subject.deadlineMs ?? Number.POSITIVE_INFINITY) <= this.nowMs) this.subject.handleTimeout();
      if (this.isHeard && (this.accomplice.deadlineMs ?? Number.POSITIVE_INFINITY) <= this.nowMs) {
        this.accomplice.handleTimeout();
      }
      this.exchange();
    }
    this.nowMs = until;
  }

  /** Time goes on for as long as what is said against the connection in the clear, by anyone, is not believed. */
  doubt(): void {
    this.advance(501);
  }

  // What the connection says

  /** Its records since the last time, opened. */
  observe(): Observed[] {
    const records: Observed[] = [];
    for (; this.#observedDatagrams < this.sent.length; this.#observedDatagrams++) {
      const { reader } = ownCore;
      reader.begin(this.sent[this.#observedDatagrams]!, this.#idLength);
      while (reader.next()) records.push(this.#observeRecord());
      if (reader.drop !== 0) throw new Error("the connection sends what is no record");
    }
    return records;
  }

  #observeRecord(): Observed {
    const { reader } = ownCore;
    const raw = reader.record.slice();
    const datagram = this.#observedDatagrams;
    if (reader.kind === RecordKind.plaintext) {
      const { type, sequenceNumber } = reader;
      return { epoch: 0, sequenceNumber, type, content: reader.content.slice(), raw, datagram };
    }
    const epoch = epochs.find((each) => (each & 3) === reader.epochBits && this.#opens(each));
    const opened = this.#opener(epoch!).open();
    if (opened instanceof Promise || opened.drop !== 0)
      throw new Error("the connection sends what cannot be opened");
    const { type, sequenceNumber, buffer, start, length } = opened;
    const content = buffer.slice(start, start + length);
    return { epoch: epoch!, sequenceNumber, type, content, raw, datagram };
  }

  /** The latest epoch of these bits for which the connection has keys. */
  #opens(epoch: number): boolean {
    return this.#secret(this.role, epoch) !== undefined && this.#secret(this.role, epoch + 4) === undefined;
  }

  /** Its handshake messages since the last time, in parts as they came. */
  fragments(records: readonly Observed[] = this.observe()): ObservedFragment[] {
    return records
      .filter(({ type }) => type === ContentType.handshake)
      .flatMap((record) =>
        [...readFragments(record.content)].map((fragment) => ({
          ...fragment,
          data: fragment.data.slice(),
          record,
        })),
      );
  }

  /** Record numbers that its ACKs since the last time name. */
  acknowledged(records: readonly Observed[] = this.observe()): RecordNumber[] {
    return records
      .filter(({ type }) => type === ContentType.ack)
      .flatMap(({ content }) => decodeAck(content));
  }

  /** Names of the alerts it sent since the last time. */
  alerts(records: readonly Observed[] = this.observe()): (string | undefined)[] {
    return records
      .filter(({ type }) => type === ContentType.alert)
      .map(({ content }) => decodeAlert(content).name);
  }

  // What the script says

  get #peer(): Role {
    return this.role === "client" ? "server" : "client";
  }

  #secret(sender: Role, epoch: number): Bytes | undefined {
    const name = sender.toUpperCase();
    if (epoch === 2) return this.#secrets.get(`${name}_HANDSHAKE_TRAFFIC_SECRET`);
    const logged = this.#secrets.get(`${name}_TRAFFIC_SECRET_${epoch - 3}`);
    // The connection logs the peer's secrets when it learns of an update; the script is ahead of it.
    if (logged !== undefined || epoch < 4 || sender === this.role) return logged;
    return nextTrafficSecret(crypto, suite.hash, this.#secret(sender, epoch - 1)!);
  }

  #opener(epoch: number): RecordOpener {
    let opener = this.#openers.get(epoch);
    if (opener === undefined) {
      opener = ownCore.createOpener(keysOf(this.#secret(this.role, epoch)!), { epoch });
      this.#openers.set(epoch, opener);
    }
    return opener;
  }

  #sealer(epoch: number): RecordSealer {
    let sealer = this.#sealers.get(epoch);
    if (sealer === undefined) {
      sealer = ownCore.createSealer(keysOf(this.#secret(this.#peer, epoch)!), { epoch });
      // Far from what the accomplice has used, within reach of 16 bits.
      if (epoch <= 3)
        for (let i = 0; i < 100; i++) sealer.seal(23, new Uint8Array(0), 0, new Uint8Array(64), 0);
      this.#sealers.set(epoch, sealer);
    }
    return sealer;
  }

  /** Whether the script has keys of an epoch. */
  hasKeys(epoch: number): boolean {
    return epoch === 0 || this.#secret(this.#peer, epoch) !== undefined;
  }

  /** What the script protects its records with. */
  peerKeys(epoch: number): { key: Bytes; iv: Bytes; recordNumberKey: Bytes } {
    return trafficKeys(crypto, suite, this.#secret(this.#peer, epoch)!);
  }

  /** The sequence number that the script's next record of an epoch has. */
  nextSequenceNumber(epoch: number): number {
    return epoch === 0 ? this.#plaintextSequenceNumber : this.#sealer(epoch).nextSequenceNumber;
  }

  /** A record of any epoch, protected as it has to be. */
  record(epoch: number, type: number, content: Uint8Array, connectionId: Uint8Array = this.peerId): Bytes {
    if (epoch === 0) return plaintextRecord(type, this.#plaintextSequenceNumber++, content);
    const sealer = this.#sealer(epoch);
    sealer.setConnectionId(connectionId);
    const out = new Uint8Array(sealer.overhead + content.length);
    sealer.seal(type as ContentType, content, 0, out, 0);
    return out;
  }

  /** The content of a record that the accomplice sent in the handshake's epoch. */
  open(record: Bytes): Bytes {
    ownCore.reader.begin(record, this.peerId.length);
    ownCore.reader.next();
    const opener = ownCore.createOpener(keysOf(this.#secret(this.#peer, 2)!), { epoch: 2 });
    const opened = opener.open();
    if (opened instanceof Promise || opened.drop !== 0) throw new Error("not a record of the accomplice's");
    return opened.buffer.slice(opened.start, opened.start + opened.length);
  }

  /** Puts bytes before the connection, as one datagram. */
  say(...parts: Uint8Array[]): void {
    this.subject.handleDatagram(concat(...parts), "peer");
    this.exchange();
  }

  /** Says a handshake message, whole, in a record of its own; answers the record's number. */
  message(epoch: number, type: number, body: Uint8Array, messageSeq: number): RecordNumber {
    const number = { epoch, sequenceNumber: this.nextSequenceNumber(epoch) };
    this.say(this.record(epoch, ContentType.handshake, fragment(type, messageSeq, body)));
    return number;
  }

  ack(epoch: number, numbers: readonly RecordNumber[]): void {
    this.say(this.record(epoch, ContentType.ack, encodeAck(numbers)));
  }

  /** message_seq of the script's next message behind a plain handshake with a PSK. */
  get nextMessageSeq(): number {
    return this.role === "client" ? 3 : 2;
  }
}

function keysOf(secret: Bytes) {
  const { key, iv, recordNumberKey } = trafficKeys(crypto, suite, secret);
  return { protection: Protection.chacha20_poly1305, key, iv, snKey: recordNumberKey };
}

export function concat(...parts: Uint8Array[]): Bytes {
  const out = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** A DTLSPlaintext with whatever header. */
export function plaintextRecord(
  type: number,
  sequenceNumber: number,
  content: Uint8Array,
  version = 0xfefd,
  epoch = 0,
): Bytes {
  const header = new Uint8Array(13);
  const view = new DataView(header.buffer);
  view.setUint8(0, type);
  view.setUint16(1, version);
  view.setUint16(3, epoch);
  view.setUint16(5, Math.floor(sequenceNumber / 2 ** 32));
  view.setUint32(7, sequenceNumber % 2 ** 32);
  view.setUint16(11, content.length);
  return concat(header, content);
}

/** A part of a handshake message, the whole of it unless told otherwise, with its header. */
export function fragment(
  type: number,
  messageSeq: number,
  body: Uint8Array,
  offset = 0,
  length: number = body.length - offset,
): Bytes {
  const message = concat(Uint8Array.of(type, body.length >> 16, body.length >> 8, body.length), body);
  const out = new Uint8Array(12 + length);
  writeFragment(message, messageSeq, offset, length, out, 0);
  return out;
}

/** Changes the body of plaintext handshake messages of one type, and their lengths with it. */
export function rewriteMessage(
  type: number,
  change: (body: Bytes, messageSeq: number) => Uint8Array,
): Rewrite {
  return (datagram) => {
    const { reader } = ownCore;
    const parts: Uint8Array[] = [];
    reader.begin(datagram, 0);
    while (reader.next()) {
      const isPlain = reader.kind === RecordKind.plaintext && reader.type === ContentType.handshake;
      if (!isPlain) {
        parts.push(reader.record.slice());
        continue;
      }
      const { sequenceNumber } = reader;
      const changed = [...readFragments(reader.content.slice())].map((each) =>
        each.type === type
          ? fragment(each.type, each.messageSeq, change(each.data.slice(), each.messageSeq))
          : fragment(each.type, each.messageSeq, each.data),
      );
      parts.push(plaintextRecord(ContentType.handshake, sequenceNumber, concat(...changed)));
    }
    return [concat(...parts)];
  };
}

function fromHex(hex: string): Bytes {
  return Uint8Array.from({ length: hex.length / 2 }, (_, i) =>
    Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16),
  );
}
