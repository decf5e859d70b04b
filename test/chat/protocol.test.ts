import fc from "fast-check";
import { expect, test } from "vitest";
import { frame, MessageReader } from "../../src/apps/chat/channel.ts";
import { integer, Malformed, object, text } from "../../src/apps/chat/check.ts";
import { type ChatLink, formatLink, parseLink } from "../../src/apps/chat/link.ts";
import { Limit, type Method } from "../../src/apps/chat/protocol.ts";
import { events, methods, signal, transfer, userName } from "../../src/apps/chat/wire.ts";

/** Bytes in pieces of any size, as a stream brings them. */
function pieces(bytes: Uint8Array, sizes: readonly number[]): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      for (let at = 0, i = 0; at < bytes.length; i++) {
        const size = sizes[i % sizes.length]!;
        controller.enqueue(bytes.slice(at, at + size));
        at += size;
      }
      controller.close();
    },
  });
}

test("messages come out of a stream as they went in, however it is cut, and bytes behind them too", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.jsonValue(), { maxLength: 8 }),
      fc.uint8Array({ maxLength: 50 }),
      fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 5 }),
      async (messages, rest, sizes) => {
        const bytes = Uint8Array.from([...messages.map(frame).flatMap((framed) => [...framed]), ...rest]);
        const reader = new MessageReader(pieces(bytes, sizes), 100_000);
        for (const message of messages) {
          expect(JSON.stringify(await reader.next())).toBe(JSON.stringify(message));
        }
        const got: number[] = [];
        for (let part = await reader.bytes(); part !== undefined; part = await reader.bytes())
          got.push(...part);
        expect(got).toEqual([...rest]);
      },
    ),
    { numRuns: 100 },
  );
});

test("no bytes make a reader do anything but answer or refuse", async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 60 }), async (bytes) => {
      const reader = new MessageReader(pieces(bytes, [7]), 1_000);
      try {
        while ((await reader.next()) !== undefined);
      } catch (error) {
        expect(error).toBeInstanceOf(Malformed);
      }
    }),
    { numRuns: 500 },
  );
});

test("no value makes a check do anything but pass or refuse", () => {
  const checks = [
    ...Object.values(methods).flatMap(({ params, result }) => [params, result]),
    ...Object.values(events),
    signal,
    transfer,
  ];
  const fields = [
    "kind",
    "room",
    "id",
    "text",
    "name",
    "position",
    "user",
    "entry",
    "credential",
    "__proto__",
  ];
  const value = fc.oneof(
    fc.jsonValue({ maxDepth: 3 }),
    fc.dictionary(
      fc.constantFrom(...fields),
      fc.oneof(fc.jsonValue(), fc.constantFrom("message", "edit", "typing")),
    ),
  );
  fc.assert(
    fc.property(value, (value) => {
      for (const check of checks) {
        try {
          check(value as unknown);
        } catch (error) {
          if (!(error instanceof Malformed)) throw error;
        }
      }
    }),
    { numRuns: 500 },
  );
});

test("what passes has the known fields only, and none that is inherited", () => {
  const check = object<{ a: number }>({ a: integer(0) });
  expect(() => check(JSON.parse('{"a":1,"__proto__":{"b":1}}'))).toThrow(Malformed);
  expect(() => check(Object.create({ a: 1 }))).toThrow(Malformed);
  expect(check({ a: 1 })).toEqual({ a: 1 });
});

test("lengths of texts are those of UTF-8", () => {
  const check = text(1, 6);
  expect(check("abcdef")).toBe("abcdef");
  expect(check("€€")).toBe("€€");
  for (const wrong of ["", "abcdefg", "€€€", "\udc00", 7, null])
    expect(() => check(wrong)).toThrow(Malformed);
});

test("names: letters and numbers of any script, in one form, and nothing that looks like an identity of its own", () => {
  for (const name of ["bob", "Zoë", "李雷", "o.b-1_x", "7"]) expect(userName(name)).toBe(name);
  for (const name of [
    "",
    " bob",
    "invitation:x",
    "a b",
    "Zoe\u0308",
    "bob\u200b",
    "bob\u034f",
    "bob\u3164",
    "-x",
    "x".repeat(33),
  ]) {
    expect(() => userName(name), name).toThrow(Malformed);
  }
});

test("topics and names of files are lines that nothing in them turns round", () => {
  const topic = (topic: string) => methods["room.topic"].params({ room: 1, topic });
  const file = (name: string) =>
    transfer({ kind: "upload", room: 1, id: "x".repeat(22), name, type: "text/plain", bytes: 1 });
  for (const fine of ["plans", "שלום 👩‍👩‍👧", "a\u0301"]) {
    expect(topic(fine).topic).toBe(fine);
    expect(file(fine)).toMatchObject({ name: fine });
  }
  for (const wrong of ["a\nb", "\u001b[31m", "a\u2028b", "\u202etxt.exe", "\u2066x", "\u0000", "\udc00"]) {
    expect(() => topic(wrong)).toThrow(Malformed);
    expect(() => file(wrong)).toThrow(Malformed);
  }
});

test("the largest message there can be fits into a frame", () => {
  const params = {
    room: 2 ** 52,
    id: "x".repeat(22),
    text: "\u0001".repeat(Limit.text),
    replyTo: 2 ** 50,
  };
  const framed = frame([2 ** 50, "message.send" satisfies Method, params]);
  expect(methods["message.send"].params(params)).toEqual(params);
  expect(framed.length - 4).toBeLessThanOrEqual(Limit.clientMessage);
});

test("links: what is in them comes out again, and secrets are in the fragment", () => {
  const links: ChatLink[] = [
    { host: "chat.example", port: 4433, via: [] },
    { host: "::1", port: 443, via: ["wss://gateway.example/chat", "https://gateway.example/?a=b&c=d"] },
    {
      host: "127.0.0.1",
      port: 1,
      via: [],
      serverKey: `sha256:${"a_-B".repeat(11).slice(0, 43)}`,
      invitation: { id: "abc-_1", secret: "s".repeat(27) },
    },
  ];
  for (const link of links) {
    const text = formatLink(link);
    expect(parseLink(text)).toEqual(link);
    expect(text.split("#")[0]).not.toContain("sss");
  }
  for (const wrong of [
    "https://chat.example",
    "sealgram:",
    "sealgram://",
    "sealgram://user@chat.example",
    "sealgram://chat.example/room",
    "sealgram://chat.example/?via=http://x",
    "sealgram://chat.example/#key=sha256:short",
    "sealgram://chat.example/#invitation=abc",
  ]) {
    expect(() => parseLink(wrong), wrong).toThrow(TypeError);
  }
});
