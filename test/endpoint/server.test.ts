/** What a server does with many clients, with clients that start anew, and with those that do not mean well. */
import { expect, onTestFinished, test } from "vitest";
import { connectOn } from "../../src/endpoint/connect.ts";
import { listenOn } from "../../src/endpoint/listen.ts";
import {
  connect,
  type ListenOptions,
  listen,
  password,
  psk,
  type SealgramError,
} from "../../src/endpoint/node-index.ts";
import { sharing } from "../../src/endpoint/platform.ts";
import type { Server } from "../../src/endpoint/server.ts";
import type { Session } from "../../src/endpoint/session.ts";
import { MemoryNetwork } from "../../src/transport/memory.ts";
import { core, crypto } from "../sim/pair.ts";
import {
  alice,
  ask,
  bareSocket,
  dial,
  echoServer,
  failure,
  key,
  Middlebox,
  sendTo,
  text,
  utf8,
} from "./support.ts";

async function server(options?: Partial<ListenOptions>): Promise<Server> {
  const opened = await echoServer(options);
  onTestFinished(() => opened.close());
  return opened;
}

/** Turns of the event loop, in which sockets are read, until a condition holds. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve));
}

/** The datagrams that begin a handshake, up to the one with the cookie in it. */
async function recordHello(opened: Server): Promise<Uint8Array[]> {
  const box = await Middlebox.to(opened);
  const session = await connect(box.url, { auth: alice });
  await ask(session, utf8("there?"));
  const { sessions } = opened.getStats();
  session.close();
  await until(() => opened.getStats().sessions < sessions);
  const hellos = box.sent.filter((datagram) => datagram[0] === 22 && datagram[13] === 1);
  box.close();
  return hellos;
}

test("a thousand clients connect at once, and each gets its own answers", { timeout: 600_000 }, async () => {
  const count = 1000;
  const failures: string[] = [];
  // However slow this machine is.
  const timeoutMs = 500_000;
  const opened = await server({
    handshakeTimeoutMs: timeoutMs,
    onfailure: ({ code }) => failures.push(code),
  });
  const sessions = await Promise.all(Array.from({ length: count }, () => dial(opened, { timeoutMs })));
  const answers: string[] = [];
  for (let i = 0; i < count; i += 50) {
    const some = sessions.slice(i, i + 50).map((session, j) => ask(session, utf8(`client ${i + j}`)));
    answers.push(...(await Promise.all(some)).map(text));
  }
  expect(answers).toEqual(sessions.map((_, i) => `client ${i}`));
  expect(failures).toEqual([]);
  expect(opened.getStats()).toMatchObject({ sessions: count, handshakes: 0, accepted: count });
});

test("a handshake is not given up while what the client has sent waits to be read", async () => {
  const handshakeTimeoutMs = 1_000;
  const opened = await server({ handshakeTimeoutMs });
  const box = await Middlebox.to(opened);
  onTestFinished(() => box.close());
  box.letThrough = (_, index) => {
    // The client's Finished: it arrives while this process is at something else for longer than the handshake may take.
    if (index === 2) {
      const untilMs = performance.now() + handshakeTimeoutMs + 500;
      while (performance.now() < untilMs);
    }
    return true;
  };
  const session = await connect(box.url, { auth: alice });
  expect(text(await ask(session, utf8("late")))).toBe("late");
  expect(opened.getStats()).toMatchObject({ sessions: 1, failedHandshakes: 0 });
});

test("a client whose handshake is given up is told", async () => {
  const failures: string[] = [];
  const opened = await server({ handshakeTimeoutMs: 300, onfailure: ({ code }) => failures.push(code) });
  const box = await Middlebox.to(opened);
  onTestFinished(() => box.close());
  box.letThrough = (_, index) => index < 2;
  // The client is done when it has sent its Finished, which does not arrive.
  const session = await connect(box.url, { auth: alice });
  expect((await failure(session.closed)).code).toBe("alert_internal_error");
  expect(failures).toEqual(["timeout"]);
});

