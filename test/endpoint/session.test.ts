import { expect, onTestFinished, test } from "vitest";
import { connectOn } from "../../src/endpoint/connect.ts";
import { listenOn } from "../../src/endpoint/listen.ts";
import { connect } from "../../src/endpoint/node-index.ts";
import { sharing } from "../../src/endpoint/platform.ts";
import type { Server } from "../../src/endpoint/server.ts";
import type { Session } from "../../src/endpoint/session.ts";
import { MemoryNetwork } from "../../src/transport/memory.ts";
import { core, crypto } from "../sim/pair.ts";
import { alice, ask, dial, echoServer, failure, Middlebox, text, utf8 } from "./support.ts";

async function server(options?: Parameters<typeof echoServer>[0]): Promise<Server> {
  const opened = await echoServer(options);
  onTestFinished(() => opened.close());
  return opened;
}

/** A server's session, and its client's. */
async function pair(): Promise<{ opened: Server; client: Session; server: Session }> {
  const opened = await server({ onsession: undefined as never });
  const [client, { value }] = await Promise.all([dial(opened), opened[Symbol.asyncIterator]().next()]);
  return { opened, client, server: value };
}

test("the largest datagram goes through; a longer one is refused", async () => {
  const session = await dial(await server());
  const datagram = new Uint8Array(session.maxDatagramSize).map((_, i) => i);
  expect(await ask(session, datagram)).toEqual(datagram);
  expect(session.sendDatagram(new Uint8Array(session.maxDatagramSize + 1))).toBe(false);
  expect(await ask(session, new Uint8Array(0))).toEqual(new Uint8Array(0));
});

test.each([
  ["with streams", {}],
  ["without", { streams: false as const }],
])("what is no bytes is no datagram: a TypeError, and the session goes on, %s", async (_, options) => {
  const session = await dial(await server(options), options);
  for (const wrong of ["text", [1, 2], 3, new SharedArrayBuffer(3), null, undefined]) {
    expect(() => session.sendDatagram(wrong as never)).toThrow(TypeError);
  }
  expect(await ask(session, utf8("bytes"))).toEqual(utf8("bytes"));
  const { droppedOutgoing } = await session.getStats();
  expect(droppedOutgoing).toBe(0);
  const writer = session.datagrams.writable.getWriter();
  writer.closed.catch(() => {});
  await expect(writer.write("text" as never)).rejects.toBeInstanceOf(TypeError);
});

test("the buffer that was sent may change at once", async () => {
  const session = await dial(await server());
  const received: number[] = [];
  const count = 64;
  const all = new Promise<void>((resolve) => {
    session.ondatagram = (datagram) => {
      received.push(datagram[0]!);
      if (received.length === count) resolve();
    };
  });
  const buffer = new Uint8Array(100);
  for (let i = 0; i < count; i++) {
    buffer.fill(i);
    session.sendDatagram(buffer);
  }
  await all;
  expect(received.sort((a, b) => a - b)).toEqual(Array.from({ length: count }, (_, i) => i));
});

test("unread datagrams are dropped, the oldest first, and counted", async () => {
  const { client, server: other } = await pair();
  client.datagrams.incomingHighWaterMark = 3;
  for (let i = 0; i < 5; i++) other.sendDatagram(Uint8Array.of(i));
  const stats = () => client.getStats();
  const { value } = await until(async () => (await stats()).datagramsReceived === 5).then(() =>
    client.datagrams.readable.getReader().read(),
  );
  expect(value).toEqual(Uint8Array.of(2));
  expect((await stats()).droppedIncoming).toBe(2);
});

/** Turns of the event loop, in which sockets are read, until a condition holds. */
async function until(holds: () => Promise<boolean> | boolean): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setImmediate(resolve));
}

test("streams of datagrams", async () => {
  const session = await dial(await server());
  const writer = session.datagrams.writable.getWriter();
  const reader = session.datagrams.readable.getReader();
  await writer.write(utf8("one"));
  expect(text((await reader.read()).value!)).toBe("one");
  session.close();
  expect((await reader.read()).done).toBe(true);
  await expect(writer.write(utf8("two"))).rejects.toMatchObject({ code: "session_closed" });
});

test("close ends both sides' sessions well", async () => {
  const { opened, client, server: other } = await pair();
  client.close();
  client.close();
  expect(await client.closed).toEqual({ closeCode: 0, reason: "" });
  expect(await other.closed).toEqual({ closeCode: 0, reason: "" });
  expect(client.sendDatagram(utf8("late"))).toBe(false);
  expect(other.sendDatagram(utf8("late"))).toBe(false);
  expect(opened.getStats().sessions).toBe(0);
});

