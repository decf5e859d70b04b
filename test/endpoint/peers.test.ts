/** What a peer does or lacks reaches a program as an answer, a count or a report, and never as an exception. */
import { describe, expect, onTestFinished, test } from "vitest";
import type {
  ConnectOptions,
  ListenOptions,
  Session,
  StreamSettings,
} from "../../src/endpoint/node-index.ts";
import { all, next, pair } from "../session/web-pair.ts";
import { dial, echoServer, failure, text, utf8 } from "./support.ts";

describe("a peer without streams", () => {
  test("makes no property throw, and has no streams", async () => {
    const { client, server } = await pair(false);
    expect([client.hasStreams, server.hasStreams]).toEqual([false, false]);
    const onrequest = () => new Uint8Array(0);
    server.onrequest = onrequest;
    expect(server.onrequest).toBe(onrequest);
    for await (const _ of server.incomingUnidirectionalStreams) throw new Error("a stream");
    for await (const _ of server.incomingBidirectionalStreams) throw new Error("a stream");
    expect((await failure(server.request(utf8("?")))).code).toBe("no_streams");
    expect((await failure(server.createBidirectionalStream())).code).toBe("no_streams");
    await server.ready;
  });

  const sides: [string, Partial<ConnectOptions>, Partial<ListenOptions>][] = [
    ["a client", { streams: false }, { streams: { required: true } }],
    [
      "a client that names protocols",
      { streams: false, applicationProtocols: ["chess"] },
      { streams: { required: true }, applicationProtocols: ["chess"] },
    ],
    ["a server", { streams: { required: true } }, { streams: false }],
    [
      "a server that names protocols",
      { streams: { required: true }, applicationProtocols: ["chess"] },
      { streams: false, applicationProtocols: ["chess"] },
    ],
  ];
  test.each(sides)("%s is refused by who requires streams", async (_, client, server) => {
    const reports: string[] = [];
    const opened = await echoServer({ ...server, onfailure: ({ code }) => reports.push(code) });
    onTestFinished(() => opened.close());
    const { code, alert } = await failure(dial(opened, client));
    expect(code).toBe("no_application_protocol");
    await expect.poll(() => reports).toEqual(["no_application_protocol"]);
    expect(alert === undefined || alert === "no_application_protocol").toBe(true);
  });

  test("is not meant where both have them", async () => {
    const { client } = await pair({ required: true }, { required: true });
    expect(client.hasStreams).toBe(true);
  });
});

describe("a datagram that cannot be sent", () => {
  const kinds: [string, StreamSettings | false][] = [
    ["with streams", {}],
    ["without", false],
  ];
  test.each(kinds)(
    "%s: one that is too large, and one after the end, are false and counted",
    async (_, settings) => {
      const { client, server } = await pair(settings, settings);
      await server.ready;
      expect(server.sendDatagram(new Uint8Array(20_000))).toBe(false);
      client.close();
      await server.closed;
      expect(server.sendDatagram(utf8("late"))).toBe(false);
      expect((await server.getStats()).droppedOutgoing).toBe(2);
      server.updateKeys();
    },
  );

  test("for want of room is false and counted, and what was taken arrives in its time", async () => {
    const { client, server } = await pair();
    await client.ready;
    const fates: boolean[] = [];
    let taken = 0;
    for (let i = 0; i < 20_000; i++) {
      if (client.sendDatagram(new Uint8Array(1000), (it) => fates.push(it))) taken++;
    }
    expect(taken).toBeLessThan(20_000);
    expect((await client.getStats()).droppedOutgoing).toBe(20_000 - taken);
    await expect.poll(() => fates.length).toBe(taken);
    const { path } = await client.getStats();
    expect(path!.datagramsSent).toBe(taken);
    expect((await server.getStats()).datagramsReceived).toBeGreaterThanOrEqual(
      fates.filter((it) => it).length,
    );
  });

  test("as the path has become too small while it waited, is dropped and counted, and the writable lives", async () => {
    const { client, server } = await pair({}, {});
    await client.ready;
    client.datagrams.outgoingHighWaterMark = 1;
    const largest = client.maxDatagramSize;
    const writer = client.datagrams.writable.getWriter();
    // As many as the window takes, one in the queue, and one that waits for its place there.
    while (client.sendDatagram(new Uint8Array(1000)));
    const waiting = writer.write(new Uint8Array(largest));
    const { droppedOutgoing } = await client.getStats();
    shrink(client, largest - 1);
    await waiting;
    expect((await client.getStats()).droppedOutgoing).toBeGreaterThan(droppedOutgoing);
    const reader = server.datagrams.readable.getReader();
    await writer.write(utf8("still here"));
    for (let read = await reader.read(); text(read.value!) !== "still here"; read = await reader.read());
  });
});

/** A path that takes no larger datagrams any more. */
function shrink(session: Session, maxDatagramSize: number): void {
  Object.defineProperty(session, "maxDatagramSize", { get: () => maxDatagramSize });
  const offer = session.offer.bind(session);
  session.offer = (datagram, fate) =>
    offer(datagram.length > maxDatagramSize ? new Uint8Array(65_536) : datagram, fate);
}

