/** What the web-platform-tests ask of a session's end, its statistics and its `draining`, in our own words: web-platform-tests.md has the list. */
import { describe, expect, test } from "vitest";
import type { SealgramError } from "../../src/errors.ts";
import { dial, echoServer, failure, utf8 } from "../endpoint/support.ts";
import { all, next, pair, write } from "./web-pair.ts";

describe("close", () => {
  test("without arguments resolves closed on both sides with code 0 and no reason", async () => {
    const { client, server } = await pair();
    client.close();
    expect(await client.closed).toEqual({ closeCode: 0, reason: "" });
    expect(await server.closed).toEqual({ closeCode: 0, reason: "" });
  });

  test.each([
    [0, ""],
    [4_294_967_295, "the largest code"],
    [7, "ŝlosita – ключ – 鍵"],
  ])("carries code %d and reason %j", async (closeCode, reason) => {
    const { client, server } = await pair();
    server.close({ closeCode, reason });
    expect(await client.closed).toEqual({ closeCode, reason });
    expect(await server.closed).toEqual({ closeCode, reason });
  });

  test("cuts a reason that is too long between characters", async () => {
    const { client, server } = await pair();
    client.close({ closeCode: 1, reason: "鍵".repeat(2000) });
    const { reason } = await server.closed;
    expect(reason.length).toBeGreaterThan(300);
    expect(reason).toBe("鍵".repeat(reason.length));
  });

  test("a second time changes nothing", async () => {
    const { client, server } = await pair();
    client.close({ closeCode: 1 });
    client.close({ closeCode: 2 });
    expect((await client.closed).closeCode).toBe(1);
    expect((await server.closed).closeCode).toBe(1);
  });

  test("fails streams of both directions, and those to come", async () => {
    const { client, server } = await pair();
    const { readable, writable } = await client.createBidirectionalStream();
    const writer = writable.getWriter();
    await writer.write(utf8("x"));
    const reading = failure(readable.getReader().read());
    server.close();
    await client.closed;
    expect((await reading).code).toBe("session_closed");
    expect((await failure(writer.closed)).code).toBe("session_closed");
    expect((await failure(client.createUnidirectionalStream())).code).toBe("session_closed");
  });

  test("ends the streams of incoming streams and of datagrams", async () => {
    const { client, server } = await pair();
    const readers = [
      client.incomingBidirectionalStreams.getReader(),
      client.incomingUnidirectionalStreams.getReader(),
      client.datagrams.readable.getReader(),
    ];
    const reads = readers.map((reader) => reader.read());
    const writer = client.datagrams.writable.getWriter();
    server.close();
    for (const read of reads) expect((await read).done).toBe(true);
    await expect(writer.closed).rejects.toBeDefined();
  });

  test("before the session is ready is an end like another", async () => {
    const { client, server } = await pair();
    client.close({ closeCode: 3, reason: "no" });
    expect(await client.closed).toEqual({ closeCode: 3, reason: "no" });
    await client.ready.catch((error: SealgramError) => expect(error.code).toBe("session_closed"));
    expect(await server.closed).toMatchObject({ closeCode: 3 });
  });

  test("by the peer fails who opens a stream before the session is ready, and tells why afterwards", async () => {
    const { client, server } = await pair();
    server.close();
    const openings = [client.createBidirectionalStream(), client.createUnidirectionalStream()];
    // Either they were open before the end has come, or they fail for it.
    for (const opening of await Promise.allSettled(openings)) {
      if (opening.status === "rejected") expect(opening.reason).toMatchObject({ code: "session_closed" });
    }
    await client.closed;
    expect((await failure(client.createBidirectionalStream())).code).toBe("session_closed");
    expect(await client.closed).toEqual({ closeCode: 0, reason: "" });
  });

  test("of a connection that breaks fails what is open with one and the same error, and ends what others would follow on", async () => {
    const opened = await echoServer({ idleTimeoutMs: 100 });
    const client = await dial(opened);
    const { readable, writable } = await client.createBidirectionalStream();
    const writer = writable.getWriter();
    await writer.write(utf8("x"));
    const reader = readable.getReader();
    const broken = [writer.closed, reader.closed, client.datagrams.writable.getWriter().closed].map(failure);
    await opened.abort();
    const error = await failure(client.closed);
    expect(error.code).toBe("idle_timeout");
    for (const each of broken) expect(await each).toBe(error);
    // Where W3C WebTransport fails these too: a loop over them is not to throw because a peer has gone.
    for await (const _ of client.incomingBidirectionalStreams) throw new Error("a stream");
    for await (const _ of client.datagrams.readable) throw new Error("a datagram");
  });
});

