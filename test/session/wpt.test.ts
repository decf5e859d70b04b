/** What the web-platform-tests ask of WebTransport, as far as it is about a session and not about HTTP/3: in our own words. */
import { describe, expect, test } from "vitest";
import { StreamError } from "../../src/session/index.ts";
import { failure, text, utf8 } from "../endpoint/support.ts";
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
});

describe("datagrams", () => {
  test("written to the one side are read from the other", async () => {
    const { client, server } = await pair();
    const writer = client.datagrams.writable.getWriter();
    const reader = server.datagrams.readable.getReader();
    for (let i = 0; i < 10; i++) {
      await writer.write(Uint8Array.of(i, i + 1));
      expect((await reader.read()).value).toEqual(Uint8Array.of(i, i + 1));
    }
  });

  test("may be empty", async () => {
    const { client, server } = await pair();
    void client.datagrams.writable.getWriter().write(new Uint8Array(0));
    expect((await server.datagrams.readable.getReader().read()).value).toHaveLength(0);
  });

  test("of the largest size arrive; a larger one is dropped, and the writable lives on", async () => {
    const { client, server } = await pair();
    await client.ready;
    const { datagrams } = client;
    const writer = datagrams.writable.getWriter();
    await writer.write(new Uint8Array(100_000));
    await writer.write(new Uint8Array(datagrams.maxDatagramSize).fill(3));
    const { value } = await server.datagrams.readable.getReader().read();
    expect(value!.length).toBeGreaterThan(1000);
    expect(value!.every((byte) => byte === 3)).toBe(true);
  });

  test.each<[string, () => unknown]>([
    ["an ArrayBuffer", () => Uint8Array.of(1, 2, 3).buffer],
    ["a DataView on a part", () => new DataView(Uint8Array.of(0, 1, 2, 3, 4).buffer, 1, 3)],
  ])("are any BufferSource: %s", async (_, chunk) => {
    const { client, server } = await pair();
    await client.datagrams.writable.getWriter().write(chunk() as Uint8Array);
    expect((await server.datagrams.readable.getReader().read()).value).toEqual(Uint8Array.of(1, 2, 3));
  });

  test("that are none are a TypeError", async () => {
    const { client } = await pair();
    const writer = client.datagrams.writable.getWriter();
    await expect(writer.write("text" as never)).rejects.toBeInstanceOf(TypeError);
  });

  test("wait as many as the high-water mark allows, and the oldest go first", async () => {
    const { client, server } = await pair();
    server.datagrams.incomingHighWaterMark = 4;
    for (let i = 0; i < 10; i++) client.sendDatagram(Uint8Array.of(i));
    while ((await server.getStats()).datagramsReceived < 10)
      await new Promise((resolve) => setTimeout(resolve, 5));
    const reader = server.datagrams.readable.getReader();
    for (const i of [6, 7, 8, 9]) expect((await reader.read()).value).toEqual(Uint8Array.of(i));
    expect((await server.getStats()).droppedIncoming).toBe(6);
  });

  test("older than incomingMaxAge are not read", async () => {
    const { client, server } = await pair();
    server.datagrams.incomingMaxAge = 20;
    client.sendDatagram(Uint8Array.of(1));
    while ((await server.getStats()).datagramsReceived < 1)
      await new Promise((resolve) => setTimeout(resolve, 5));
    await new Promise((resolve) => setTimeout(resolve, 60));
    const read = server.datagrams.readable.getReader().read();
    client.sendDatagram(Uint8Array.of(2));
    expect((await read).value).toEqual(Uint8Array.of(2));
    expect((await server.getStats()).expiredIncoming).toBe(1);
  });

  test("have ages and marks that keep to the rules: 0 is null, below 1 is 1, below 0 and NaN are a RangeError", async () => {
    const { datagrams } = (await pair()).client;
    expect([datagrams.incomingMaxAge, datagrams.outgoingMaxAge]).toEqual([null, null]);
    for (const name of ["incomingMaxAge", "outgoingMaxAge"] as const) {
      datagrams[name] = 5;
      expect(datagrams[name]).toBe(5);
      datagrams[name] = 0;
      expect(datagrams[name]).toBe(null);
      for (const wrong of [-1, Number.NaN]) expect(() => (datagrams[name] = wrong)).toThrow(RangeError);
      expect(datagrams[name]).toBe(null);
    }
    for (const name of ["incomingHighWaterMark", "outgoingHighWaterMark"] as const) {
      datagrams[name] = 0.5;
      expect(datagrams[name]).toBe(1);
      for (const wrong of [-1, Number.NaN]) expect(() => (datagrams[name] = wrong)).toThrow(RangeError);
      expect(datagrams[name]).toBe(1);
    }
  });

  test("have one reader and one writer at a time", async () => {
    const { readable, writable } = (await pair()).client.datagrams;
    readable.getReader();
    writable.getWriter();
    expect([readable.locked, writable.locked]).toEqual([true, true]);
    expect(() => readable.getReader()).toThrow(TypeError);
    expect(() => writable.getWriter()).toThrow(TypeError);
  });
});

