/** Where the peer is: address validation, and the check of a changed address (RFC 9853). */
import type { Bytes } from "../core/bytes.ts";
import { Reader, Writer } from "../tls/wire.ts";

/** An address as the host names it; the same address is the same value. */
export type Path = string | object;

/** "three times the amount of data sent by the client" (RFC 9147 §5.1) */
export const AMPLIFICATION = 3;

/** What was exchanged with an address, and whether the peer is known to receive there. */
export class PathState {
  /** The connection ID that is sent there, once one was. */
  connectionId: Bytes | undefined;
  #path: Path;
  #isValidated: boolean;
  #received = 0;
  #sent = 0;

  constructor(path: Path, isValidated: boolean, connectionId?: Bytes) {
    this.#path = path;
    this.#isValidated = isValidated;
    this.connectionId = connectionId;
  }

  get path(): Path {
    return this.#path;
  }

  /** This side has left it: it goes by another name from now on. */
  leave(path: Path): void {
    this.#path = path;
  }

  get isValidated(): boolean {
    return this.#isValidated;
  }

  validate(): void {
    this.#isValidated = true;
  }

  received(bytes: number): void {
    if (!this.#isValidated) this.#received += bytes;
  }

  /** How many bytes may be sent there now. */
  get allowedBytes(): number {
    return this.#isValidated ? Number.POSITIVE_INFINITY : AMPLIFICATION * this.#received - this.#sent;
  }

  /** Whether a datagram may be sent there; counts it if so. */
  maySend(bytes: number): boolean {
    if (this.#isValidated) return true;
    if (this.allowedBytes < bytes) return false;
    this.#sent += bytes;
    return true;
  }
}

const MessageType = { path_challenge: 0, path_response: 1, path_drop: 2 } as const;
type MessageTypeName = keyof typeof MessageType;

const COOKIE_LENGTH = 8;

/** A return_routability_check message (RFC 9853 §4). */
export interface RoutabilityMessage {
  readonly type: MessageTypeName;
  readonly cookie: Bytes;
}

export function encodeRoutability({ type, cookie }: RoutabilityMessage): Bytes {
  return new Writer(16).u8(MessageType[type]).bytes(cookie).finish();
}

/** `undefined` for an unknown type, which is to be ignored. */
export function decodeRoutability(content: Bytes): RoutabilityMessage | undefined {
  const reader = new Reader(content);
  const code = reader.u8();
  const type = (Object.keys(MessageType) as MessageTypeName[]).find((name) => MessageType[name] === code);
  if (type === undefined) return undefined;
  const cookie = reader.bytes(COOKIE_LENGTH).slice();
  reader.end();
  return { type, cookie };
}

/** "T SHOULD be set to 1s" without, "3xRTT" with an estimate of the round trip (RFC 9853 §5.5) */
const DEFAULT_VALIDATION_MS = 1000;
const MIN_VALIDATION_MS = 100;
/** Challenges that one validation sends, a third of its time apart. */
const CHALLENGES = 3;

/** One basic path validation under way (RFC 9853 §5.1). */
export class PathValidation {
  readonly state: PathState;
  readonly #random: (length: number) => Bytes;
  readonly #intervalMs: number;
  readonly #cookies: Bytes[] = [];
  #nextAtMs: number;

  constructor(state: PathState, random: (length: number) => Bytes, nowMs: number, rttMs: number | undefined) {
    this.state = state;
    this.#random = random;
    const totalMs = rttMs === undefined ? DEFAULT_VALIDATION_MS : Math.max(3 * rttMs, MIN_VALIDATION_MS);
    this.#intervalMs = totalMs / CHALLENGES;
    this.#nextAtMs = nowMs;
  }

  get deadlineMs(): number {
    return this.#nextAtMs;
  }

  /** "Each path_challenge message MUST contain random data"; `undefined` once time is up. */
  nextChallenge(nowMs: number): RoutabilityMessage | undefined {
    if (this.#cookies.length >= CHALLENGES) return undefined;
    const cookie = this.#random(COOKIE_LENGTH);
    this.#cookies.push(cookie);
    this.#nextAtMs = nowMs + this.#intervalMs;
    return { type: "path_challenge", cookie };
  }

  /** Whether a path_response that came from `path` proves that the peer is there. */
  isAnsweredBy(message: RoutabilityMessage, path: Path): boolean {
    if (message.type !== "path_response" || path !== this.state.path) return false;
    return this.#cookies.some((cookie) => cookie.every((byte, i) => byte === message.cookie[i]));
  }
}
