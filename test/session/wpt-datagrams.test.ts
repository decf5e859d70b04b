/** What the web-platform-tests ask of a session's datagrams, in our own words: web-platform-tests.md has the list. */
import { describe, expect, test } from "vitest";
import { DatagramQueue, Datagrams } from "../../src/endpoint/datagrams.ts";
import { pair } from "./web-pair.ts";

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

  test("make their writer wait when as many as the high-water mark allows wait to be sent", async () => {
    let waiting = 0;
    let drain: () => void = () => {};
    const outgoing = {
      limit: 5,
      maxAgeMs: Number.POSITIVE_INFINITY,
      drained: () => new Promise<void>((resolve) => (drain = resolve)),
    };
    const offer = () => {
      if (waiting >= outgoing.limit) return "full" as const;
      waiting++;
      return "taken" as const;
    };
    const source = { maxDatagramSize: 1000, offer };
    const datagrams = new Datagrams(source, new DatagramQueue(1, () => 0), outgoing);
    const writer = datagrams.writable.getWriter();
    for (let i = 0; i < 5; i++) await writer.write(Uint8Array.of(i));
    let isReady = false;
    const written = writer.write(Uint8Array.of(5));
    void writer.ready.then(() => (isReady = true));
    await new Promise(setImmediate);
    expect([isReady, waiting]).toEqual([false, 5]);
    waiting = 0;
    drain();
    await written;
    await writer.ready;
    expect(waiting).toBe(1);
  });
});
