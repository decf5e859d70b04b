/** Sessions with streams on real sockets, as an application sees them. */
import { createHash } from "node:crypto";
import { expect, onTestFinished, test } from "vitest";
import { connect, type StreamSettings } from "../../src/endpoint/node-index.ts";
import { MessageStream, NewestState, type QlogEvent, qlog, StreamError } from "../../src/session/index.ts";
import { alice, dial, echoServer, failure, text, utf8 } from "../endpoint/support.ts";
import { Random } from "../sim/random.ts";
import { all, next, pair, write } from "./web-pair.ts";

const digest = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

test("a bidirectional stream carries bytes both ways, each way to its own end", async () => {
  const { client, server } = await pair();
  const { readable, writable } = await client.createBidirectionalStream();
  const answered = (async () => {
    const theirs = await next(server.incomingBidirectionalStreams);
    const question = await all(theirs.readable);
    await write(theirs.writable, utf8(`${text(question)}!`));
  })();
  await write(writable, utf8("hello"));
  expect(text(await all(readable))).toBe("hello!");
  await answered;
});

test("megabytes on several streams at a time arrive as they were", async () => {
  const { client, server } = await pair();
  const random = new Random(5);
  const contents = [3_000_000, 1, 0, 700_001].map((length) => random.bytes(length));
  const sent = contents.map(async (bytes) => write(await client.createUnidirectionalStream(), bytes));
  const received: Promise<Uint8Array>[] = [];
  const reader = server.incomingUnidirectionalStreams.getReader();
  while (received.length < contents.length) received.push(all((await reader.read()).value!));
  const digests = (await Promise.all(received)).map(digest);
  await Promise.all(sent);
  expect(digests.sort()).toEqual(contents.map(digest).sort());
});

test("who asks for the peer's streams after the end learns of it", async () => {
  const { client, server } = await pair();
  await Promise.all([client.ready, server.ready]);
  client.close({ closeCode: 3 });
  await server.closed;
  for (const { incomingBidirectionalStreams, incomingUnidirectionalStreams } of [client, server]) {
    expect(await incomingBidirectionalStreams.getReader().read()).toEqual({ value: undefined, done: true });
    expect(await incomingUnidirectionalStreams.getReader().read()).toEqual({ value: undefined, done: true });
  }
});

