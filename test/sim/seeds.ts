/** How many seeds a suite runs: SEALGRAM_SEEDS multiplies them, for a night of it. */
const factor = Number(process.env.SEALGRAM_SEEDS ?? 1);

/** Seeds from 1 on, as many as `count`, as pairs of the first and last of each group. */
export function seeds(count: number, groupSize: number): [from: number, to: number][] {
  const total = Math.max(1, Math.round(count * factor));
  const groups: [number, number][] = [];
  for (let from = 1; from <= total; from += groupSize) {
    groups.push([from, Math.min(from + groupSize - 1, total)]);
  }
  return groups;
}
