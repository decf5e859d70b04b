/** Where a server finds the records of its users. */
import type { Bytes } from "../core/bytes.ts";
import type { Awaitable } from "../crypto/provider.ts";
import type { PasswordRecord } from "./record.ts";

/** All that logins need: a database implements this. */
export interface RecordStore {
  /**
   * The record of an identity, compared as it is. Takes as long for one that is not there, or tells that it is not.
   * Called for identities that anybody may claim.
   */
  get(identity: string): Awaitable<PasswordRecord | undefined>;
  /** 32 random bytes that stay: identities that do not exist get their salts from it. */
  readonly secret?: Bytes;
}

/** A store that can be changed. */
export interface RecordBook extends RecordStore {
  /** Adds a record, or replaces the one of this identity: a changed password. */
  set(record: PasswordRecord): Awaitable<void>;
  /** @returns whether there was one */
  delete(identity: string): Awaitable<boolean>;
  /** All identities, in the order of their registration. */
  identities(): Awaitable<string[]>;
}

export class MemoryRecordStore implements RecordBook {
  readonly #records = new Map<string, PasswordRecord>();

  constructor(records: Iterable<PasswordRecord> = []) {
    for (const record of records) this.set(record);
  }

  get(identity: string): PasswordRecord | undefined {
    return this.#records.get(identity);
  }

  set(record: PasswordRecord): void {
    this.#records.set(record.identity, record);
  }

  delete(identity: string): boolean {
    return this.#records.delete(identity);
  }

  identities(): string[] {
    return [...this.#records.keys()];
  }
}
