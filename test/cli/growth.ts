/** How work grows with what it is done on: by doubling, so that no machine is too slow for it. */
import process from "node:process";

/** Between linear and quadratic: four times as much takes 4 or 16 times as long. */
export const MAX_GROWTH = 9;

const LENGTH = 1_024;
/** What takes less than this for the longest input does not grow in a way that matters. */
const NOTHING_MS = 4;
const TRIES = 3;
const ROUNDS = 4;

/** Of the processor's: what else the machine has to do does not count. */
function timeMs(act: () => unknown): number {
  const began = process.cpuUsage();
  act();
  const { user, system } = process.cpuUsage(began);
  return (user + system) / 1_000;
}

/** The least of several: compilers and collectors of garbage only ever add. */
function leastMs(act: () => unknown): number {
  return Math.min(...Array.from({ length: TRIES }, () => timeMs(act)));
}

/**
 * How much longer it takes for four times as much; nothing for what takes no time.
 * @param make the input of so many characters
 */
export function growth(act: (text: string) => unknown, make: (length: number) => string): number {
  const [small, large] = [make(LENGTH), make(4 * LENGTH)];
  if (timeMs(() => act(large)) < NOTHING_MS) return 0;
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < ROUNDS && least >= MAX_GROWTH; i++) {
    const largeMs = leastMs(() => act(large));
    if (largeMs < NOTHING_MS) return 0;
    least = Math.min(least, largeMs / leastMs(() => act(small)));
  }
  return least;
}
