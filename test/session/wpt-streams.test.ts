/** What the web-platform-tests ask of a session's streams, in our own words: web-platform-tests.md has the list. */
import { describe, expect, test } from "vitest";
import { StreamError } from "../../src/session/index.ts";
import { text, utf8 } from "../endpoint/support.ts";
import { all, next, pair, write } from "./web-pair.ts";

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
    writable.sendOrder = null as never;
    expect(writable.sendOrder).toBe(0);
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

  test("that are closed and then aborted fail with the reason, and tell its code", async () => {
    const { client, server } = await pair({}, { maxStreamBytes: 1000 });
    const writer = (await client.createUnidirectionalStream()).getWriter();
    const error = new StreamError("after all", 134);
    await writer.write(new Uint8Array(65_536));
    const closing = writer.close();
    // That the end was under way already is told to who aborts, too (Streams standard, "WritableStreamFinishInFlightCloseWithError").
    await expect(Promise.all([closing, writer.abort(error)])).rejects.toBe(error);
    await expect(closing).rejects.toBe(error);
    await expect(writer.closed).rejects.toBe(error);
    await expect(all(await next(server.incomingUnidirectionalStreams))).rejects.toMatchObject({
      streamErrorCode: 134,
    });
  });

  test.each<[string, (writer: WritableStreamDefaultWriter<Uint8Array>) => Promise<unknown>]>([
    ["nothing", async () => {}],
    [
      "empty chunks",
      (writer) => Promise.all([writer.write(new Uint8Array(0)), writer.write(new Uint8Array(0))]),
    ],
  ])("that are closed with %s in them are read as ended", async (_, fill) => {
    const { client, server } = await pair();
    const { readable, writable } = await client.createBidirectionalStream();
    const writer = writable.getWriter();
    await fill(writer);
    const closing = writer.close();
    const theirs = await next(server.incomingBidirectionalStreams);
    expect(await theirs.readable.getReader().read()).toEqual({ done: true, value: undefined });
    await write(theirs.writable, new Uint8Array(0));
    expect(await all(readable)).toHaveLength(0);
    await closing;
  });

  test("that carry megabytes there and back do so one after the other, too", async () => {
    const { client, server } = await pair();
    const serving = (async () => {
      for (let i = 0; i < 5; i++) {
        const { readable, writable } = await next(server.incomingBidirectionalStreams);
        await readable.pipeTo(writable);
      }
    })();
    for (let i = 0; i < 5; i++) {
      const { readable, writable } = await client.createBidirectionalStream();
      const [back] = await Promise.all([
        new Response(readable).arrayBuffer(),
        write(writable, new Uint8Array(1_048_576)),
      ]);
      expect(back.byteLength).toBe(1_048_576);
    }
    await serving;
  });
});
