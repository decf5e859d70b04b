/**
 * Whatever others write takes time in proportion to its length: every regular expression and every function on text of the
 * chat and the command, found by looking through their sources.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { describe, expect, test } from "vitest";
import { parseAst } from "vitest/node";
import { line, text as textOf } from "../../src/apps/chat/check.ts";
import { parsePsk } from "../../src/apps/chat/client/credentials.ts";
import type { ChatRoom, Entry, MessageItem } from "../../src/apps/chat/client/entry.ts";
import { parseLink } from "../../src/apps/chat/link.ts";
import * as names from "../../src/apps/chat/names.ts";
import * as links from "../../src/apps/chat/page/links.ts";
import * as place from "../../src/apps/chat/page/place.ts";
import * as pageWords from "../../src/apps/chat/page/words.ts";
import { fileName } from "../../src/cli/chat/files.ts";
import { parseJsonLine } from "../../src/cli/chat/json-input.ts";
import { begunAt, commonBegin, matching } from "../../src/cli/chat/screen/completion.ts";
import { Editor, linesOf } from "../../src/cli/chat/screen/editor.ts";
import { KeyReader } from "../../src/cli/chat/screen/keys.ts";
import { Messages, rule } from "../../src/cli/chat/screen/messages.ts";
import { choicesRow, panelRows } from "../../src/cli/chat/screen/parts.ts";
import { colorOf, sgr } from "../../src/cli/chat/screen/style.ts";
import * as screenText from "../../src/cli/chat/screen/text.ts";
import { parseLine } from "../../src/cli/chat/slash.ts";
import { tailOf } from "../../src/cli/chat/tail.ts";
import { emote, entryLines, outcomeLines, roomLabel } from "../../src/cli/chat/words.ts";
import { harmless, harmlessJson, harmlessLines, joined, shown } from "../../src/cli/harmless.ts";
import { growth, MAX_GROWTH } from "./growth.ts";

const SOURCES = join(import.meta.dirname, "../../src");

interface Node {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [name: string]: unknown;
}

interface Source {
  /** Below `src`. */
  readonly path: string;
  readonly text: string;
  readonly tree: Node;
}

function sourcesIn(...folders: string[]): Source[] {
  return folders.flatMap((folder) =>
    (readdirSync(join(SOURCES, folder), { recursive: true }) as string[])
      .filter((file) => /\.tsx?$/.test(file))
      .sort()
      .map((file) => {
        const path = join(SOURCES, folder, file);
        const text = readFileSync(path, "utf8");
        const tree = parseAst(text, { lang: file.endsWith("x") ? "tsx" : "ts" }) as unknown as Node;
        return { path: relative(SOURCES, path), text, tree };
      }),
  );
}

function* nodesOf(value: unknown): Generator<Node> {
  if (typeof value !== "object" || value === null) return;
  if (!Array.isArray(value) && typeof (value as Node).type === "string") yield value as Node;
  for (const each of Object.values(value)) yield* nodesOf(each);
}

const sources = sourcesIn("apps/chat", "cli");

// Expressions

/** Those that are put together when the program runs, and by what else they are tried. */
const COMPOSED: Readonly<Record<string, string>> = { "cli/chat/screen/text.ts": "graphemes" };

const expressions = sources.flatMap(({ path, tree }) =>
  [...nodesOf(tree)].flatMap(({ type, regex }) =>
    type === "Literal" && regex !== undefined
      ? [{ path, ...(regex as { pattern: string; flags: string }) }]
      : [],
  ),
);

/** What may be repeated: characters of all kinds that expressions ask for, and pairs of them. */
const UNITS = [
  ..."aA0 .-_,;:#@/\\()[]<>=&'\"*?!|~+",
  ..."\n\r\t\0\x1b\x07\x7f\u0085\u00a0\u00ad\u2028\u200b\u200d\u202e\u2066\ufe0f\ufffd",
  ..."é\u0301日한ๅ\u{1f600}\u{1f3f4}\u{e0041}\u{e007f}\u{1f1e6}\u{e0100}",
  "\ud800",
  "a ",
  " a",
  "a.",
  "a\n",
  "\r\n",
  "a\u0301",
  "()",
  "=&",
  "\u{1f3f4}\u{e0041}",
  "\u{1f468}\u200d",
  "http://",
  "https://a.",
  "0;",
];
const BEGINS = ["", "a", "/", "https://a", "sealgram:", "sha256:", "\x1b[", "#invitation=a.", "\u{1f3f4}"];
const ENDS = ["", "\u0001", "x"];

function* inputs(begins: readonly string[], ends: readonly string[]): Generator<(length: number) => string> {
  for (const begin of begins)
    for (const unit of UNITS)
      for (const end of ends) yield (length) => begin + unit.repeat(Math.ceil(length / unit.length)) + end;
}

