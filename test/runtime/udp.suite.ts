import type { Bytes } from "../../src/core/bytes.ts";
import { type ListenOptions, psk, SealgramError } from "../../src/endpoint/api.ts";
import type { Server } from "../../src/endpoint/server.ts";
import type { Session } from "../../src/endpoint/session.ts";
import { ask } from "./ask.ts";
import type { Endpoint, Env } from "./env.ts";
import { bytesEqual, equal, ok, rejects, test } from "./harness.ts";

// Client and server on UDP sockets of the runtime. A runtime without them has to say so, in each of these tests.

const key = new Uint8Array(32).fill(9);
const alice = psk({ identity: "alice", key });
const utf8 = (text: string): Bytes => new TextEncoder().encode(text);
const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

function udpTest(name: string, fn: (endpoint: Endpoint, env: Env) => Promise<void>): void {
  test(`udp: ${name}`, async (env) => {
    if (env.udp === "none") {
      const connecting = env.endpoint.connect("udp://127.0.0.1:4433", { auth: alice });
      equal((await rejects(connecting, SealgramError)).code, "no_udp");
      const listening = env.endpoint.listen("udp://127.0.0.1:0", { auth: alice });
      equal((await rejects(listening, SealgramError)).code, "no_udp");
    } else await fn(env.endpoint, env);
  });
}

/** Runs with a server that sends everything back. */
async function withEcho(
  { listen }: Endpoint,
  fn: (server: Server) => Promise<void>,
  url = "udp://127.0.0.1:0",
  options: Partial<ListenOptions> = {},
): Promise<void> {
  const server = await listen(url, {
    auth: alice,
    onsession: (session) => {
      session.ondatagram = (datagram) => void session.sendDatagram(datagram);
    },
    ...options,
  });
  try {
    await fn(server);
  } finally {
    await server.close();
  }
}

udpTest("datagrams of all sizes come back as they were sent", (endpoint) =>
  withEcho(endpoint, async (server) => {
    const session = await endpoint.connect(server.url, { auth: alice });
    equal(session.peer?.identity, "alice");
    for (const length of [0, 1, 2, 15, 16, 17, 100, 1000, session.maxDatagramSize]) {
      const datagram = Uint8Array.from({ length }, (_, i) => i * 7 + length);
      bytesEqual(await ask(session, datagram), datagram);
    }
    session.close();
    equal((await session.closed).closeCode, 0);
  }),
);

udpTest("IPv6", (endpoint) =>
  withEcho(
    endpoint,
    async (server) => {
      ok(server.url.startsWith("udp://[::1]:"), server.url);
      const session = await endpoint.connect(server.url, { auth: alice });
      equal(text(await ask(session, utf8("six"))), "six");
      session.close();
    },
    "udp://[::1]:0",
  ),
);

udpTest("one socket for IPv4 and IPv6", (endpoint) =>
  withEcho(
    endpoint,
    async (server) => {
      const { port } = server.address;
      for (const host of ["127.0.0.1", "[::1]", "localhost", "[::ffff:127.0.0.1]"]) {
        const session = await endpoint.connect(`udp://${host}:${port}`, { auth: alice });
        equal(text(await ask(session, utf8(host))), host);
        await session.rebind();
        equal(text(await ask(session, utf8("moved"))), "moved");
        session.close();
      }
      equal(server.getStats().accepted, 4);
    },
    "udp://[::]:0",
  ),
);

udpTest("a wrong key and an unknown identity", (endpoint) =>
  withEcho(endpoint, async (server) => {
    for (const auth of [psk({ identity: "alice", key: new Uint8Array(32) }), psk({ identity: "bob", key })]) {
      const error = await rejects(endpoint.connect(server.url, { auth }), SealgramError);
      equal(error.code, "authentication_failed");
    }
    equal(server.getStats().sessions, 0);
  }),
);

udpTest("a port where nobody listens", async (endpoint, { udp }) => {
  const server = await endpoint.listen("udp://127.0.0.1:0", { auth: alice });
  const { url } = server;
  await server.close();
  const timeoutMs = udp === "connected" ? 60_000 : 100;
  const error = await rejects(endpoint.connect(url, { auth: alice, timeoutMs }), SealgramError);
  equal(error.code, udp === "connected" ? "refused" : "timeout");
});

udpTest("a server that is gone in the middle of a session", (endpoint) =>
  withEcho(endpoint, async (server) => {
    const session = await endpoint.connect(server.url, { auth: alice, idleTimeoutMs: 500 });
    equal(text(await ask(session, utf8("there"))), "there");
    await server.abort();
    // Anybody can say that nobody listens there: it is for the idle time-out to end the session.
    const timer = setInterval(() => {
      if (!session.isClosed) session.sendDatagram(utf8("gone?"));
    }, 20);
    equal((await rejects(session.closed, SealgramError)).code, "idle_timeout");
    clearInterval(timer);
  }),
);