test("a client that starts anew at its address replaces its old session once its handshake is done", async () => {
  const sessions: Session[] = [];
  const opened = await server({
    onsession: (session) => {
      sessions.push(session);
      session.ondatagram = (datagram) => void session.sendDatagram(datagram);
    },
  });
  const box = await Middlebox.to(opened);
  onTestFinished(() => box.close());
  const first = await connect(box.url, { auth: alice });
  expect(text(await ask(first, utf8("one")))).toBe("one");

  // Somebody else at the same address, who cannot finish a handshake, changes nothing.
  const wrong = connect(box.url, { auth: psk({ identity: "alice", key: key.map(() => 1) }) });
  expect((await failure(wrong)).code).toBe("authentication_failed");
  expect(sessions[0]!.isClosed).toBe(false);

  const second = await connect(box.url, { auth: alice });
  expect(text(await ask(second, utf8("two")))).toBe("two");
  expect((await failure(sessions[0]!.closed)).code).toBe("replaced");
  expect(opened.getStats()).toMatchObject({ sessions: 1, accepted: 2 });
});

test("a repeated ClientHello with a good cookie does not disturb the session that it led to", async () => {
  const opened = await server();
  const box = await Middlebox.to(opened);
  onTestFinished(() => box.close());
  const session = await connect(box.url, { auth: alice });
  await ask(session, utf8("one"));
  const hello = box.sent.filter((datagram) => datagram[0] === 22 && datagram[13] === 1).at(-1)!;
  await box.replay(hello);
  await until(() => opened.getStats().drops.duplicate_client_hello === 1);
  expect(text(await ask(session, utf8("two")))).toBe("two");
  expect(opened.getStats()).toMatchObject({ sessions: 1, handshakes: 0 });
});

test("of a session that has ended nothing is kept, its connection IDs neither", async () => {
  const opened = await server();
  const box = await Middlebox.to(opened);
  onTestFinished(() => box.close());
  const session = await connect(box.url, { auth: alice });
  await ask(session, utf8("one"));
  const last = box.sent.at(-1)!;
  session.close();
  await until(() => opened.getStats().sessions === 0);
  const before = opened.getStats().drops.unknown_connection_id ?? 0;
  await box.replay(last);
  await until(() => (opened.getStats().drops.unknown_connection_id ?? 0) > before);
});

test("a flood of garbage costs nothing but its counters", async () => {
  const opened = await server();
  const session = await dial(opened);
  const socket = await bareSocket();
  onTestFinished(() => void socket.close());
  const hellos = await recordHello(opened);
  const { port } = opened.address;
  let seed = 1;
  const random = (below: number) => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
    return (seed >>> 8) % below;
  };
  for (let i = 0; i < 3000; i++) {
    const kind = i % 4;
    let datagram: Uint8Array = Uint8Array.from({ length: random(200) }, () => random(256));
    // Also what begins as DTLS does: protected records with unknown connection IDs, and changed ClientHellos.
    if (kind === 1 && datagram.length > 0) datagram[0] = 0x30 | random(16);
    if (kind === 2 && datagram.length > 0) datagram[0] = 0x20 | random(16);
    if (kind === 3) {
      datagram = hellos[i % hellos.length]!.slice(0, 1 + random(hellos[0]!.length));
      datagram[random(datagram.length)]! ^= 1 << random(8);
    }
    await sendTo(socket, datagram, port);
    if (i % 500 === 0) expect(text(await ask(session, utf8(`${i}`)))).toBe(`${i}`);
  }
  expect(text(await ask(session, utf8("still here")))).toBe("still here");
  const { handshakes, sessions, drops } = opened.getStats();
  expect(sessions).toBe(1);
  expect(handshakes).toBe(0);
  expect(drops.unknown_connection_id).toBeGreaterThan(100);
  expect(drops.not_dtls).toBeGreaterThan(100);
});