describe("streams", () => {
  test("can be opened by the server as well", async () => {
    const { client, server } = await pair();
    const writing = server
      .createUnidirectionalStream()
      .then((writable) => write(writable, utf8("from the server")));
    expect(text(await all(await next(client.incomingUnidirectionalStreams)))).toBe("from the server");
    await writing;
  });

  test("end where they are closed while writes are still pending", async () => {
    const { client, server } = await pair();
    const writer = (await client.createUnidirectionalStream()).getWriter();
    const writes = Array.from({ length: 40 }, (_, i) => writer.write(new Uint8Array(50_000).fill(i)));
    const closed = writer.close();
    const bytes = await all(await next(server.incomingUnidirectionalStreams));
    expect(bytes.length).toBe(2_000_000);
    expect([bytes[0], bytes[1_999_999]]).toEqual([0, 39]);
    await Promise.all([...writes, closed]);
  });

  test("that have ended are read as ended, again and again", async () => {
    const { client, server } = await pair();
    const writing = client.createUnidirectionalStream().then((writable) => write(writable, utf8("x")));
    const reader = (await next(server.incomingUnidirectionalStreams)).getReader();
    expect(text((await reader.read()).value!)).toBe("x");
    expect(await reader.read()).toEqual({ done: true, value: undefined });
    expect(await reader.read()).toEqual({ done: true, value: undefined });
    await writing;
  });

  test.each([0, 1, 255, 256, 4_294_967_295])(
    "that are aborted with code %d tell it to their reader",
    async (code) => {
      const { client, server } = await pair();
      const writer = (await client.createUnidirectionalStream()).getWriter();
      await writer.write(utf8("x"));
      const reader = (await next(server.incomingUnidirectionalStreams)).getReader();
      await writer.abort(new StreamError("enough", code));
      const failed = (async () => {
        while (!(await reader.read()).done);
      })();
      await expect(failed).rejects.toMatchObject({ source: "stream", streamErrorCode: code });
    },
  );

  test("that are aborted with anything else tell code 0", async () => {
    const { client, server } = await pair();
    for (const reason of [undefined, new Error("no"), "text", { streamErrorCode: -1 }]) {
      const writer = (await client.createUnidirectionalStream()).getWriter();
      await writer.write(utf8("x"));
      const readable = await next(server.incomingUnidirectionalStreams);
      await writer.abort(reason);
      await expect(all(readable)).rejects.toMatchObject({ streamErrorCode: 0 });
    }
  });

  test.each([0, 99, 4_294_967_295])(
    "that are cancelled with code %d tell it to their writer",
    async (code) => {
      const { client, server } = await pair();
      const { writable } = await client.createBidirectionalStream();
      const writer = writable.getWriter();
      await writer.write(utf8("x"));
      const { readable } = await next(server.incomingBidirectionalStreams);
      await readable.cancel(new StreamError("enough", code));
      await expect(writer.closed).rejects.toMatchObject({ source: "stream", streamErrorCode: code });
      await expect(writer.write(utf8("y"))).rejects.toMatchObject({ streamErrorCode: code });
    },
  );

  test("go on in one direction when the other was aborted", async () => {
    const { client, server } = await pair();
    const { readable, writable } = await client.createBidirectionalStream();
    const writer = writable.getWriter();
    await writer.write(utf8("x"));
    const theirs = await next(server.incomingBidirectionalStreams);
    await writer.abort(new StreamError("only this half", 1));
    await expect(all(theirs.readable)).rejects.toMatchObject({ streamErrorCode: 1 });
    const writing = write(theirs.writable, utf8("still here"));
    expect(text(await all(readable))).toBe("still here");
    await writing;
  });

  test("that are aborted while a write waits for the reader end at once", async () => {
    const { client } = await pair({}, { maxStreamBytes: 1000 });
    const writer = (await client.createUnidirectionalStream()).getWriter();
    const written = writer.write(new Uint8Array(2_000_000));
    written.catch(() => {});
    await writer.abort(new StreamError("enough", 5));
    await expect(writer.closed).rejects.toMatchObject({ streamErrorCode: 5 });
  });

  test("fill the buffers of BYOB readers, parts of them too, and end with a view of nothing", async () => {
    const { client, server } = await pair();
    const writing = client.createUnidirectionalStream().then((writable) => write(writable, utf8("abc")));
    const reader = (await next(server.incomingUnidirectionalStreams)).getReader({ mode: "byob" });
    const first = await reader.read(new Uint8Array(new ArrayBuffer(10), 4, 2));
    expect([text(first.value!), first.value!.byteOffset]).toEqual(["ab", 4]);
    const second = await reader.read(new Uint8Array(8));
    expect(text(second.value!)).toBe("c");
    const end = await reader.read(new Uint8Array(8));
    expect([end.done, end.value!.length]).toEqual([true, 0]);
    await writing;
  });

  test("take new sendOrders at any time, and refuse what is no number", async () => {
    const { client } = await pair();
    const writable = await client.createUnidirectionalStream({ sendOrder: -5 });
    expect(writable.sendOrder).toBe(-5);
    writable.sendOrder = 2 ** 40;
    expect(writable.sendOrder).toBe(2 ** 40);
    expect(() => (writable.sendOrder = Number.NaN)).toThrow(TypeError);
    await expect(client.createUnidirectionalStream({ sendOrder: Number.NaN })).rejects.toBeInstanceOf(
      TypeError,
    );
  });

  test("tell what they have carried", async () => {
    const { client, server } = await pair();
    const writable = await client.createUnidirectionalStream();
    await write(writable, new Uint8Array(5000));
    const readable = await next(server.incomingUnidirectionalStreams);
    await all(readable);
    expect(await writable.getStats()).toEqual({
      bytesWritten: 5000,
      bytesSent: 5000,
      bytesAcknowledged: 5000,
    });
    expect(await readable.getStats()).toEqual({ bytesReceived: 5000, bytesRead: 5000 });
  });
});

test("getStats counts what both sides agree on", async () => {
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
