/**
 * What a server does with datagrams of nobody it knows: it answers a ClientHello with a HelloRetryRequest and keeps
 * nothing, until a client has shown by the cookie that it receives at its address (RFC 9147 §5.1).
 */
import type { Bytes } from "../core/bytes.ts";
import { ContentType, MAX_CONTENT, RecordKind } from "../core/index.ts";
import { type AlertName, SealgramError } from "../errors.ts";
import { encodeAlert } from "../tls/alerts.ts";
import { ExtensionType, HandshakeType } from "../tls/codepoints.ts";
import type { PakeParameters } from "../tls/extensions.ts";
import { type ClientHello, decodeClientHello, encodeHelloRetryRequest, randomLength } from "../tls/hello.ts";
import { type RetryRequest, retryExtensions, retryFingerprint } from "../tls/retry.ts";
import { offersDtls13, selectGroup, selectSuiteForPsks } from "../tls/server-choices.ts";
import { type CipherSuite, type SuiteParameters, suiteParameters } from "../tls/suites.ts";
import { Reader } from "../tls/wire.ts";
import type { ServerConfig } from "./config.ts";
import { type CookieContents, CookieJar } from "./cookie.ts";
import { FRAGMENT_HEADER, type Fragment, readFragments, writeFragment } from "./fragment.ts";
import { HelloBuffer } from "./hello-buffer.ts";
import { LookUps } from "./look-ups.ts";
import { asksParameters, lookUpParameters, offersPake } from "./pake.ts";
import { AMPLIFICATION } from "./path.ts";
import type { StatelessRetry } from "./server.ts";

/** Why a datagram was dropped without an answer. */
export type AcceptorDrop =
  | "not_a_client_hello"
  | "malformed"
  | "incomplete_client_hello"
  /** Without DTLS 1.3, or with no cipher suite that is known here: no HelloRetryRequest would be understood. */
  | "unanswerable"
  /** For the answer, which may be three times as long. */
  | "too_short"
  /** Too many look-ups of registrations are under way, or one for this client. */
  | "busy"
  | "failed_look_up";

/** What is to be done with a datagram. */
export type Verdict =
  /** With what a look-up has thrown. */
  | { readonly kind: "drop"; readonly reason: AcceptorDrop; readonly cause?: unknown }
  /** Send this back: a HelloRetryRequest, or the alert that the standard demands for an invalid cookie (§5.1). */
  | { readonly kind: "answer"; readonly datagram: Bytes; readonly alert: AlertName | undefined }
  /**
   * Make a connection of it, with this retry, and hand it this datagram: the one at hand, or one with all of a
   * ClientHello that came in several.
   */
  | { readonly kind: "accept"; readonly retry: StatelessRetry; readonly datagram: Uint8Array }
  /** The verdict, of one of the kinds before, has to wait for a look-up. Never rejects. */
  | { readonly kind: "later"; readonly verdict: Promise<Verdict> };

/**
 * Look-ups for clients that ask for the salt of a registration, all under way at the same time. The addresses they come
 * from are not proved, so whatever is above is dropped: clients ask again.
 */
const MAX_LOOK_UPS = 64;
/** By then a client has given up. */
const LOOK_UP_LIMIT_MS = 10_000;

const PLAINTEXT_HEADER = 13;
/** Of a message's body that goes into one record. */
const MAX_FRAGMENT = MAX_CONTENT - FRAGMENT_HEADER;

const failedLookUp = (cause: unknown): Verdict => ({ kind: "drop", reason: "failed_look_up", cause });
const incomplete: Verdict = { kind: "drop", reason: "incomplete_client_hello" };
const malformed: Verdict = { kind: "drop", reason: "malformed" };

interface HelloDatagram {
  readonly datagram: Uint8Array;
  /** None if it is anything else. */
  readonly fragments: readonly Fragment[];
  /** Of its last record. */
  readonly recordNumber: number;
}

/**
 * Judges what comes from addresses that no connection is known of: a server's front door, which keeps nothing of a
 * client that has not shown that it receives at its address (RFC 9147 §5.1).
 */
export class Acceptor {
  readonly #config: ServerConfig;
  readonly #cookies: CookieJar;
  readonly #hellos: HelloBuffer;
  readonly #lookUps = new LookUps(MAX_LOOK_UPS, LOOK_UP_LIMIT_MS);
  /** The latest time that it was told. */
  #nowMs = 0;

  /** @param helloPlaces of ClientHellos in several datagrams that may wait for their rest, all clients together */
  constructor(config: ServerConfig, helloPlaces = 32, cookies: CookieJar = new CookieJar(config.crypto)) {
    this.#config = config;
    this.#cookies = cookies;
    this.#hellos = new HelloBuffer(helloPlaces, config.reliability.maxHelloBytes);
  }