udpTest("what the system does not send is lost, and nothing else happens", (endpoint, { systemSockets }) =>
  withEcho(endpoint, async (server) => {
    const ofServer = systemSockets!.at(-1)!;
    const session = await endpoint.connect(server.url, { auth: alice });
    const ofClient = systemSockets!.at(-1)!;
    equal(text(await ask(session, utf8("there"))), "there");
    // No room, too long, no way any more, forbidden, and what the next version of a system makes of it.
    for (const code of ["ENOBUFS", "EMSGSIZE", "ENETDOWN", "ENETUNREACH", "EHOSTUNREACH", "EPERM", "EIO"]) {
      for (const socket of [ofClient, ofServer]) {
        socket.fail(code);
        const asking = ask(session, utf8(code));
        await new Promise((resolve) => setTimeout(resolve, 50));
        socket.fail(undefined);
        while (text(await asking) !== code) await ask(session, utf8(code));
      }
    }
    ok(server.getStats().socket.errors >= 7, "errors are counted");
    equal(server.getStats().accepted, 1);
    session.close();
  }),
);

udpTest(
  "a client whose socket is closed by something else goes on from another",
  (endpoint, { systemSockets }) =>
    withEcho(endpoint, async (server) => {
      const session = await endpoint.connect(server.url, { auth: alice });
      equal(text(await ask(session, utf8("one"))), "one");
      systemSockets!.at(-1)!.close();
      equal(text(await ask(session, utf8("two"))), "two");
      equal(server.getStats().accepted, 1);
      session.close();
      await session.closed;
    }),
);

udpTest(
  "a server whose socket is closed by something else has failed",
  async (endpoint, { systemSockets }) => {
    const sessions: Session[] = [];
    const server = await endpoint.listen("udp://127.0.0.1:0", {
      auth: alice,
      onsession: (session) => {
        sessions.push(session);
        session.ondatagram = (datagram) => void session.sendDatagram(datagram);
      },
    });
    const socket = systemSockets!.at(-1)!;
    const session = await endpoint.connect(server.url, { auth: alice, idleTimeoutMs: 300 });
    equal(text(await ask(session, utf8("one"))), "one");
    const ends = [server.closed, sessions[0]!.closed].map((closed) => rejects(closed, SealgramError));
    socket.close();
    // Not every runtime tells before something is sent.
    sessions[0]!.sendDatagram(utf8("lost"));
    for (const end of ends) equal((await end).code, "carrier_failed");
    equal((await rejects(session.closed, SealgramError)).code, "idle_timeout");
    await server.close();
  },
);

udpTest("an abort", async (endpoint) => {
  const signal = AbortSignal.abort(new RangeError("changed my mind"));
  await rejects(endpoint.connect("udp://127.0.0.1:9", { auth: alice, signal }), RangeError);
});

udpTest("addresses that the system does not give out", (endpoint) =>
  withEcho(endpoint, async (server) => {
    const code = async (url: string) => {
      const error = await rejects(endpoint.listen(url, { auth: alice }), Error);
      return (error as { code?: string }).code;
    };
    equal(await code(server.url), "EADDRINUSE");
    equal(await code("udp://192.0.2.1:0"), "EADDRNOTAVAIL");
    equal(await code("udp://does-not-exist.invalid:0"), "unreachable");
  }),
);

udpTest("a hundred clients at once", (endpoint) =>
  withEcho(endpoint, async (server) => {
    const connecting = Array.from({ length: 100 }, () =>
      endpoint.connect(server.url, { auth: alice, timeoutMs: 60_000 }),
    );
    const sessions = await Promise.all(connecting);
    const answers = await Promise.all(sessions.map((session, i) => ask(session, utf8(`${i}`))));
    for (const [i, answer] of answers.entries()) equal(text(answer), `${i}`);
    equal(server.getStats().sessions, 100);
    for (const session of sessions) session.close();
  }),
);

udpTest("a client that goes on from another socket keeps its session", (endpoint) =>
  withEcho(endpoint, async (server) => {
    const session = await endpoint.connect(server.url, { auth: alice });
    equal(text(await ask(session, utf8("one"))), "one");
    await session.rebind();
    equal(text(await ask(session, utf8("two"))), "two");
    const { sessions, accepted } = server.getStats();
    equal(sessions, 1);
    equal(accepted, 1);
    session.close();
  }),
);

udpTest("a server that closes ends its sessions and its iteration", async (endpoint) => {
  const server = await endpoint.listen("udp://127.0.0.1:0", { auth: alice });
  const session = await endpoint.connect(server.url, { auth: alice });
  for await (const accepted of server) {
    equal(accepted.peer?.kind, "psk");
    void server.close();
  }
  await server.closed;
  equal((await session.closed).closeCode, 0);
});

udpTest("a burst larger than any socket buffer loses datagrams, and nothing else", (endpoint) =>
  withEcho(endpoint, async (server) => {
    const session = await endpoint.connect(server.url, { auth: alice });
    const datagram = new Uint8Array(1000);
    for (let i = 0; i < 10_000; i++) session.sendDatagram(datagram);
    const { datagramsSent, droppedOutgoing } = await session.getStats();
    equal(datagramsSent + droppedOutgoing, 10_000);
    // The last ones may be among those that are lost.
    let answered: (() => void) | undefined;
    const done = new Promise<void>((resolve) => {
      answered = resolve;
    });
    session.ondatagram = (answer) => {
      if (answer.length === 3) answered!();
    };
    const writer = session.datagrams.writable.getWriter();
    const timer = setInterval(() => void writer.write(utf8("end")).catch(() => {}), 10);
    await done;
    clearInterval(timer);
    session.close();
  }),
);
