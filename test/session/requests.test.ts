/** Requests of peers that ask for too much, byte by byte or at once, and of callers who change their minds. */
import { expect, onTestFinished, test } from "vitest";
import type { Session, StreamSettings } from "../../src/endpoint/node-index.ts";
import { StreamError } from "../../src/session/index.ts";
import { dial, echoServer, utf8 } from "../endpoint/support.ts";

async function pair(server: StreamSettings = {}): Promise<{ client: Session; server: Session }> {
  const opened = await echoServer({ onsession: undefined as never, streams: server });
  onTestFinished(() => opened.close());
  const [client, { value }] = await Promise.all([
    dial(opened, { streams: {} }),
    opened[Symbol.asyncIterator]().next(),
  ]);
  await Promise.all([client.ready, value.ready]);
  return { client, server: value };
}

const TOO_LARGE = 2;
const BUSY = 3;

/** The code that the peer refuses a request with that has no end. */
async function refusal(client: Session, bytes: number): Promise<number | undefined> {
  const { writable, readable } = await client.createBidirectionalStream();
  const writer = writable.getWriter();
  writer.closed.catch(() => {});
  writer.write(new Uint8Array(bytes)).catch(() => {});
  const error = await readable
    .getReader()
    .read()
    .then(
      () => undefined,
      (each: unknown) => each,
    );
  return error instanceof StreamError ? error.streamErrorCode : undefined;
}

test("a request above maxRequestBytes is refused, whether its end has come or not", async () => {
  const { client, server } = await pair({ maxRequestBytes: 1000 });
  let handled = 0;
  server.onrequest = (request) => {
    handled++;
    return request;
  };
  expect(await refusal(client, 1001)).toBe(TOO_LARGE);
  await expect(client.request(new Uint8Array(1001))).rejects.toMatchObject({ streamErrorCode: TOO_LARGE });
  expect(handled).toBe(0);
  expect(await client.request(new Uint8Array(1000))).toHaveLength(1000);
});

test("a response above maxResponseBytes is an error, even when it comes with its end", async () => {
  const { client, server } = await pair();
  server.onrequest = (request) => request;
  const limit = { maxResponseBytes: 10 };
  await expect(client.request(new Uint8Array(11), limit)).rejects.toMatchObject({ code: "too_large" });
  expect(await client.request(new Uint8Array(10), limit)).toHaveLength(10);
  expect(await client.request(new Uint8Array(0), { maxResponseBytes: 0 })).toHaveLength(0);
});

test("requests that are not answered yet take up maxRequestsBytes at most; answered ones make room", async () => {
  const { client, server } = await pair({ maxRequestsBytes: 100_000 });
  const answers: (() => void)[] = [];
  const both = new Promise<void>((resolve) => {
    server.onrequest = (request) =>
      new Promise((answer) => {
        answers.push(() => answer(request.subarray(0, 1)));
        if (answers.length === 2) resolve();
      });
  });
  const held = [client.request(new Uint8Array(50_000)), client.request(new Uint8Array(50_000))];
  await both;
  expect(await refusal(client, 1)).toBe(BUSY);
  for (const answer of answers) answer();
  await Promise.all(held);
  server.onrequest = (request) => request;
  expect(await client.request(new Uint8Array(100_000))).toHaveLength(100_000);
  // What was refused, or given up, has made room, too.
  const { writable } = await client.createBidirectionalStream();
  const writer = writable.getWriter();
  await writer.write(new Uint8Array(90_000));
  await writer.abort();
  expect(await client.request(new Uint8Array(100_000))).toHaveLength(100_000);
});

test("a request that waits for a stream can be aborted, and its place is free again", async () => {
  const { client, server } = await pair({ maxIncomingBidirectional: 1 });
  let answer!: () => void;
  server.onrequest = (request) =>
    request.length > 1
      ? request
      : new Promise((resolve) => {
          answer = () => resolve(request);
        });
  const first = client.request(utf8("1"));
  const controller = new AbortController();
  const second = client.request(utf8("second"), { signal: controller.signal });
  const third = client.request(utf8("third"));
  // The second waits for a stream by now.
  await Promise.resolve();
  controller.abort(new Error("enough"));
  await expect(second).rejects.toThrow("enough");
  while (answer === undefined) await new Promise((resolve) => setImmediate(resolve));
  answer();
  expect(await first).toHaveLength(1);
  expect(await third).toHaveLength(5);
});

test.each(["the request", "the session"])("a handler learns that %s was given up", async (what) => {
  const { client, server } = await pair();
  const controller = new AbortController();
  const aborted = new Promise<boolean>((resolve) => {
    server.onrequest = (request, { signal }) => {
      expect(signal.aborted).toBe(false);
      signal.addEventListener("abort", () => resolve(signal.aborted));
      if (what === "the request") controller.abort(new Error("enough"));
      else client.close();
      return request;
    };
  });
  client.request(utf8("?"), { signal: controller.signal }).catch(() => {});
  // It is told of what comes before its answer is acknowledged.
  expect(await aborted).toBe(true);
});
