import { describe, expect, test } from "vitest";
import { begunAt, Completion, matching } from "../../src/cli/chat/screen/completion.ts";

const names = {
  command: ["me", "members", "msg", "quit"],
  room: ["garden", "general", "Große Halle"],
  user: ["Bob", "bobby", "alice"],
  file: ["a.txt", "folder/"],
};

/** What a text becomes, press by press: the cursor is at its end. */
function complete(text: string, presses: readonly (1 | -1)[]): string {
  const completion = new Completion();
  const begun = begunAt(text, text.length);
  if (begun === undefined) return text;
  let result = text;
  for (const [i, by] of presses.entries()) {
    const put =
      i === 0 || completion.names.length === 0
        ? completion.begin(begun, matching(begun, names[begun.kind]))
        : completion.next(by);
    if (put !== undefined) result = result.slice(0, put.begin) + put.text + result.slice(put.end);
  }
  return result;
}

describe("the Tab key", () => {
  test.each([
    ["/q", "/quit "],
    ["/m", "/me "],
    ["/join gard", "/join garden "],
    ["/join #gard", "/join garden "],
    ["/msg al", "/msg alice "],
    ["/msg @al", "/msg @alice "],
    ["see #gard", "see #garden "],
    ["ask @al", "ask @alice "],
    ["al", "alice: "],
    ["ask al", "ask alice "],
    ["bo", "Bob"],
    ["/upload a", "/upload a.txt"],
    ["/upload f", "/upload folder/"],
    ["/msg alice hello bob", "/msg alice hello Bob "],
    ["x", "x"],
    ["", ""],
    ["ask ", "ask "],
  ])("makes of %j %j", (text, expected) => {
    expect(complete(text, [1])).toBe(expected);
  });

  test("goes through what there is, forth and back", () => {
    expect(complete("/join ge", [1])).toBe("/join general ");
    expect(complete("/me", [1])).toBe("/me ");
    expect(complete("/me", [1, 1])).toBe("/members ");
    expect(complete("/me", [1, 1, 1])).toBe("/me ");
    expect(complete("/me", [1, -1])).toBe("/members ");
    expect(complete("bo", [1, 1, 1])).toBe("bobby: ");
  });
});
