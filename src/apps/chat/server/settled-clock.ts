/**
 * Whether the wall clock can be gone by for what cannot be undone, such as to forget what is old: once it has run evenly for
 * a day. A clock that stands a year ahead for an hour would else empty the chat. After a time without the server a day is
 * waited for as well: that looks the same.
 */
import type { Settings } from "./settings.ts";

const NAME = "clock";
const DAY_MS = 86_400_000;

export class SettledClock {
  readonly #settings: Settings;

  constructor(settings: Settings) {
    this.#settings = settings;
  }

  /** Within a change; to be called several times a day. A folder's first clock is believed: there is nothing to lose. */
  tick(nowMs: number): boolean {
    const { lastMs, sinceMs } = decode(this.#settings.get(NAME)) ?? { lastMs: nowMs, sinceMs: 0 };
    const isEven = nowMs >= lastMs && nowMs - lastMs <= DAY_MS;
    const evenSinceMs = isEven ? sinceMs : nowMs;
    this.#settings.set(NAME, encode(nowMs, evenSinceMs));
    return nowMs - evenSinceMs >= DAY_MS;
  }
}

function encode(lastMs: number, sinceMs: number): Uint8Array {
  return new Uint8Array(Float64Array.of(lastMs, sinceMs).buffer);
}

function decode(stored: Uint8Array<ArrayBuffer> | undefined) {
  if (stored === undefined) return undefined;
  const [lastMs, sinceMs] = new Float64Array(stored.slice().buffer);
  return { lastMs: lastMs!, sinceMs: sinceMs! };
}
