/** What a user does, whatever sessions they have; forgotten with the server. */
import { ChatError } from "../protocol.ts";
import type { User } from "./accounts.ts";
import { Bucket } from "./bucket.ts";
import type { ChatLimits } from "./limits.ts";
import { Turns } from "./turns.ts";

const BYTES_PER_MS = 16_384;

export class Usage {
  readonly requests: Bucket;
  readonly uploadBytes: Bucket;
  readonly messages: Bucket;
  readonly #creations: Bucket;
  readonly #work: Bucket;
  readonly #turns: Turns<Usage>;
  /** Uploads and downloads that are under way. */
  transfers = 0;

  constructor(limits: ChatLimits, turns: Turns<Usage>) {
    const now = performance.now();
    this.requests = new Bucket(limits.requests, now);
    this.uploadBytes = new Bucket(limits.uploadBytes, now);
    this.messages = new Bucket(limits.messages, now);
    this.#creations = new Bucket(limits.creations, now);
    this.#work = new Bucket(limits.work, now);
    this.#turns = turns;
  }

  /**
   * Does something once what was done before is made up for, and when it is this user's turn.
   * @throws what it throws
   */
  async do(work: () => void): Promise<void> {
    await this.#work.wait(0);
    this.#work.charge(await this.#turns.run(this, work), performance.now());
  }

  /** Counts bytes that are sent for what this user has asked for. */
  chargeBytes(bytes: number): void {
    this.#work.charge(bytes / BYTES_PER_MS, performance.now());
  }

  /** @throws ChatError rate_limited */
  countMessages(count: number): void {
    const waitMs = this.messages.take(count, performance.now());
    if (waitMs > 0) throw new ChatError("rate_limited", "too many messages", waitMs);
  }

  /** Owners make as much as they like. @throws ChatError rate_limited */
  countCreation({ role }: User): void {
    const waitMs = role === "owner" ? 0 : this.#creations.take(1, performance.now());
    if (waitMs > 0)
      throw new ChatError("rate_limited", "too many rooms, conversations, invitations and logins", waitMs);
  }
}

/** Of every user. */
export class Usages {
  readonly #limits: ChatLimits;
  readonly #turns = new Turns<Usage>();
  readonly #byUser = new Map<number, Usage>();

  constructor(limits: ChatLimits) {
    this.#limits = limits;
  }

  of({ id }: User): Usage {
    let usage = this.#byUser.get(id);
    if (usage === undefined) {
      usage = this.ofStranger();
      this.#byUser.set(id, usage);
    }
    return usage;
  }

  /** Of a session, before it is known whose it is. */
  ofStranger(): Usage {
    return new Usage(this.#limits, this.#turns);
  }
}