describe("getStats", () => {
  test("counts what both sides agree on", async () => {
    const { client, server } = await pair();
    await client.ready;
    for (let i = 0; i < 5; i++) client.sendDatagram(new Uint8Array(100));
    const reader = server.datagrams.readable.getReader();
    for (let i = 0; i < 5; i++) await reader.read();
    const [ours, theirs] = [await client.getStats(), await server.getStats()];
    expect([ours.datagramsSent, ours.bytesSent]).toEqual([5, 500]);
    expect([theirs.datagramsReceived, theirs.bytesReceived]).toEqual([5, 500]);
    expect(ours.path!.packetsSent).toBeGreaterThanOrEqual(5);
    expect(ours.path!.packetsLost).toBe(0);
  });

  test("never counts backwards, and never more acknowledged or lost than sent", async () => {
    const { client, server } = await pair();
    server.onrequest = (request) => request;
    const counters = ["packetsSent", "packetsReceived", "packetsLost", "bytesSent", "bytesReceived"] as const;
    let before = (await client.getStats()).path!;
    for (let i = 0; i < 20; i++) {
      await client.request(new Uint8Array(10_000));
      const [one, another] = await Promise.all([client.getStats(), client.getStats()]);
      const path = one.path!;
      expect(another).toEqual(one);
      for (const name of counters) expect(path[name]).toBeGreaterThanOrEqual(before[name]);
      expect(path.packetsSent).toBeGreaterThan(before.packetsSent);
      expect(path.packetsLost).toBeLessThanOrEqual(path.packetsSent);
      expect(path.bytesLost).toBeLessThanOrEqual(path.bytesSent);
      expect(path.minRttMs!).toBeLessThanOrEqual(before.minRttMs ?? Number.POSITIVE_INFINITY);
      expect(path.minRttMs!).toBeLessThanOrEqual(path.smoothedRttMs!);
      before = path;
    }
    expect(before.bytesSent).toBeGreaterThan(200_000);
  });

  test("answers after the end as well, whoever has ended it", async () => {
    for (const who of ["client", "server"] as const) {
      const both = await pair();
      await both.client.ready;
      const asked = both.client.getStats();
      both[who].close();
      expect((await asked).path!.packetsSent).toBeGreaterThan(0);
      await both.client.closed;
      const { path } = await both.client.getStats();
      expect([path!.packetsSent > 0, path!.bytesReceived > 0]).toEqual([true, true]);
    }
  });
});

test("draining is there before the session is ready, and one promise", async () => {
  const { client } = await pair();
  const { draining } = client;
  expect(draining).toBeInstanceOf(Promise);
  await client.ready;
  expect(client.draining).toBe(draining);
});

test("a session carries streams and datagrams before it is ready", async () => {
  const { client, server } = await pair();
  const sent = [client.createUnidirectionalStream(), client.createBidirectionalStream()] as const;
  const datagrams = client.datagrams.writable.getWriter();
  const writing = Promise.all([1, 2, 3, 4, 5].map((i) => datagrams.write(Uint8Array.of(i))));
  await write(await sent[0], utf8("uni"));
  await write((await sent[1]).writable, utf8("bidi"));
  await writing;
  const uni = await all(await next(server.incomingUnidirectionalStreams));
  const bidi = await all((await next(server.incomingBidirectionalStreams)).readable);
  expect([uni, bidi].map((bytes) => new TextDecoder().decode(bytes))).toEqual(["uni", "bidi"]);
  const reader = server.datagrams.readable.getReader();
  const received = new Set<number>();
  for (let i = 0; i < 5; i++) received.add((await reader.read()).value![0]!);
  expect(received).toEqual(new Set([1, 2, 3, 4, 5]));
});
