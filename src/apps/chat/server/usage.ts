/** What a user does, whatever sessions they have; forgotten with the server. */
import { ChatError } from "../protocol.ts";
import type { User } from "./accounts.ts";
import { Bucket } from "./bucket.ts";
import type { ChatLimits } from "./limits.ts";

export class Usage {
  readonly requests: Bucket;
  readonly uploadBytes: Bucket;
  readonly messages: Bucket;
  readonly #creations: Bucket;
  /** Uploads and downloads that are under way. */
  transfers = 0;

  constructor(limits: ChatLimits) {
    const now = performance.now();
    this.requests = new Bucket(limits.requests, now);
    this.uploadBytes = new Bucket(limits.uploadBytes, now);
    this.messages = new Bucket(limits.messages, now);
    this.#creations = new Bucket(limits.creations, now);
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
  readonly #byUser = new Map<number, Usage>();

  constructor(limits: ChatLimits) {
    this.#limits = limits;
  }

  of({ id }: User): Usage {
    let usage = this.#byUser.get(id);
    if (usage === undefined) {
      usage = new Usage(this.#limits);
      this.#byUser.set(id, usage);
    }
    return usage;
  }
}
