import { describe, expect, test } from "vitest";
import { type Key, KeyReader } from "../../src/cli/chat/screen/keys.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

/** Keys in short: chords, `"text"`, `<paste>`, `+focus`. */
function short(key: Key): string {
  switch (key.kind) {
    case "text":
      return `"${key.text}"`;
    case "paste":
      return `<${key.text}>`;
    case "chord":
      return key.chord;
    case "focus":
      return key.hasFocus ? "+focus" : "-focus";
  }
}

function read(text: string): string[] {
  const reader = new KeyReader();
  return [...reader.push(bytes(text)), ...reader.flush()].map(short);
}

const everything =
  "héllo 👋\r\x1b[A\x1bOB\x1b[1;5C\x1b[1;3D\x1b[3~\x1b[Z\t\x7f\x1b\x7f\x1b\r\n\x01\x1bb\x1b[200~two\r\nlines\x1b[A\x1b[201~日本\x1b[I\x1b[O";
const keys = [
  '"héllo 👋"',
  "enter",
  "up",
  "down",
  "ctrl+right",
  "alt+left",
  "delete",
  "shift+tab",
  "tab",
  "backspace",
  "alt+backspace",
  "alt+enter",
  "ctrl+j",
  "ctrl+a",
  "alt+b",
  "<two\nlines\x1b[A>",
  '"日本"',
  "+focus",
  "-focus",
];

describe("keys", () => {
  test("are read from what terminals send", () => {
    expect(read(everything)).toEqual(keys);
  });

  test("are the same wherever the bytes are cut", () => {
    const all = bytes(everything);
    for (let cut = 1; cut < all.length; cut++) {
      const reader = new KeyReader();
      const texts = [...reader.push(all.subarray(0, cut)), ...reader.push(all.subarray(cut))].map(short);
      expect(texts.join("").replaceAll('""', "")).toBe(keys.join(""));
    }
    const reader = new KeyReader();
    const single = [...all].flatMap((byte) => reader.push(Uint8Array.of(byte))).map(short);
    expect(single.join("").replaceAll('""', "")).toBe(keys.join(""));
  });

  test.each([
    ["\x1b", ["escape"]],
    ["\x1b\x1b", ["escape", "escape"]],
    ["\x1b\x1b[A", ["alt+up"]],
    ["\x1b[", ["alt+["]],
    ["\x1bO", ["alt+O"]],
    ["\x1bé", ["alt+é"]],
    ["\x1b👋", ["alt+👋"]],
    ["\x1b[13;2u", ["shift+enter"]],
    ["\x1b[27;5;13~", ["ctrl+enter"]],
    ["\x1b[97;5u", ["ctrl+a"]],
    ["\x1b[1;6A", ["ctrl+shift+up"]],
    ["\x1bOP", ["f1"]],
    ["\x1b[11~", ["f1"]],
    ["\x1b[1~\x1b[4~\x1b[7~\x1b[8~\x1b[H\x1b[F", ["home", "end", "home", "end", "home", "end"]],
  ])("%j", (text, expected) => {
    expect(read(text)).toEqual(expected);
  });

  test.each([
    ["what a terminal answers", "\x1b[?1;2c\x1b]11;rgb:0/0/0\x07\x1bP1+r\x1b\\x", ['"x"']],
    ["a key that nobody knows", "\x1b[99~\x1b[[Ax", ['"x"']],
    ["a code that is none", "\x1b[99999999;5ux", ['"x"']],
  ])("%s is no text", (_, text, expected) => {
    expect(read(text)).toEqual(expected);
  });

  test("a sequence or a paste without an end takes no memory", () => {
    const reader = new KeyReader();
    reader.push(bytes(`\x1b]${"x".repeat(10_000)}`));
    expect(reader.push(bytes("y")).map(short)).toEqual(['"y"']);
    reader.push(bytes("\x1b[200~"));
    for (let i = 0; i < 100; i++) reader.push(bytes("x".repeat(10_000)));
    const [paste] = reader.push(bytes("\x1b[201~"));
    expect(short(paste!)).toHaveLength(262_144 + 2);
    expect(reader.isPending).toBe(false);
  });
});
