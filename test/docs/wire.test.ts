import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { CloseCode, Limit } from "../../src/apps/chat/protocol.ts";
import { events, methods } from "../../src/apps/chat/wire.ts";
import { TransportErrorCode } from "../../src/session/errors.ts";
import { FrameType } from "../../src/session/frames.ts";
import { decodeParameters, encodeParameters } from "../../src/session/parameters.ts";
import { RequestErrorCode } from "../../src/session/requests.ts";
import { PacketReader } from "../../src/session/varint.ts";
import { ExtensionType, NamedGroup, SignatureScheme } from "../../src/tls/codepoints.ts";
import { CipherSuite } from "../../src/tls/suites.ts";
import { closedByGateway, GatewayCode } from "../../src/transport/gateway-codes.ts";

// The tables of docs/wire.md are those of the sources.

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");
const page = read("docs/wire.md");

/** The text under a heading, up to the next one. */
function section(heading: string): string {
  const start = page.indexOf(`# ${heading} ✓\n`);
  if (start < 0) throw new Error(`docs/wire.md has no heading ${heading}`);
  return page.slice(start).split(/\n#+ /)[0]!;
}

/** The rows of a table, as cells; the first is a name. */
function rows(heading: string): string[][] {
  return [...section(heading).matchAll(/^\| (`.*)\|$/gm)].map(([, row]) =>
    row!.split("|").map((cell) => cell.trim().replaceAll("`", "")),
  );
}

const codes = (heading: string) =>
  Object.fromEntries(rows(heading).map(([name, code]) => [name!, Number(code)]));

test.each([
  ["Cipher suites", CipherSuite],
  ["Groups", NamedGroup],
  ["Signature schemes", SignatureScheme],
  ["Extensions", ExtensionType],
  ["Frames", FrameType],
  ["Transport errors", TransportErrorCode],
  ["Codes of requests", RequestErrorCode],
  ["Close codes of the gateway", GatewayCode],
  ["Close codes of the chat", CloseCode],
  ["Limits of the chat", Limit],
])("%s", (heading, constants) => {
  expect(codes(heading)).toEqual(constants);
});

test("what connect fails with when a gateway closes", () => {
  for (const [, code, failure] of rows("Close codes of the gateway")) {
    expect(closedByGateway(Number(code)).code).toBe(failure);
  }
});

test("transport parameters: identifiers, and what holds without them", () => {
  const table = rows("Transport parameters");
  const absent = Object.fromEntries(table.map(([name, , value]) => [name!, Number(value)]));
  expect(decodeParameters(new Uint8Array(0))).toEqual(absent);
  for (const [name, identifier] of table) {
    const reader = new PacketReader();
    const bytes = encodeParameters({ ...decodeParameters(new Uint8Array(0)), [name!]: 2 });
    reader.begin(bytes, 0, bytes.length);
    expect(`${name} ${reader.varint()}`).toBe(`${name} ${Number(identifier)}`);
  }
});

/** A value that each field takes, in all methods that have it. */
const values: Readonly<Record<string, unknown>> = {
  access: "public",
  after: 1,
  attachment: "a".repeat(22),
  before: 1,
  credential: { kind: "psk", context: "a".repeat(22) },
  delivered: 1,
  id: "a".repeat(22),
  isBanned: true,
  kind: "key",
  limit: 1,
  name: "ada",
  position: 1,
  prefix: "ad",
  read: 1,
  record: {
    ...{ identity: "ada", serverIdentity: "", iterations: 600_000 },
    ...{ salt: "", w0: "", L: "", w0M: "", w0N: "" },
  },
  replyTo: 1,
  role: "member",
  room: 1,
  text: "hello",
  topic: "",
  user: "ada",
  validMs: 60_000,
  version: 1,
};

test("methods of the chat, and their parameters", () => {
  expect(rows("Methods").map(([name]) => name)).toEqual(Object.keys(methods));
  for (const [name, parameters] of rows("Methods")) {
    const fields = [...parameters!.matchAll(/\w+/g)].map(([field]) => field);
    // Pages of lists go by names, those of entries by positions.
    const isByName = ["rooms.list", "room.members", "room.receipts"].includes(name!);
    const valueFor = (field: string) => (field === "after" && isByName ? "ada" : values[field]);
    const whole = Object.fromEntries(fields.map((field) => [field, valueFor(field)]));
    const check = methods[name as keyof typeof methods].params;
    expect(check(whole)).toEqual(whole);
    for (const field of Object.keys(values)) {
      const { [field]: _, ...rest } = whole;
      const isOptional = parameters!.includes(`${field}?`);
      if (!fields.includes(field)) {
        expect(() => check({ ...whole, [field]: valueFor(field) }), `${name} ${field}`).toThrow("not known");
      } else if (isOptional) expect(check(rest)).toEqual(rest);
      else expect(() => check(rest), `${name} without ${field}`).toThrow();
    }
  }
});

test("events of the chat", () => {
  expect(rows("Events").map(([name]) => name)).toEqual(Object.keys(events));
});

test("error codes of the chat", () => {
  const [, union] = /export type ErrorCode =([^;]*);/.exec(read("src/apps/chat/protocol.ts"))!;
  const known = [...union!.matchAll(/"(\w+)"/g)].map(([, code]) => code);
  expect([...section("Error codes").matchAll(/`(\w+)`/g)].map(([, code]) => code)).toEqual(known);
});
