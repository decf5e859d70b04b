/** The tables of README.md and web-platform-tests.md name tests that there are. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";

const here = (name: string) => readFileSync(new URL(name, import.meta.url), "utf8");

/** The titles in a file of tests, as its source has them. */
function titlesOf(name: string): string[] {
  const source = here(`${name}.test.ts`);
  const calls =
    /\b(?:test|describe)(?:\.each(?:<[^>]*>)?\([\s\S]*?\n?\s*\))?\(\s*(["'`])((?:\\.|(?!\1).)*)\1/g;
  return [...source.matchAll(calls)].map(([, , title]) => title!);
}

interface Row {
  readonly section: string;
  readonly requirement: string;
  readonly evidence: string;
}

function rowsOf(page: string): Row[] {
  const rows = here(page)
    .split("\n")
    .filter((line) => /^\| [^|]+ \| [^|]+ \| [^|]+ \|$/.test(line))
    .map((line) => line.slice(2, -2).split(" | ") as [string, string, string]);
  return rows
    .map(([section, requirement, evidence]) => ({ section, requirement, evidence }))
    .filter(({ evidence }) => evidence !== "Test");
}

for (const [page, least] of [["README.md", 160]] as const) {
  describe(page, () => {
    const rows = rowsOf(page);

    test("has what it is to have", () => {
      expect(rows.length).toBeGreaterThan(least);
    });

    test("says of each requirement which test shows it, or why it does not apply", () => {
      const neither = rows.filter(
        ({ evidence }) => !/\[[\w/-]+\] /.test(evidence) && !evidence.startsWith("— "),
      );
      expect(neither).toEqual([]);
    });

    test("names tests that there are", () => {
      const references = rows.flatMap(({ evidence }) => [
        ...evidence.matchAll(/\[([\w/-]+)\] (.*?)(?= · \[| \(|…|$)/g),
      ]);
      expect(references.length).toBeGreaterThan(rows.length / 2);
      const missing = references.filter(
        ([, file, title]) => !titlesOf(file!).some((each) => each.startsWith(title!.trim())),
      );
      expect(missing.map(([reference]) => reference)).toEqual([]);
    });
  });
}