  /**
   * Judges a datagram that belongs to no connection.
   * @param address of the sender, in whatever form the carrier has it
   */
  judge(datagram: Uint8Array, address: Uint8Array, nowMs: number): Verdict {
    this.#nowMs = nowMs;
    const hello = this.#read(datagram);
    const [fragment] = hello.fragments;
    if (fragment === undefined) return { kind: "drop", reason: "not_a_client_hello" };
    try {
      if (fragment.messageSeq === 1) return this.#accept(hello, address, nowMs);
      const message = this.#reassemble(hello.fragments, address, nowMs);
      return message === undefined ? incomplete : this.#retry(message, datagram, address);
    } catch (error) {
      if (!(error instanceof SealgramError)) throw error;
      return malformed;
    }
  }

  /** A datagram, if all of it is of the first or second ClientHello. */
  #read(datagram: Uint8Array): HelloDatagram {
    const { reader } = this.#config.core;
    const fragments: Fragment[] = [];
    let recordNumber = 0;
    reader.begin(datagram, 0);
    try {
      while (reader.next() && reader.kind === RecordKind.plaintext && reader.type === ContentType.handshake) {
        recordNumber = reader.sequenceNumber;
        fragments.push(...readFragments(reader.content.slice()));
      }
    } catch {
      return { datagram, fragments: [], recordNumber };
    }
    const messageSeq = fragments[0]?.messageSeq ?? 0;
    const fits = (each: Fragment) =>
      each.type === HandshakeType.client_hello && each.messageSeq === messageSeq;
    return { datagram, fragments: messageSeq <= 1 && fragments.every(fits) ? fragments : [], recordNumber };
  }

  /** The answer to a first ClientHello, of which nothing but the cookie in it remembers the client. */
  #retry(message: Bytes, datagram: Uint8Array, address: Uint8Array): Verdict {
    const { pake } = this.#config;
    const hello = decodeClientHello(message);
    const suite = this.#selectSuite(hello);
    if (suite === undefined) return { kind: "drop", reason: "unanswerable" };
    const selectedGroup = this.#selectGroup(hello);
    // Of a hello in several datagrams at least all of the message was received.
    const maxBytes = AMPLIFICATION * Math.max(datagram.length, message.length);
    const answer = (pakeParameters?: PakeParameters): Verdict => {
      const retry = this.#answer(message, suite, { selectedGroup, pakeParameters }, address);
      if (retry.length > maxBytes) return { kind: "drop", reason: "too_short" };
      return { kind: "answer", datagram: retry, alert: undefined };
    };
    if (pake === undefined || !asksParameters(pake, hello.extensions)) return answer();
    const client = address.join();
    if (!this.#lookUps.hasPlace(client, this.#nowMs)) return { kind: "drop", reason: "busy" };
    // Whatever is wrong with the look-up or with what it finds must not hurt other clients.
    try {
      const found = lookUpParameters(pake, hello.extensions);
      if (!(found instanceof Promise)) return answer(found);
      const verdict = this.#lookUps.add(client, this.#nowMs, found).then(answer).catch(failedLookUp);
      return { kind: "later", verdict };
    } catch (error) {
      return failedLookUp(error);
    }
  }

  // Where there is nothing in common, the client is told so once it has proved its address: anyone else could end its
  // handshake by a hello in its name.

  /** The suite to go on with, or else any that the client knows. */
  #selectSuite(hello: ClientHello): SuiteParameters | undefined {
    if (!offersDtls13(hello)) return undefined;
    const { cipherSuites } = this.#config;
    const isShared = hello.cipherSuites.some((suite) => cipherSuites.includes(suite as CipherSuite));
    if (isShared) return selectSuiteForPsks(hello, cipherSuites);
    return hello.cipherSuites.map((suite) => suiteParameters(suite)).find((each) => each !== undefined);
  }

  /** The group to ask a key share of, if there has to be another one. */
  #selectGroup({ extensions }: ClientHello): number | undefined {
    const { groups, pake } = this.#config;
    const { keyShares, supportedGroups } = extensions;
    if (keyShares === undefined && offersPake(pake, extensions)) return undefined;
    if (keyShares === undefined || !groups.some((group) => supportedGroups?.includes(group)))
      return undefined;
    const { group, share } = selectGroup(extensions, groups);
    return share === undefined ? group : undefined;
  }

  #answer(message: Bytes, suite: SuiteParameters, request: RetryRequest, address: Uint8Array): Bytes {
    const { crypto } = this.#config;
    const cookie = this.#cookies.make(
      {
        cipherSuite: suite.suite,
        hash: suite.hash,
        ...request,
        fingerprint: retryFingerprint(crypto, message, request),
        clientHello1Hash: crypto.createHash(suite.hash).update(message).digest(),
      },
      address,
      this.#nowMs,
    );
    const retry = helloRetryRequest(suite.suite, request, cookie);
    return this.#plaintext(ContentType.handshake, 0, fragmentOf(retry, 0, 0, retry.length - 4));
  }

  #reassemble(fragments: readonly Fragment[], address: Uint8Array, nowMs: number): Bytes | undefined {
    for (const each of fragments) {
      const message = isWhole(each) ? wholeMessage(each) : this.#hellos.add(each, address, nowMs);
      if (message !== undefined) return message;
    }
    return undefined;
  }

  /** A second ClientHello: its cookie, which our HelloRetryRequest asks for, decides. */
  #accept({ datagram, fragments, recordNumber }: HelloDatagram, address: Uint8Array, nowMs: number): Verdict {
    const message = this.#reassemble(fragments, address, nowMs);
    if (message === undefined) {
      const first = fragments.find(({ offset }) => offset === 0);
      const early = first === undefined ? undefined : findCookie(first.data);
      const isProved = early !== undefined && this.#cookies.open(early, address, nowMs) !== undefined;
      if (isProved) this.#hellos.prove(1, address);
      return incomplete;
    }
    const cookie = findCookie(message.subarray(4));
    if (cookie === undefined) return malformed;
    const contents = this.#cookies.open(cookie, address, nowMs);
    // "it MUST terminate the handshake with an "illegal_parameter" alert"
    if (contents === undefined) return this.#alert("illegal_parameter", 1);
    const accepted =
      fragments.length === 1 && isWhole(fragments[0]!) ? datagram : this.#whole(message, recordNumber);
    return { kind: "accept", retry: statelessRetry(contents, cookie), datagram: accepted };
  }

  /** All of a second ClientHello in one datagram. */
  #whole(message: Bytes, recordNumber: number): Bytes {
    const length = message.length - 4;
    const records: Bytes[] = [];
    for (let at = 0; at < length; at += MAX_FRAGMENT) {
      const content = fragmentOf(message, 1, at, Math.min(MAX_FRAGMENT, length - at));
      records.push(this.#plaintext(ContentType.handshake, recordNumber + records.length, content));
    }
    return concat(records);
  }

  #alert(alert: AlertName, sequenceNumber: number): Verdict {
    return {
      kind: "answer",
      datagram: this.#plaintext(ContentType.alert, sequenceNumber, encodeAlert(alert)),
      alert,
    };
  }

  #plaintext(type: ContentType, sequenceNumber: number, content: Bytes): Bytes {
    const datagram = new Uint8Array(PLAINTEXT_HEADER + content.length);
    this.#config.core.writePlaintext(type, sequenceNumber, content, datagram, 0);
    return datagram;
  }
}

