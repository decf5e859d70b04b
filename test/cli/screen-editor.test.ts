import { describe, expect, test } from "vitest";
import { Editor, lineAt, linesOf } from "../../src/cli/chat/screen/editor.ts";

const WIDTH = 10;

/** An editor with `|` for the cursor. */
function editor(marked: string, history: string[] = []): Editor {
  const made = new Editor(history);
  made.set(marked.replace("|", ""), marked.indexOf("|"));
  return made;
}

function shown({ text, cursor }: Editor): string {
  return `${text.slice(0, cursor)}|${text.slice(cursor)}`;
}

describe("keys", () => {
  test.each([
    ["left", "ab|c", "a|bc"],
    ["left", "|abc", "|abc"],
    ["left", "e\u0301|", "|e\u0301"],
    ["left", "👨‍👩‍👧|x", "|👨‍👩‍👧x"],
    ["right", "|🇩🇪x", "🇩🇪|x"],
    ["backspace", "a👨‍👩‍👧|b", "a|b"],
    ["delete", "a|日b", "a|b"],
    ["backspace", "|", "|"],
    ["delete", "a|", "a|"],
    ["ctrl+left", "one two|", "one |two"],
    ["ctrl+left", "one |two", "|one two"],
    ["ctrl+right", "one| two", "one two|"],
    ["ctrl+w", "one /two-three|x", "one |x"],
    ["alt+backspace", "one /two-three|x", "one /two-|x"],
    ["alt+d", "one| two three", "one| three"],
    ["ctrl+a", "one\ntw|o", "one\n|two"],
    ["home", "|\na", "|\na"],
    ["ctrl+e", "o|ne\ntwo", "one|\ntwo"],
    ["ctrl+u", "one\ntw|o", "one\n|o"],
    ["ctrl+k", "o|ne\ntwo", "o|\ntwo"],
    ["ctrl+k", "o|\ntwo", "o|two"],
    ["ctrl+k", "o|", "o|"],
    ["alt+enter", "o|ne", "o\n|ne"],
    ["ctrl+j", "|", "\n|"],
  ])("%s makes of %j %j", (chord, before, after) => {
    const made = editor(before);
    expect(made.press(chord, WIDTH)).toBe(true);
    expect(shown(made)).toBe(after);
  });

  test("what was killed can be had again", () => {
    const made = editor("one two|");
    made.press("ctrl+w", WIDTH);
    made.press("ctrl+a", WIDTH);
    made.press("ctrl+y", WIDTH);
    expect(shown(made)).toBe("two|one ");
  });

  test("others are not its own", () => {
    const made = editor("x|");
    expect(made.press("f9", WIDTH)).toBe(false);
    expect(shown(made)).toBe("x|");
  });
});

describe("up and down", () => {
  test("go through lines, at the column as far as there is one, and then through what was sent", () => {
    const made = editor("long line\nab\nan日other|", ["first", "second"]);
    made.press("up", 80);
    expect(shown(made)).toBe("long line\nab|\nan日other");
    made.press("up", 80);
    expect(shown(made)).toBe("lo|ng line\nab\nan日other");
    made.press("up", 80);
    expect(shown(made)).toBe("second|");
    made.press("up", 80);
    made.press("up", 80);
    expect(shown(made)).toBe("first|");
    made.press("down", 80);
    made.press("down", 80);
    expect(made.text).toBe("long line\nab\nan日other");
    made.press("down", 80);
    expect(made.text).toBe("long line\nab\nan日other");
  });

  test("go through the lines that a long one is shown in", () => {
    const made = editor("0123456789abc|");
    made.press("up", WIDTH);
    expect(shown(made)).toBe("012|3456789abc");
    made.press("down", WIDTH);
    expect(shown(made)).toBe("0123456789abc|");
  });

  test("what is taken is sent, and the same is remembered once", () => {
    const history: string[] = [];
    for (const text of ["one", "two", "two", "  "]) {
      const made = editor(`${text}|`, history);
      expect(made.take()).toBe(text);
      expect(shown(made)).toBe("|");
    }
    expect(history).toEqual(["one", "two"]);
  });
});

describe("lines", () => {
  const texts = (text: string, width: number) =>
    linesOf(text, width).map(({ begin, end }) => text.slice(begin, end));

  test("end at line feeds and at the width; wide characters are not cut", () => {
    expect(texts("", 5)).toEqual([""]);
    expect(texts("abc\n\ndef", 5)).toEqual(["abc", "", "def"]);
    expect(texts("abcdefg", 3)).toEqual(["abc", "def", "g"]);
    expect(texts("a日本語", 4)).toEqual(["a日", "本語", ""]);
    expect(texts("日", 1)).toEqual(["日", ""]);
  });

  test("the cursor behind a full line is on the next", () => {
    const lines = linesOf("abc", 3);
    expect(texts("abc", 3)).toEqual(["abc", ""]);
    expect(lineAt(lines, 3)).toBe(1);
    expect(lineAt(lines, 2)).toBe(0);
  });
});