function worstOf(act: (text: string) => unknown, begins: readonly string[], ends: readonly string[]) {
  let worst = { growth: 0, input: "" };
  for (const make of inputs(begins, ends)) {
    const factor = growth(act, make);
    if (factor > worst.growth) worst = { growth: factor, input: JSON.stringify(make(8)) };
  }
  return worst;
}

function acted(expression: RegExp): (text: string) => unknown {
  return expression.global ? (text) => text.replaceAll(expression, "") : (text) => expression.exec(text);
}

describe("regular expressions", () => {
  test("there are some, and those that cannot be read from the sources are tried otherwise", () => {
    expect(expressions.length).toBeGreaterThan(50);
    const composed = sources.filter(({ tree }) =>
      [...nodesOf(tree)].some(
        ({ type, callee }) =>
          (type === "NewExpression" || type === "CallExpression") && (callee as Node).name === "RegExp",
      ),
    );
    expect(composed.map(({ path }) => path)).toEqual(Object.keys(COMPOSED));
    for (const name of Object.values(COMPOSED)) expect(Object.keys(functions)).toContain(name);
  });

  test.each(expressions.map(({ path, pattern, flags }) => [path, pattern, flags] as const))(
    "%s: /%s/%s",
    (_, pattern, flags) => {
      const worst = worstOf(acted(new RegExp(pattern, flags)), BEGINS, ENDS);
      expect(worst.growth, worst.input).toBeLessThan(MAX_GROWTH);
    },
  );

  test.each([
    [/(?<!x[yz]*)[yz]/gu, "y", ""],
    [/\s+$/, " ", "c"],
    [/^(.*?)(?:\s+b)?$/s, " ", "c"],
  ])("%s, which looks back or on from each character, is found", (slow, unit, end) => {
    expect(growth(acted(slow), (length) => unit.repeat(length) + end)).toBeGreaterThan(MAX_GROWTH);
  });
});

// Functions

const room = { kind: "room", name: "general" } as ChatRoom;

function message(text: string): MessageItem & Entry {
  const head = { kind: "message", key: "k", id: "k", position: 2, timeMs: 0, author: "mallory" } as const;
  return {
    ...head,
    text,
    isEdited: false,
    isDeleted: false,
    attachment: { id: "i", name: text, type: text, bytes: 1 },
  };
}

const LOOK = { user: "bob", width: 80, readBefore: 0, selected: undefined, nowMs: 0 };

function refused(act: (text: string) => unknown): (text: string) => unknown {
  return (text) => {
    try {
      return act(text);
    } catch (error) {
      return error;
    }
  };
}

/** By name: what functions make of a text. */
const functions: Readonly<Record<string, (text: string) => unknown>> = {
  harmless,
  harmlessLines,
  harmlessJson,
  shown: (text) => shown`${text} and ${text}`,
  joined: (text) => joined([harmless(text), harmless(text)]),
  tailOf: (text) => [/\s/u, /\S/u, /[^\p{L}]/u, /\p{L}/u].map((kind) => tailOf(text, kind)),
  roomLabel: (name) => roomLabel({ kind: "room", name }),
  emote,
  entryLines: (text) => entryLines(room, message(text)),
  outcomeLines: (topic) => outcomeLines({ event: "topic_is", room, topic }),
  fileName,
  mediaType: names.mediaType,
  parseLine: refused((text) =>
    ["", "/", "/create ", "/edit #1 ", "/msg "].map((head) => parseLine(head + text)),
  ),
  parseJsonLine: refused((send) => parseJsonLine(JSON.stringify({ send }))),
  graphemes: screenText.graphemes,
  widthOf: screenText.widthOf,
  truncate: (text) => screenText.truncate(harmless(text), 40),
  truncateRow: (text) => screenText.truncateRow([{ text: harmless(text) }], 40),
  rowWidth: (text) => screenText.rowWidth([{ text: harmless(text) }]),
  spread: (text) => screenText.spread([{ text: harmless(text) }], [{ text: harmless(text) }], 40),
  wrap: (text) => screenText.wrap([{ text: harmlessLines(text) }], 40),
  sgr: (text) => screenText.wrap([{ text: harmlessLines(text) }], 40).map((row) => sgr(row, 256)),
  colorOf,
  linesOf: (text) => linesOf(text, 40),
  "Editor.press": (text) => {
    const editor = new Editor();
    for (const chord of [
      "ctrl+left",
      "alt+b",
      "left",
      "ctrl+w",
      "alt+backspace",
      "ctrl+y",
      "up",
      "home",
      "ctrl+right",
    ]) {
      editor.set(text);
      editor.press(chord, 40);
    }
  },
  KeyReader: (text) => new KeyReader().push(new TextEncoder().encode(`\x1b[200~${text}\x1b[201~`)),
  begunAt: (text) =>
    ["", "/upload ", "/msg ", "@"].map((head) => begunAt(head + text, head.length + text.length)),
  matching: (text) =>
    matching({ kind: "user", begin: 0, end: 1, sign: "", prefix: text, suffix: "" }, [text, `${text}a`]),
  rule: (text) => rule(text, 40, {}),
  choicesRow: (text) => choicesRow([text, text], 0, 40),
  panelRows: (text) => panelRows({ title: harmless(text), lines: [harmless(text)], top: 0 }, 40, 20),
  Messages: (text) => {
    const items = [message("first"), { ...message(text), position: 3, replyTo: 2 }];
    return new Messages({ items, at: () => message(text) }, LOOK).rowsAt(1);
  },
  fold: names.fold,
  normalized: names.normalized,
  text: refused(textOf(0, 1e9)),
  line: refused(line(0, 1e9)),
  parseLink: refused(parseLink),
  parsePsk: refused(parsePsk),
  piecesOf: links.piecesOf,
  findInvitation: place.findInvitation,
  cut: (text) =>
    [10, text.length / 2, text.length - 1].map((length) => pageWords.cut(text, Math.floor(length))),
  initialOf: (text) => pageWords.initialOf(text),
  hueOf: pageWords.hueOf,
  typingText: (text) => pageWords.typingText([text, text]),
  failureText: (message) => pageWords.failureText({ message }),
};