test("a server that closes tells its clients, and ends its iteration", async () => {
  const opened = await echoServer({ onsession: undefined as never });
  const accepted: unknown[] = [];
  const iteration = (async () => {
    for await (const session of opened) {
      accepted.push(session.peer);
      session.ondatagram = (datagram) => void session.sendDatagram(datagram);
    }
  })();
  const clients = await Promise.all([dial(opened), dial(opened)]);
  for (const client of clients) await ask(client, utf8("there?"));
  await opened.close();
  await iteration;
  await opened.closed;
  for (const client of clients) expect(await client.closed).toEqual({ closeCode: 0, reason: "" });
  expect(accepted).toHaveLength(2);
});

test("a server that is stopped says nothing; its clients find out by themselves", async () => {
  const opened = await echoServer();
  const client = await dial(opened, { idleTimeoutMs: 60 });
  await opened.abort();
  expect((await failure(client.closed)).code).toBe("idle_timeout");
});

test("a handler's exception is reported, and the session goes on", async () => {
  const session = await dial(await server());
  const uncaught = new Promise<unknown>((resolve) => {
    const listeners = process.listeners("uncaughtException");
    process.removeAllListeners("uncaughtException");
    process.once("uncaughtException", (error) => {
      for (const listener of listeners) process.on("uncaughtException", listener);
      resolve(error);
    });
  });
  session.ondatagram = () => {
    throw new Error("the application's");
  };
  session.sendDatagram(utf8("x"));
  expect(await uncaught).toMatchObject({ message: "the application's" });
  expect(text(await ask(session, utf8("y")))).toBe("y");
});

test("keys can be changed in the middle", async () => {
  const session = await dial(await server());
  session.updateKeys();
  for (let i = 0; i < 20; i++) expect(text(await ask(session, utf8(`${i}`)))).toBe(`${i}`);
});

test("a client goes on from another socket", async () => {
  const { client, server: other } = await pair();
  other.ondatagram = (datagram) => void other.sendDatagram(datagram);
  const before = other.remoteAddress.port;
  await client.rebind();
  await until(() => other.remoteAddress.port !== before);
  expect(text(await ask(client, utf8("moved")))).toBe("moved");
  await expect(other.rebind()).rejects.toBeInstanceOf(TypeError);
});

test("a client that goes on from another socket answers by the old one what comes there (RFC 9853 §5.4)", async () => {
  const network = new MemoryNetwork();
  const platform = sharing(async () => ({ core, crypto, udp: network }));
  const sessions: Session[] = [];
  const opened = await listenOn(platform, "udp://192.0.2.1:4433", {
    auth: alice,
    onsession: (each) => sessions.push(each),
  });
  onTestFinished(() => opened.close());
  const session = await connectOn(platform, opened.url, { auth: alice });
  const oldPort = sessions[0]!.remoteAddress.port;
  const fromPorts: number[] = [];
  let isAskedAtOldPort = true;
  network.filter = (datagram, from, to) => {
    if (to.port === 4433) fromPorts.push(from.port);
    const port = from.port === 4433 && isAskedAtOldPort ? oldPort : to.port;
    return [{ datagram, from, to: { ...to, port } }];
  };
  await session.rebind();
  await until(() => fromPorts.includes(oldPort));
  // Told that the old port is left, the server waits for an answer from the new one.
  expect(sessions[0]!.remoteAddress.port).toBe(oldPort);
  isAskedAtOldPort = false;
  const moved = setInterval(() => session.sendDatagram(utf8("here")), 20);
  onTestFinished(() => clearInterval(moved));
  await until(() => sessions[0]!.remoteAddress.port !== oldPort);
});

test("a NAT that changes its port does not end a session, and a spoofed address does not move it", async () => {
  const sessions: Session[] = [];
  const opened = await server({
    onsession: (session) => {
      sessions.push(session);
      session.ondatagram = (datagram) => void session.sendDatagram(datagram);
    },
  });
  const box = await Middlebox.to(opened);
  onTestFinished(() => box.close());
  const session = await connect(box.url, { auth: alice });
  expect(text(await ask(session, utf8("one")))).toBe("one");
  const [other] = sessions;
  expect(other!.remoteAddress.port).toBe(box.port);

  // Somebody repeats what the client has sent, and sends forgeries with its connection ID, from elsewhere.
  const last = box.sent.at(-1)!;
  await box.spoof(last);
  for (let i = 0; i < 10; i++) {
    const forged = last.slice();
    forged[forged.length - 1]! ^= 1 + i;
    await box.spoof(forged);
  }
  // Of the forgeries too, the record number was seen before: nothing that it depends on has changed.
  await until(async () => (await other!.getStats()).drops.replayed === 11);
  expect(text(await ask(session, utf8("two")))).toBe("two");
  expect(other!.remoteAddress.port).toBe(box.port);

  await box.rebind();
  // Answered to the old port, which is no more: the new one has to prove itself first.
  session.sendDatagram(utf8("three"));
  await until(() => other!.remoteAddress.port === box.port);
  expect(text(await ask(session, utf8("four")))).toBe("four");
  expect(opened.getStats()).toMatchObject({ sessions: 1, accepted: 1 });
});
