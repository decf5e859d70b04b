/** What was meant by a name that is not known. */

/** Of these names, the one that is most like it, if one is like enough: a letter in three may be wrong. */
export function mostSimilar(name: string, names: readonly string[]): string | undefined {
  const ranked = names.map((each) => ({ each, edits: edits(name.toLowerCase(), each.toLowerCase()) }));
  const [first] = ranked.sort((a, b) => a.edits - b.edits);
  return first !== undefined && first.edits <= Math.max(1, name.length / 3) ? first.each : undefined;
}

/** How many letters have to be put in, left out, changed or exchanged with the next one. */
function edits(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const changed = rows[i - 1]![j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      const isExchanged = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      const exchanged = isExchanged ? rows[i - 2]![j - 2]! + 1 : changed;
      row.push(Math.min(rows[i - 1]![j]! + 1, row[j - 1]! + 1, changed, exchanged));
    }
    rows.push(row);
  }
  return rows[a.length]![b.length]!;
}
