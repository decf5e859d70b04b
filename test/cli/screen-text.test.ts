import { randomInt } from "node:crypto";
import { describe, expect, test } from "vitest";
import { colorOf, depthOf, type Row, sgr, USER_COLORS } from "../../src/cli/chat/screen/style.ts";
import { graphemes, rowWidth, spread, truncate, widthOf, wrap } from "../../src/cli/chat/screen/text.ts";
import { harmless, harmlessLines } from "../../src/cli/harmless.ts";

const plain = (row: Row) => row.map(({ text }) => text).join("");
const wrapped = (text: string, width: number) => wrap([{ text: harmlessLines(text) }], width).map(plain);

describe("wrapping", () => {
  test.each([
    ["", 5, [""]],
    ["one two", 7, ["one two"]],
    ["one two", 6, ["one", "two"]],
    ["one two three", 7, ["one two", "three"]],
    ["abcdefgh", 3, ["abc", "def", "gh"]],
    ["a bcdefgh", 3, ["a", "bcd", "efg", "h"]],
    ["one\n\ntwo", 9, ["one", "", "two"]],
    ["  indented text", 10, ["  indented", "text"]],
    ["x\n  y z", 3, ["x", "  y", "z"]],
    ["日本語", 4, ["日本", "語"]],
    ["a日本", 4, ["a日", "本"]],
    ["👨‍👩‍👧👨‍👩‍👧", 2, ["👨‍👩‍👧", "👨‍👩‍👧"]],
    ["e\u0301e\u0301", 1, ["e\u0301", "e\u0301"]],
  ])("%j at %i", (text, width, rows) => {
    expect(wrapped(text, width)).toEqual(rows);
  });

  test("spans keep their looks across rows", () => {
    const rows = wrap(
      [{ text: harmless("one ") }, { text: harmless("two three"), style: { bold: true } }],
      7,
    );
    expect(rows).toEqual([
      [{ text: harmless("one ") }, { text: harmless("two"), style: { bold: true } }],
      [{ text: harmless("three"), style: { bold: true } }],
    ]);
  });

  test("nothing is lost but spaces, and no row is too wide", () => {
    const seed = Number(process.env.SEALGRAM_SEED ?? randomInt(1 << 30));
    console.log(`SEALGRAM_SEED=${seed}`);
    let state = seed;
    const next = (below: number) => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
      return state % below;
    };
    const alphabet = ["a", "b", " ", " ", "\n", "日", "e\u0301", "👋", "ab"];
    for (let run = 0; run < 500; run++) {
      const text = Array.from({ length: next(60) }, () => alphabet[next(alphabet.length)]).join("");
      const width = 2 + next(20);
      const rows = wrapped(text, width);
      expect(rows.join("").replaceAll(" ", "")).toBe(text.replaceAll(/[ \n]/g, ""));
      for (const row of rows) expect(widthOf(row)).toBeLessThanOrEqual(width);
    }
  });
});

describe("characters", () => {
  test("are those of UAX #29, whatever is beside what", () => {
    const seed = Number(process.env.SEALGRAM_SEED ?? randomInt(1 << 30));
    console.log(`SEALGRAM_SEED=${seed}`);
    let state = seed;
    const next = (below: number) => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
      return (state >> 8) % below;
    };
    const parts = [
      ..."a éжλ日あガ한\n",
      ..."\u0301\u200d\ufe0f\u20e3\u3099\u1160\u0308\u00ad",
      ...["👩", "🚀", "🇩", "🏽", "हि", "न्", "दी", "กำ", "1", "☕", "ᄀ", "ᅡ", "ᆨ"],
    ];
    const segmenter = new Intl.Segmenter(undefined, { granularity: "grapheme" });
    for (let run = 0; run < 2_000; run++) {
      const text = Array.from({ length: next(12) }, () => parts[next(parts.length)]).join("");
      expect(graphemes(text)).toEqual(Array.from(segmenter.segment(text), ({ segment }) => segment));
    }
  });
});

describe("rows", () => {
  test("are cut with an ellipsis, between characters", () => {
    expect(truncate(harmless("abc"), 3)).toBe("abc");
    expect(truncate(harmless("abcd"), 3)).toBe("ab…");
    expect(truncate(harmless("日本語"), 4)).toBe("日…");
    expect(truncate(harmless("abc"), 0)).toBe("");
  });

  test("have a left and a right end, of which the left gives way", () => {
    expect(plain(spread([{ text: harmless("left") }], [{ text: harmless("right") }], 12))).toBe(
      "left   right",
    );
    expect(plain(spread([{ text: harmless("left") }], [{ text: harmless("right") }], 9))).toBe("le… right");
    expect(rowWidth(spread([{ text: harmless("日本語") }], [{ text: harmless("x") }], 7))).toBe(7);
  });
});

describe("looks", () => {
  test("are taken back behind each span", () => {
    const row: Row = [{ text: harmless("a"), style: { bold: true, color: "bad" } }, { text: harmless("b") }];
    expect(sgr(row, 256)).toBe("\x1b[1;38;5;160ma\x1b[22;39mb");
    expect(sgr(row, 16)).toBe("\x1b[1;31ma\x1b[22;39mb");
    expect(sgr(row, 0)).toBe("\x1b[1ma\x1b[22mb");
  });

  test("colours are those that the terminal has, or none", () => {
    expect(depthOf({ TERM: "xterm-256color" })).toBe(256);
    expect(depthOf({ TERM: "xterm", COLORTERM: "truecolor" })).toBe(256);
    expect(depthOf({ TERM: "xterm" })).toBe(16);
    expect(depthOf({ TERM: "xterm-256color", NO_COLOR: "1" })).toBe(0);
    expect(depthOf({ TERM: "xterm-256color", NO_COLOR: "" })).toBe(256);
  });

  test("a user always has the same colour, and all are somebody's", () => {
    expect(colorOf("alice")).toBe(colorOf("alice"));
    const colors = new Set(Array.from({ length: 200 }, (_, i) => colorOf(`user${i}`)));
    expect(colors.size).toBe(USER_COLORS);
  });

  test("colours of users can be read on white as on black", () => {
    const channel = (value: number) => {
      const part = (value === 0 ? 0 : 55 + 40 * value) / 255;
      return part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    };
    for (let color = 0; color < USER_COLORS; color++) {
      const code = Number(/38;5;(\d+)m/.exec(sgr([{ text: harmless("x"), style: { color } }], 256))![1]) - 16;
      const [r, g, b] = [Math.floor(code / 36), Math.floor(code / 6) % 6, code % 6].map(channel);
      const luminance = 0.2126 * r! + 0.7152 * g! + 0.0722 * b!;
      // WCAG's contrast, on white and on black: 3 is enough for bold text.
      expect([1.05 / (luminance + 0.05), (luminance + 0.05) / 0.05].every((contrast) => contrast >= 3)).toBe(
        true,
      );
    }
  });
});
