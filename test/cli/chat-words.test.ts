import { describe, expect, test } from "vitest";
import type { ChatRoom, MessageEntry } from "../../src/apps/chat/client/entry.ts";
import { fileName } from "../../src/cli/chat/files.ts";
import { parseJsonLine } from "../../src/cli/chat/json-input.ts";
import { parseLine, slashCommands } from "../../src/cli/chat/slash.ts";
import { entryLines } from "../../src/cli/chat/words.ts";
import { harmless, harmlessJson, harmlessLines } from "../../src/cli/harmless.ts";

describe("what others have written", () => {
  test("moves no cursor, sets no colour and no title, and rings no bell", () => {
    const hostile = "\x1b[2J\x1b[31mred\x1b]0;title\x07\x9b1A\x7f\b\rover";
    expect(harmless(hostile)).not.toMatch(/[\p{Cc}]/u);
    expect(harmlessLines(hostile)).not.toMatch(/(?!\n)\p{Cc}/u);
    expect(harmless("a\nb\r\nc\u2028d\te")).toBe("a b c d  e");
    expect(harmlessLines("a\r\nb\rc")).toBe("a\nb\nc");
  });

  test("does not reorder what is around it", () => {
    expect(harmless("photo_\u202egnp.exe")).toBe("photo_\ufffdgnp.exe");
    expect(harmless("\u2066\u2069\u202a\u202c")).toBe("\ufffd".repeat(4));
    expect(harmless("שלום עולם")).toBe("שלום עולם");
  });

  test("hides nothing, and piles nothing up", () => {
    expect(harmless("ad\u200bmin\ufeff\u{e0041}")).toBe("admin");
    expect(harmless(`z${"\u0301".repeat(50)}!`)).toBe(`z${"\u0301".repeat(8)}!`);
  });

  test("leaves emoji whole", () => {
    const england = "\u{1f3f4}\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}";
    for (const emoji of ["👩‍👩‍👧", "❤️", england, "🇯🇵"]) expect(harmless(emoji)).toBe(emoji);
  });

  test("is JSON that a terminal can show", () => {
    const value = { text: "\x1b[31m\u009b\u202e\u0000é" };
    expect(harmlessJson(value)).not.toMatch(/[\p{Cc}\u202e]/u);
    expect(JSON.parse(harmlessJson(value))).toEqual(value);
  });

  test("does not look like another line", () => {
    const message: MessageEntry = {
      kind: "message",
      position: 3,
      timeMs: 0,
      author: "mallory",
      id: "x",
      text: "hi\n[general] bob: I agree",
    };
    const room = { kind: "room", name: "general" } as ChatRoom;
    expect(entryLines(room, message)).toEqual(["[general] mallory: hi", "  | [general] bob: I agree"]);
  });
});

test.each([
  ["report.pdf", "report.pdf"],
  ["../../etc/passwd", "__.._etc_passwd"],
  ["..\\..\\boot.ini", "__.._boot.ini"],
  ["/etc/passwd", "_etc_passwd"],
  [".bashrc", "_bashrc"],
  ["...", "_"],
  ["con.txt", "_con.txt"],
  ["a\x1b[31mb\nc", "a_[31mb c"],
  ["photo\u202egnp.exe", "photo_gnp.exe"],
  ["C:stream", "C_stream"],
  [`${"x".repeat(250)}.png`, `${"x".repeat(196)}.png`],
  [`${"é".repeat(120)}.txt`, `${"é".repeat(98)}.txt`],
])("a download named %j is saved as %j", (name, file) => {
  expect(fileName(name)).toBe(file);
});

describe("lines as they are typed", () => {
  test.each([
    ["hello", { kind: "send", text: "hello" }],
    ["//usr/bin", { kind: "send", text: "/usr/bin" }],
    ["/me waves", { kind: "send", text: "/me waves" }],
    ["/join General Talk", { kind: "join", room: "General Talk" }],
    ["/create garden members", { kind: "create", name: "garden", access: "members" }],
    ["/create my garden", { kind: "create", name: "my garden", access: "public" }],
    ["/msg @bob hi there", { kind: "direct", user: "bob", text: "hi there" }],
    ["/edit #12 better\nlines", { kind: "edit", position: 12, text: "better\nlines" }],
    ["/edit better", { kind: "edit", text: "better" }],
    ["/delete", { kind: "delete" }],
    ["/download #4 my folder", { kind: "download", position: 4, folder: "my folder" }],
    ["/ban bob everywhere", { kind: "ban", user: "bob", isBanned: true, isEverywhere: true }],
    ["/kick @bob", { kind: "kick", user: "bob", isEverywhere: false }],
    ["/kick bob everywhere", { kind: "kick", user: "bob", isEverywhere: true }],
    ["/key ~/my key.pem", { kind: "key", file: "~/my key.pem" }],
    ["/forget sha256:AbCd", { kind: "forget", which: "sha256:AbCd" }],
    ["/role bob moderator", { kind: "role", user: "bob", role: "moderator", isEverywhere: false }],
    ["/role @bob owner everywhere", { kind: "role", user: "bob", role: "owner", isEverywhere: true }],
    ["/QUIT", { kind: "quit" }],
  ])("%j", (line, action) => {
    expect(parseLine(line)).toEqual(action);
  });

  test.each([
    "/nosuch",
    "/join",
    "/role bob king",
    "/kick",
    "/edit #3",
    "/delete it",
    "/history 0",
    "/rooms x",
    "/password correct horse",
    "/forget",
  ])("%j is refused", (line) => {
    expect(() => parseLine(line)).toThrow();
  });

  test("every command is in the list once", () => {
    const names = slashCommands.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
  });
});

describe("lines of JSON", () => {
  test.each([
    ['{"send":"hi","room":"a","tag":1}', { kind: "send", text: "hi", room: "a" }, 1],
    ['{"edit":3,"text":"x"}', { kind: "edit", position: 3, text: "x" }, undefined],
    [
      '{"unban":"bob","everywhere":true}',
      { kind: "ban", user: "bob", isBanned: false, isEverywhere: true },
      undefined,
    ],
    ['{"history":true,"before":9,"limit":2,"tag":"t"}', { kind: "history", before: 9, limit: 2 }, "t"],
  ])("%s", (line, action, tag) => {
    expect(parseJsonLine(line)).toEqual({ action, tag });
  });

  test.each([
    "{",
    "{}",
    '{"send":1}',
    '{"edit":3}',
    '{"send":"x","rom":"y"}',
    '{"quit":false}',
    '{"edit":0,"text":""}',
    '{"password":"correct horse"}',
  ])("%s is refused", (line) => {
    expect(() => parseJsonLine(line)).toThrow();
  });
});
