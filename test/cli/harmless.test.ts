/** All that is written to a terminal passes `harmless`: nothing else writes. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { outcomeLines } from "../../src/cli/chat/words.ts";
import { harmless, harmlessLines, shown } from "../../src/cli/harmless.ts";
import { createReport } from "../../src/cli/report.ts";

/** What writes to a terminal, and why that is harmless. */
const WRITERS: Readonly<Record<string, string>> = {
  "chat-server/index.ts": "a code of blocks, made of a link of one's own",
  "chat/login.ts": "words of the program",
  "chat/plain-output.ts": "takes Harmless",
  "chat/screen/terminal.ts": "spans are Harmless, sequences are the program's",
  "completion.ts": "scripts of the program",
  "main.ts": "help and version",
  "output.ts": "passes harmless where it is a terminal",
  "prompt.ts": "passes shown",
  "report.ts": "passes shown and harmlessJson",
  "standard-streams.ts": "nothing",
  "stream-pipe.ts": "a stream of bytes as they are, which was asked for by --stream",
};

test("nothing else writes to stdout and stderr", () => {
  const folder = join(import.meta.dirname, "../../src/cli");
  const writers = (readdirSync(folder, { recursive: true }) as string[])
    .filter((file) => file.endsWith(".ts"))
    .filter((file) =>
      /(std(out|err)|stream)\.write\(|writeSync\(|console\.|process\._rawDebug/.test(
        readFileSync(join(folder, file), "utf8"),
      ),
    );
  expect(writers.sort()).toEqual(Object.keys(WRITERS).sort());
});

const HOSTILE = "\x1b]0;owned\x07\x9b31m\u202egnp.exe\u2066\r\n\u{e0041}\u3164\u2061";

test("names of servers, reasons and errors neither move the cursor nor add lines", () => {
  for (const isJson of [false, true]) {
    const written: string[] = [];
    const write = vi.spyOn(process.stderr, "write").mockImplementation((text) => {
      written.push(`${text}`);
      return true;
    });
    try {
      const report = createReport(isJson);
      report.event("connected", { server: HOSTILE }, `connected to ${HOSTILE}`);
      report.error(new Error(HOSTILE), "help");
      report.warn("odd", HOSTILE);
    } finally {
      write.mockRestore();
    }
    expect(written.length).toBe(3);
    for (const text of written) {
      expect(text).toMatch(/^[^\n]+\n$/);
      expect(text.slice(0, -1)).not.toMatch(/[\p{Cc}\u202a-\u202e\u2066-\u2069]/u);
    }
  }
});

test("words of the program stay as they are, and what is put in between does not", () => {
  expect(shown`\n${"a\nb"}${3}`).toBe("\na b3");
  expect(outcomeLines({ event: "topic_is", room: {} as never, topic: HOSTILE }).join()).not.toMatch(
    /\p{Cc}/u,
  );
});

test("what is harmless stays as it is, and what nobody sees is gone", () => {
  const england = "\u{1f3f4}\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}";
  for (const text of [england, "👩‍👩‍👧", "❤️", "می‌خواهم", "葛\u{e0100}", "ᠠ\u180b", "한글", HOSTILE]) {
    const once = harmlessLines(text);
    expect(harmlessLines(once)).toBe(once);
    if (text !== HOSTILE) expect(once).toBe(text);
  }
  expect(harmless("a\u3164\u2061\u206a\ufff9\u{e0041}\u180eb")).toBe("ab");
});