test("a reader that does not read stops the writer, and reading on lets it go on", async () => {
  const { client, server } = await pair({}, { maxStreamBytes: 100_000, maxSessionBytes: 200_000 });
  const writable = await client.createUnidirectionalStream();
  const writer = writable.getWriter();
  let written = 0;
  const writing = (async () => {
    for (let i = 0; i < 100; i++) {
      await writer.write(new Uint8Array(20_000));
      written += 20_000;
    }
    await writer.close();
  })();
  const readable = await next(server.incomingUnidirectionalStreams);
  let before = -1;
  while (written > before) {
    before = written;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  // What the window and the buffers of both ends take.
  expect(written).toBeLessThan(500_000);
  expect((await readable.getStats()).bytesReceived).toBeLessThanOrEqual(100_000);
  expect((await all(readable)).length).toBe(2_000_000);
  await writing;
});

test("BYOB readers fill the reader's own buffers", async () => {
  const { client, server } = await pair();
  const sending = client.createUnidirectionalStream().then((writable) => write(writable, utf8("0123456789")));
  const readable = await next(server.incomingUnidirectionalStreams);
  const reader = readable.getReader({ mode: "byob" });
  let read = "";
  for (let view = new Uint8Array(4); ; ) {
    const { value, done } = await reader.read(view);
    if (done) break;
    read += text(value);
    view = new Uint8Array(value.buffer as ArrayBuffer, 0, 4);
  }
  expect(read).toBe("0123456789");
  await sending;
});

test("abort and cancel tell the other side the code", async () => {
  const { client, server } = await pair();
  const { readable, writable } = await client.createBidirectionalStream();
  const writer = writable.getWriter();
  await writer.write(utf8("x"));
  const theirs = await next(server.incomingBidirectionalStreams);
  const theirWriter = theirs.writable.getWriter();
  await writer.abort(new StreamError("no more", 77));
  await expect(all(theirs.readable)).rejects.toMatchObject({ streamErrorCode: 77, source: "stream" });
  await readable.cancel(new StreamError("not interested", 78));
  await expect(theirWriter.closed).rejects.toMatchObject({ streamErrorCode: 78 });
});

test("as many streams as the peer allows; more when it has finished with some", async () => {
  const { client, server } = await pair({}, { maxIncomingUnidirectional: 2 });
  await client.ready;
  const [first] = await Promise.all([
    client.createUnidirectionalStream(),
    client.createUnidirectionalStream(),
  ]);
  expect((await failure(client.createUnidirectionalStream())).code).toBe("quota_exceeded");
  const third = client.createUnidirectionalStream({ waitUntilAvailable: true });
  await write(first, utf8("done"));
  expect(text(await all(await next(server.incomingUnidirectionalStreams)))).toBe("done");
  await expect(third).resolves.toBeDefined();
});

test("streams of a higher sendOrder go first", async () => {
  const { client, server } = await pair();
  await client.ready;
  const low = await client.createUnidirectionalStream({ sendOrder: 1 });
  const high = await client.createUnidirectionalStream({ sendOrder: 2 });
  expect([low.sendOrder, high.sendOrder]).toEqual([1, 2]);
  const writing = Promise.all([
    write(low, new Uint8Array(3_000_000)),
    write(high, new Uint8Array(3_000_000)),
  ]);
  const order: number[] = [];
  const reader = server.incomingUnidirectionalStreams.getReader();
  const reading = [];
  for (let i = 0; i < 2; i++) {
    const { value } = await reader.read();
    reading.push(all(value!).then(() => order.push(value!.id)));
  }
  await Promise.all([writing, ...reading]);
  expect(order).toEqual([high.id, low.id]);
});

test("requests are answered, any number at a time; a failing handler fails its request only", async () => {
  const { client, server } = await pair();
  server.onrequest = async (request) => {
    if (text(request) === "fail") throw new StreamError("cannot", 9);
    return utf8(`${text(request)}?`);
  };
  const answers = await Promise.all(Array.from({ length: 300 }, (_, i) => client.request(utf8(String(i)))));
  expect(answers.map(text)).toEqual(Array.from({ length: 300 }, (_, i) => `${i}?`));
  await expect(client.request(utf8("fail"))).rejects.toMatchObject({ streamErrorCode: 9 });
  expect(text(await client.request(utf8("again")))).toBe("again?");
  const large = new Uint8Array(3_000_000).fill(65);
  server.onrequest = (request) => request;
  expect(digest(await client.request(large))).toBe(digest(large));
  await expect(client.request(large, { maxResponseBytes: 1000 })).rejects.toMatchObject({
    code: "too_large",
  });
});

test("what is no bytes is neither a request, nor a response, nor a part of a stream", async () => {
  const { client, server, faults } = await pair();
  const seen: Uint8Array[] = [];
  server.onrequest = (request) => {
    seen.push(request);
    return "text" as never;
  };
  for (const wrong of ["text", [1, 2], null, { length: 2 }]) {
    await expect(client.request(wrong as never)).rejects.toBeInstanceOf(TypeError);
  }
  const error = await client.request(Uint8Array.of(7)).catch((each) => each);
  expect(error).toBeInstanceOf(StreamError);
  expect(faults).toEqual([expect.any(TypeError)]);
  // What could not be sent has opened no stream.
  expect(seen).toEqual([Uint8Array.of(7)]);

  const writer = (await client.createUnidirectionalStream()).getWriter();
  writer.closed.catch(() => {});
  await writer.write(utf8("bytes"));
  const reader = (await next(server.incomingUnidirectionalStreams)).getReader();
  expect(text((await reader.read()).value!)).toBe("bytes");
  await expect(writer.write("text" as never)).rejects.toBeInstanceOf(TypeError);
  await expect(reader.read()).rejects.toBeInstanceOf(StreamError);
});

test("a request that is aborted rejects with the signal's reason", async () => {
  const { client, server } = await pair();
  server.onrequest = () => new Promise(() => {});
  const controller = new AbortController();
  const asked = client.request(utf8("?"), { signal: controller.signal });
  setTimeout(() => controller.abort(new Error("enough")), 20);
  await expect(asked).rejects.toThrow("enough");
  await expect(client.request(utf8("?"), { signal: controller.signal })).rejects.toThrow("enough");
});

test("messages keep their boundaries", async () => {
  const { client, server } = await pair();
  const random = new Random(3);
  const messages = [0, 1, 63, 64, 16_383, 16_384, 100_000].map((length) => random.bytes(length));
  const sending = (async () => {
    const stream = new MessageStream(await client.createBidirectionalStream());
    for (const message of messages) await stream.send(message);
    await stream.close();
  })();
  const received: string[] = [];
  const theirs = new MessageStream(await next(server.incomingBidirectionalStreams), {
    maxMessageBytes: 100_000,
  });
  for await (const message of theirs) received.push(digest(message));
  expect(received).toEqual(messages.map(digest));
  await sending;
  await expect(theirs.send(new Uint8Array(100_001))).rejects.toThrow(RangeError);
});

test("a message that is too long, or cut short, is an error", async () => {
  const { client, server } = await pair();
  const reader = server.incomingUnidirectionalStreams.getReader();
  const outcome = async (bytes: Uint8Array) => {
    const sending = client.createUnidirectionalStream().then((writable) => write(writable, bytes));
    sending.catch(() => {});
    const stream = new MessageStream({ readable: (await reader.read()).value! }, { maxMessageBytes: 10 });
    return failure(
      (async () => {
        for await (const _ of stream);
      })(),
    );
  };
  expect((await outcome(Uint8Array.of(11, 1))).code).toBe("message_too_long");
  expect((await outcome(Uint8Array.of(5, 1))).code).toBe("message_truncated");
});

test("close tells the other side the code and the reason, and ends what is open", async () => {
  const { client, server } = await pair();
  const { readable } = await client.createBidirectionalStream();
  const reading = failure(all(readable) as Promise<unknown>);
  await client.ready;
  server.close({ closeCode: 4711, reason: "au revoir" });
  expect(await client.closed).toEqual({ closeCode: 4711, reason: "au revoir" });
  expect(await server.closed).toEqual({ closeCode: 4711, reason: "au revoir" });
  expect((await reading).code).toBe("session_closed");
  expect((await failure(client.createBidirectionalStream())).code).toBe("session_closed");
  expect(client.sendDatagram(utf8("x"))).toBe(false);
  expect(() => server.close({ closeCode: -1 })).toThrow(RangeError);
});

test("datagrams are told apart from streams, and their fate is known", async () => {
  const { client, server } = await pair();
  server.ondatagram = (datagram) => void server.sendDatagram(datagram);
  const answer = new Promise<string>((resolve) => {
    client.ondatagram = (datagram) => resolve(text(datagram));
  });
  const hasArrived = new Promise<boolean>((resolve) => client.sendDatagram(utf8("ping"), resolve));
  expect(await answer).toBe("ping");
  expect(await hasArrived).toBe(true);
  const { path } = await client.getStats();
  expect(path!.packetsSent).toBeGreaterThan(1);
  expect(path!.smoothedRttMs).toBeGreaterThan(0);
});

test("datagrams that wait for too long, or are too many, are dropped", async () => {
  const { client } = await pair();
  await client.ready;
  client.datagrams.outgoingHighWaterMark = 3;
  client.datagrams.outgoingMaxAge = 1000;
  expect([client.datagrams.outgoingHighWaterMark, client.datagrams.outgoingMaxAge]).toEqual([3, 1000]);
  client.datagrams.outgoingMaxAge = null;
  client.datagrams.incomingMaxAge = 5;
  expect([client.datagrams.outgoingMaxAge, client.datagrams.incomingMaxAge]).toEqual([null, 5]);
  expect(() => {
    client.datagrams.incomingMaxAge = -1;
  }).toThrow(RangeError);
});

test("of a state the newest counts, and arrives", async () => {
  for (const streams of [{}, false] as const) {
    const { client, server } = await pair(streams, streams);
    const seen: string[] = [];
    const state = new NewestState(server, { channel: 7 });
    const arrived = new Promise<void>((resolve) => {
      server.ondatagram = (datagram) => {
        const newest = state.receive(datagram);
        if (newest === undefined) return;
        seen.push(text(newest));
        if (text(newest) === "last") resolve();
      };
    });
    const ours = new NewestState(client, { channel: 7, intervalMs: 5 });
    const other = new NewestState(client, { channel: 8 });
    other.send(utf8("another channel"));
    ours.send(utf8("first"));
    ours.send(utf8("last"));
    await arrived;
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(seen).not.toContain("another channel");
    expect(seen.filter((each) => each === "last")).toHaveLength(1);
  }
  const older = new NewestState({ hasStreams: false, isClosed: false, sendDatagram: () => true });
  expect(older.receive(Uint8Array.of(0, 2, 65))).toEqual(Uint8Array.of(65));
  expect(older.receive(Uint8Array.of(0, 1, 66))).toBeUndefined();
  expect(older.receive(Uint8Array.of(0, 2, 66))).toBeUndefined();
  expect(older.receive(Uint8Array.of(0xff))).toBeUndefined();
});

test.each<[string, StreamSettings | false, StreamSettings | false]>([
  ["the client", false, {}],
  ["the server", {}, false],
])("where %s does without streams there are datagrams only", async (_, ours, theirs) => {
  const { client, server } = await pair(ours, theirs);
  expect([client.hasStreams, server.hasStreams]).toEqual([false, false]);
  await client.ready;
  const received = new Promise<string>((resolve) => {
    server.ondatagram = (datagram) => resolve(text(datagram));
  });
  client.sendDatagram(utf8("plain"));
  expect(await received).toBe("plain");
  expect((await failure(client.createBidirectionalStream())).code).toBe("no_streams");
  expect((await client.getStats()).path).toBeUndefined();
});

test("protocols of one's own are agreed on, with streams where both sides have them", async () => {
  const opened = await echoServer({ applicationProtocols: ["chat", "file"] });
  onTestFinished(() => opened.close());
  const chat = await dial(opened, { applicationProtocols: ["file"] });
  expect([chat.protocol, chat.handshake.applicationProtocol, chat.hasStreams]).toEqual([
    "file",
    "file",
    true,
  ]);
  const plain = await dial(opened, { applicationProtocols: ["chat"], streams: false });
  expect([plain.protocol, plain.hasStreams]).toEqual(["chat", false]);
  for (const streams of [undefined, false] as const) {
    const options = { auth: alice, ...(streams === undefined ? {} : { streams }) };
    const other = connect(opened.url, { ...options, applicationProtocols: ["other"] });
    expect((await failure(other)).code).toBe("no_application_protocol");
  }
  expect((await failure(dial(opened))).code).toBe("no_application_protocol");
});

test("a server that names no protocol takes clients with any", async () => {
  const opened = await echoServer();
  onTestFinished(() => opened.close());
  const session = await dial(opened, { applicationProtocols: ["h2"], streams: false });
  expect([session.protocol, session.hasStreams]).toEqual([undefined, false]);
  const streams = await dial(opened, { applicationProtocols: ["h2"] });
  expect([streams.protocol, streams.hasStreams]).toEqual([undefined, true]);
});

test("a session survives another address of its client, streams and all", async () => {
  const { client, server } = await pair();
  server.onrequest = (request) => request;
  expect(text(await client.request(utf8("before")))).toBe("before");
  await client.rebind();
  expect(text(await client.request(utf8("after")))).toBe("after");
});

test("streams go on while both sides change their keys, with every suite", async () => {
  for (const suite of ["TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_128_GCM_SHA256"] as const) {
    const options = { cipherSuites: [suite] };
    const opened = await echoServer({ ...options, onsession: undefined as never });
    onTestFinished(() => opened.close());
    const [client, { value: server }] = await Promise.all([
      dial(opened, options),
      opened[Symbol.asyncIterator]().next(),
    ]);
    expect(client.handshake.cipherSuite).toBe(suite);
    const changing = setInterval(() => {
      client.updateKeys();
      server.updateKeys();
    }, 3);
    const bytes = new Random(8).bytes(4_000_000);
    const sending = client.createUnidirectionalStream().then((writable) => write(writable, bytes));
    expect(digest(await all(await next(server.incomingUnidirectionalStreams)))).toBe(digest(bytes));
    await sending;
    clearInterval(changing);
  }
});

test("a log tells of parameters, packets and metrics, and no contents", async () => {
  const events: QlogEvent[] = [];
  const { client, server } = await pair({ log: qlog((event) => events.push(event)) });
  server.onrequest = (request) => request;
  await client.request(utf8("a secret"));
  const names = new Set(events.map(({ name }) => name));
  for (const name of ["parameters_set", "packet_sent", "packet_received", "recovery_metrics_updated"]) {
    expect(names).toContain(`quic:${name}`);
  }
  const sent = events.filter(({ name }) => name === "quic:packet_sent").flatMap(({ data }) => data.frames);
  const raw = { payload_length: 8 };
  expect(sent).toContainEqual({ frame_type: "stream", stream_id: 0, offset: 0, fin: true, raw });
  expect(JSON.stringify(events)).not.toContain("secret");
});

test("at a constant rate there are requests, too", async () => {
  const padding = { kind: "constant", packetBytes: 300, intervalMs: 5 } as const;
  const { client, server } = await pair({ padding }, { padding });
  server.onrequest = (request) => request;
  const message = new Random(1).bytes(2000);
  expect(digest(await client.request(message))).toBe(digest(message));
  const { path } = await client.getStats();
  expect(path!.mtuBytes).toBeGreaterThanOrEqual(1200);
});

test.each<[string, StreamSettings]>([
  ["a negative limit", { maxIncomingBidirectional: -1 }],
  ["no keep-alive time", { keepAliveMs: 0 }],
  ["an empty block", { padding: { kind: "block", blockBytes: 0 } }],
])("%s is a RangeError", async (_, streams) => {
  await expect(connect("udp://127.0.0.1:9", { auth: alice, streams })).rejects.toThrow(RangeError);
});