/** Functions that take strings, and see no long ones of others, or make nothing of them: each with the reason. */
const NAMED: Readonly<Record<string, string>> = {
  commonBegin: "names, each of 256 bytes at most: tried with those below",
  passwordCredential: "one's own password",
  keyCredential: "one's own key",
  joinBy: "one's own link: parseLink is tried",
  saveFile: "gives the name to the browser",
  fetchFile: "an identity of 22 characters",
  invitationLinks: "one's own link: parseLink is tried",
  rowsOf: "compares names",
  isNewTo: "compares names",
  wayOf: "one's own link",
  plural: "words of the program",
  askLine: "words of the program",
  expandHome: "one's own path",
  fileToSend: "one's own path",
  downloadFile: "fileName is tried",
  pathsLike: "one's own path, and names of files on this machine",
  logIn: "one's own options",
  authority: "one's own link: parseLink is tried",
  found: "what one has typed: fold is tried",
  firstRoom: "one's own option: fold is tried",
  performLogin: "one's own paths",
  writeProfile: "one's own path",
  readProfile: "one's own path",
  touchProfile: "one's own path",
  depthOf: "one's own environment",
  boundsOf: "compares keys",
  earlier: "compares keys",
  later: "compares keys",
  trimmed: "compares keys",
  frame: "JSON.stringify",
  repeated: "characters of the program",
};

const SKIPPED_FOLDERS = ["apps/chat/server/", "cli/chat-server/"];
const SEES_TEXT = /\b(string|Harmless|T|Span|Row|Entry|MessageEntry|Outcome|TimelineItem)\b/;

function exportedIn({ path, text, tree }: Source): string[] {
  const isOfChat =
    path.startsWith("apps/chat/") || path.startsWith("cli/chat/") || path === "cli/harmless.ts";
  if (!isOfChat || path.endsWith(".tsx") || SKIPPED_FOLDERS.some((folder) => path.startsWith(folder)))
    return [];
  return (tree.body as Node[]).flatMap(({ type, declaration }) => {
    const declared = declaration as Node | null;
    if (type !== "ExportNamedDeclaration" || declared?.type !== "FunctionDeclaration") return [];
    const parameters = (declared.params as Node[]).map(({ start, end }) => text.slice(start, end)).join();
    return SEES_TEXT.test(parameters) ? [(declared.id as unknown as { name: string }).name] : [];
  });
}

/** What makes checks, and not what checks: `text` and `line` are what looks at others' texts. */
const MAKERS = ["oneOf", "optional", "list", "object", "variant", "pattern"];

describe("functions on texts", () => {
  test("all of them are tried, or named with a reason", () => {
    const found = new Set(sources.flatMap(exportedIn));
    const left = [...found].filter(
      (name) => !(name in functions) && !(name in NAMED) && !MAKERS.includes(name),
    );
    expect(left).toEqual([]);
    expect(found.size).toBeGreaterThan(40);
  });

  test.each(Object.keys(functions))("%s", (name) => {
    const worst = worstOf(functions[name]!, name === "piecesOf" ? BEGINS : [""], ["", "x"]);
    expect(worst.growth, worst.input).toBeLessThan(MAX_GROWTH);
  });

  test("names are as short as the wire has them", () => {
    const long = "a".repeat(256);
    expect(commonBegin(Array.from({ length: 2_000 }, (_, i) => long + i))).toBe(long);
  });
});