function fragmentOf(message: Bytes, messageSeq: number, offset: number, length: number): Bytes {
  const content = new Uint8Array(FRAGMENT_HEADER + length);
  writeFragment(message, messageSeq, offset, length, content, 0);
  return content;
}

function concat(parts: readonly Bytes[]): Bytes {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function isWhole({ length, data }: Fragment): boolean {
  return data.length === length;
}

function wholeMessage({ type, data }: Fragment): Bytes {
  const message = new Uint8Array(4 + data.length);
  message.set([type, data.length >> 16, data.length >> 8, data.length]);
  message.set(data, 4);
  return message;
}

function helloRetryRequest(cipherSuite: number, request: RetryRequest, cookie: Bytes): Bytes {
  return encodeHelloRetryRequest({ cipherSuite, extensions: { ...retryExtensions(request), cookie } });
}

function statelessRetry(contents: CookieContents, cookie: Bytes): StatelessRetry {
  return {
    ...contents,
    cookie: cookie.slice(),
    helloRetryRequest: helloRetryRequest(contents.cipherSuite, contents, cookie),
  };
}

/**
 * The cookie in the beginning of a ClientHello's body, which may be cut off anywhere: of a large ClientHello only the
 * first fragment may be at hand.
 */
function findCookie(start: Bytes): Bytes | undefined {
  const reader = new Reader(start);
  try {
    reader.bytes(2 + randomLength);
    for (const prefix of [1, 1, 2, 1] as const) reader.opaque(prefix);
    // The length of all extensions, of which the fragment may hold a part.
    reader.u16();
    for (;;) {
      const type = reader.u16();
      const data = reader.opaque(2);
      if (type === ExtensionType.cookie) return new Reader(data).opaque(2, 1);
    }
  } catch {
    return undefined;
  }
}
