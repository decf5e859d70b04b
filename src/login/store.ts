/** Where a server finds the records of its users. */
import type { Bytes } from "../core/bytes.ts";
import { equalBytes } from "../crypto/bytes.ts";
import type { Awaitable } from "../crypto/provider.ts";
import type { PasswordRecord } from "./record.ts";

/** Called with the identity whose password was set, changed or removed, and its record if there is one now. */
export type RecordListener = (identity: string, record: PasswordRecord | undefined) => void;

/** All that logins need: a database implements this. */
export interface RecordStore {
  /**
   * The record of an identity, compared as it is. Takes as long for one that is not there, or tells that it is not.
   * Called for identities that anybody may claim.
   */
  get(identity: string): Awaitable<PasswordRecord | undefined>;
  /** 32 random bytes that stay: identities that do not exist get their salts from it. */
  readonly secret?: Bytes | undefined;
  /**
   * Reports every change, whoever makes it, until the answered function is called. For servers that are to end the
   * sessions of a user whose password changes.
   */
  watch?(listener: RecordListener): () => void;
}

/** A store that can be changed. */
export interface RecordBook extends RecordStore {
  /** Adds a record, or replaces the one of this identity: a changed password. */
  set(record: PasswordRecord): Awaitable<void>;
  /** @returns whether there was one */
  delete(identity: string): Awaitable<boolean>;
  /** All identities, in the order of their registration. */
  identities(): Awaitable<string[]>;
  /** As {@link RecordStore.watch}, which every book has. */
  watch(listener: RecordListener): () => void;
}

/** Records in memory, for tests, for a mesh with one password, and for whoever keeps them elsewhere. */
export class MemoryRecordStore implements RecordBook {
  readonly #records = new Map<string, PasswordRecord>();
  readonly #listeners = new Set<RecordListener>();

  constructor(records: Iterable<PasswordRecord> = []) {
    for (const record of records) this.set(record);
  }

  /** The record of an identity, as it is written; at once. */
  get(identity: string): PasswordRecord | undefined {
    return this.#records.get(identity);
  }

  /** Takes the place of the record of the same identity, if there is one, and tells those who watch. */
  set(record: PasswordRecord): void {
    const { identity } = record;
    const before = this.#records.get(identity);
    this.#records.set(identity, record);
    if (!isSamePassword(before, record)) this.#report(identity, record);
  }

  /**
   * Takes a record away, and tells those who watch.
   * @returns whether there was one
   */
  delete(identity: string): boolean {
    const existed = this.#records.delete(identity);
    if (existed) this.#report(identity, undefined);
    return existed;
  }

  /** All identities, in the order of their registration. */
  identities(): string[] {
    return [...this.#records.keys()];
  }

  /** As {@link RecordStore.watch}. */
  watch(listener: RecordListener): () => void {
    return watchWith(this.#listeners, listener);
  }

  #report(identity: string, record: PasswordRecord | undefined): void {
    for (const listener of this.#listeners) listener(identity, record);
  }
}

/** A new password has a new salt. */
export function isSamePassword(a: PasswordRecord | undefined, b: PasswordRecord | undefined): boolean {
  return a === undefined || b === undefined ? a === b : equalBytes(a.salt, b.salt);
}

/** Each call counts by itself, even with the same listener. */
export function watchWith(listeners: Set<RecordListener>, listener: RecordListener): () => void {
  const own: RecordListener = (identity, record) => listener(identity, record);
  listeners.add(own);
  return () => listeners.delete(own);
}