describe("a handler's fault", () => {
  const bug = () => {
    throw new Error("a bug");
  };
  const late = async () => bug();

  test("is told to onerror, with the session, and nothing ends", async () => {
    const told: [unknown, Session | undefined][] = [];
    const sessions: Session[] = [];
    const opened = await echoServer({
      onerror: (...each) => told.push(each),
      onsession: (session) => {
        sessions.push(session);
        session.ondatagram = sessions.length === 1 ? bug : (late as () => void);
        session.onrequest = sessions.length === 1 ? bug : () => "no bytes" as never;
        return late();
      },
    });
    onTestFinished(() => opened.close());
    for (const which of [0, 1]) {
      const client = await dial(opened);
      client.sendDatagram(utf8("x"));
      expect((await failure(client.request(utf8("?")))).code).toBe("stream_error");
      await expect.poll(() => told.length).toBe(3);
      expect(told.map(([, session]) => session)).toEqual(new Array(3).fill(sessions[which]));
      expect(new Set(told.map(([error]) => (error as Error).message))).toEqual(
        new Set(
          which === 0
            ? ["a bug"]
            : ["a bug", "an answer is a Uint8Array, or another view of memory that is not detached"],
        ),
      );
      told.length = 0;
      expect(client.isClosed).toBe(false);
    }
  });

  test("is not what the peer has done: leaving, resetting, giving up", async () => {
    const told: unknown[] = [];
    let handled = 0;
    const opened = await echoServer({
      onerror: (error) => told.push(error),
      onsession: async (session) => {
        session.onrequest = (_, { signal }) =>
          new Promise((_, reject) => {
            handled++;
            signal.addEventListener("abort", () => reject(signal.reason));
          });
        for await (const stream of session.incomingUnidirectionalStreams) await all(stream);
        await session.closed;
      },
    });
    onTestFinished(() => opened.close());
    const client = await dial(opened);
    const abort = new AbortController();
    const asked = client.request(utf8("?"), { signal: abort.signal });
    asked.catch(() => {});
    await expect.poll(() => handled).toBe(1);
    abort.abort();
    const writable = await client.createUnidirectionalStream();
    const writer = writable.getWriter();
    await writer.write(utf8("some"));
    await writer.abort();
    void client.request(utf8("?")).catch(() => {});
    await expect.poll(() => handled).toBe(2);
    client.close();
    await expect.poll(() => opened.getStats().sessions).toBe(0);
    expect(told).toEqual([]);
  });
});

describe("before close()", () => {
  test("a datagram of a session's first moments leaves, and learns its fate", async () => {
    const { client, server } = await pair();
    const fates: boolean[] = [];
    expect(client.sendDatagram(utf8("bye"), (it) => fates.push(it))).toBe(true);
    client.close({ closeCode: 3 });
    expect(await client.closed).toEqual({ closeCode: 3, reason: "" });
    await server.closed;
    const read: string[] = [];
    for await (const each of server.datagrams.readable) read.push(text(each));
    expect(read).toEqual(["bye"]);
    await expect.poll(() => fates).toHaveLength(1);
  });

  test("a stream whose close() has resolved can be taken and read after the end", async () => {
    const { client, server } = await pair();
    const taken = (await client.createUnidirectionalStream()).getWriter();
    const writer = (await client.createUnidirectionalStream()).getWriter();
    await taken.write(utf8("ta"));
    const early = await next(server.incomingUnidirectionalStreams);
    await taken.write(utf8("ken"));
    await Promise.all([taken.close(), writer.write(new Uint8Array(100_000).fill(5)), writer.close()]);
    const unfinished = (await client.createUnidirectionalStream()).getWriter();
    unfinished.closed.catch(() => {});
    await unfinished.write(utf8("unfinished"));
    client.close();
    await server.closed;
    expect(text(await all(early))).toBe("taken");
    const lengths: number[] = [];
    for await (const stream of server.incomingUnidirectionalStreams) lengths.push((await all(stream)).length);
    expect(lengths).toEqual([100_000]);
  });
});

describe("small writes", () => {
  const packets = async (session: Session) => (await session.getStats()).path!.packetsSent;

  test("of one turn go together, whether or not they are waited for", async () => {
    const { client, server } = await pair();
    await client.ready;
    const writer = (await client.createUnidirectionalStream()).getWriter();
    await writer.write(utf8("first"));
    const reader = (await next(server.incomingUnidirectionalStreams)).getReader();
    for (const isAwaited of [false, true]) {
      // Nothing but these is under way.
      await new Promise((resolve) => setTimeout(resolve, 100));
      const before = await packets(client);
      for (let i = 0; i < 100; i++) {
        const written = writer.write(new Uint8Array(20));
        if (isAwaited) await written;
      }
      await writer.ready;
      let bytes = 0;
      while (bytes < 2000) bytes += (await reader.read()).value!.length;
      expect((await packets(client)) - before).toBeLessThan(10);
    }
  });

  test("that are alone leave within their turn", async () => {
    const { client } = await pair();
    await client.ready;
    const writer = (await client.createUnidirectionalStream()).getWriter();
    await new Promise((resolve) => setTimeout(resolve, 100));
    const before = await packets(client);
    void writer.write(utf8("alone"));
    for (let i = 0; i < 40; i++) await undefined;
    expect(await packets(client)).toBeGreaterThan(before);
  });
});