test("what comes from port 0, where nobody can be answered, is dropped", async () => {
  const network = new MemoryNetwork();
  const platform = sharing(async () => ({ core, crypto, udp: network }));
  const address = { host: "192.0.2.1", port: 4433 };
  const opened = await listenOn(platform, "udp://192.0.2.1:4433", { auth: alice });
  onTestFinished(() => opened.close());
  network.filter = (datagram, from, to) => [
    { datagram, from: to.port === address.port ? { ...from, port: 0 } : from, to },
  ];
  const attempt = connectOn(platform, opened.url, { auth: alice, timeoutMs: 100 });
  expect((await failure(attempt)).code).toBe("timeout");
  const { drops, socket } = opened.getStats();
  expect(drops.no_port).toBe(socket.received);
  expect(socket).toMatchObject({ received: expect.any(Number), sent: 0 });
  expect(socket.received).toBeGreaterThan(0);
});

test("unfinished handshakes are bounded; the oldest give way, and new clients get in", async () => {
  const opened = await server({ limits: { handshakes: 10 } });
  const session = await dial(opened);
  // Each of these shows that it receives at its address, and then says no more.
  const sockets = await Promise.all(Array.from({ length: 40 }, () => halfOpen(opened)));
  onTestFinished(() => {
    for (const { close } of sockets) close();
  });
  expect(opened.getStats()).toMatchObject({ sessions: 1, handshakes: 10, evictedHandshakes: 30 });
  expect(text(await ask(session, utf8("still here")))).toBe("still here");
  const late = await dial(opened);
  expect(text(await ask(late, utf8("me too")))).toBe("me too");
  expect(opened.getStats().handshakes).toBeLessThanOrEqual(10);
});

/** A client whose handshake gets as far as the server's flight. */
async function halfOpen(opened: Server): Promise<{ readonly port: number; close(): void }> {
  const box = await Middlebox.to(opened);
  const abort = new AbortController();
  // The client's third datagram would finish the handshake.
  box.letThrough = (_, index) => index < 2;
  const attempt = connect(box.url, { auth: alice, signal: abort.signal }).catch(() => {});
  await box.received(2);
  return {
    port: box.port,
    close() {
      abort.abort();
      box.close();
      void attempt;
    },
  };
}

test("of unfinished handshakes it is the oldest that gives way", async () => {
  const evicted: number[] = [];
  const opened = await server({
    limits: { handshakes: 2 },
    onfailure: ({ code }, { port }) => {
      if (code === "evicted") evicted.push(port);
    },
  });
  const ports: number[] = [];
  for (let i = 0; i < 4; i++) {
    const { port, close } = await halfOpen(opened);
    ports.push(port);
    onTestFinished(close);
  }
  await until(() => evicted.length === 2);
  expect(evicted).toEqual(ports.slice(0, 2));
});

test("an unfinished handshake is given up after its time", async () => {
  const failures: string[] = [];
  const opened = await server({ handshakeTimeoutMs: 50, onfailure: ({ code }) => failures.push(code) });
  const { close } = await halfOpen(opened);
  onTestFinished(close);
  await until(() => failures.length > 0);
  expect(failures).toEqual(["timeout"]);
  expect(opened.getStats()).toMatchObject({ sessions: 0, handshakes: 0 });
});

test("sessions are limited in all, for each address, and for each identity", async () => {
  const limitedInAll = await server({ limits: { sessions: 1 } });
  await dial(limitedInAll);
  expect((await failure(dial(limitedInAll, { timeoutMs: 100 }))).code).toBe("timeout");
  expect(limitedInAll.getStats().drops.sessions_limit).toBeGreaterThan(0);

  const limitedByAddress = await server({ limits: { sessionsPerAddress: 2 } });
  const sessions = [await dial(limitedByAddress), await dial(limitedByAddress)];
  expect((await failure(dial(limitedByAddress, { timeoutMs: 100 }))).code).toBe("timeout");
  expect(limitedByAddress.getStats().drops.address_limit).toBeGreaterThan(0);
  sessions[0]!.close();
  await until(() => limitedByAddress.getStats().sessions === 1);
  await dial(limitedByAddress);

  const limitedByIdentity = await server({ limits: { sessionsPerIdentity: 2 }, auth: psk(() => key) });
  const [oldest] = [
    await dial(limitedByIdentity),
    await dial(limitedByIdentity),
    await dial(limitedByIdentity),
  ];
  expect(await oldest!.closed).toEqual({ closeCode: 0, reason: "" });
  await dial(limitedByIdentity, { auth: psk({ identity: "bob", key }) });
  await until(() => limitedByIdentity.getStats().sessions === 3);
});

test("sessions that nobody takes are closed beyond the backlog", async () => {
  const opened = await listen("udp://127.0.0.1:0", { auth: alice, limits: { backlog: 1 } });
  onTestFinished(() => opened.close());
  const [, second] = [await dial(opened), await dial(opened)];
  expect(await second!.closed).toEqual({ closeCode: 0, reason: "" });
});

test("a signal closes the server", async () => {
  const abort = new AbortController();
  const opened = await echoServer({ signal: abort.signal });
  const session = await dial(opened);
  await ask(session, utf8("there?"));
  abort.abort();
  await opened.closed;
  expect(await session.closed).toEqual({ closeCode: 0, reason: "" });
});

test("sessions that are over give up their places in the backlog", async () => {
  const opened = await listen("udp://127.0.0.1:0", { auth: alice, limits: { backlog: 2 } });
  onTestFinished(() => opened.close());
  for (let i = 0; i < 3; i++) {
    const short = await dial(opened);
    short.close();
    while (opened.getStats().accepted <= i || opened.getStats().sessions > 0) await new Promise(setImmediate);
  }
  const session = await dial(opened);
  while (opened.getStats().accepted < 4) await new Promise(setImmediate);
  const { value: gone } = await opened[Symbol.asyncIterator]().next();
  const { value: taken } = await opened[Symbol.asyncIterator]().next();
  expect([gone.isClosed, taken.isClosed, session.isClosed]).toEqual([true, false, false]);
});

test("an iteration that returns takes no more sessions", async () => {
  const opened = await listen("udp://127.0.0.1:0", { auth: alice });
  onTestFinished(() => opened.close());
  const done = { value: undefined, done: true };
  const [first, second] = [opened[Symbol.asyncIterator](), opened[Symbol.asyncIterator]()];
  const [waiting, waitsOn] = [first.next(), second.next()];
  expect(await first.return!()).toEqual(done);
  expect(await waiting).toEqual(done);
  expect(await first.next()).toEqual(done);
  await dial(opened);
  expect((await waitsOn).value.peer).toEqual({ kind: "psk", identity: "alice" });
});

test("look-ups that fail are reported with the reason, those of anybody once a second at most", async () => {
  const errors: SealgramError[] = [];
  const onfailure = (error: SealgramError) => void errors.push(error);
  const broken = () => Promise.reject(new Error("no database"));
  const keys = await server({ auth: psk(broken), onfailure });
  expect((await failure(dial(keys))).code).toBe("alert_internal_error");
  expect(errors.splice(0)).toMatchObject([
    {
      code: "internal_error",
      message: expect.stringMatching(/no database$/),
      cause: new Error("no database"),
    },
  ]);

  const beganMs = performance.now();
  const passwords = await server({ auth: password({ get: broken }), onfailure });
  const logins = Array.from({ length: 3 }, () =>
    dial(passwords, { auth: password({ identity: "alice", password: "secret" }), timeoutMs: 300 }),
  );
  for (const login of logins) expect((await failure(login)).code).toBe("timeout");
  expect(passwords.getStats().drops.failed_look_up).toBeGreaterThan(1);
  expect(errors[0]).toMatchObject({
    code: "failed_look_up",
    message: "a look-up has failed: no database",
    cause: new Error("no database"),
  });
  expect(errors.length).toBeLessThanOrEqual(1 + (performance.now() - beganMs) / 1000);
});
