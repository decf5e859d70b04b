import type { Bytes } from "../../src/core/bytes.ts";
import { RecordCore } from "../../src/core/index.ts";
import { createCoreHashes } from "../../src/crypto/core-hashes.ts";
import { runtimeCrypto } from "../../src/crypto/runtime-crypto.ts";
import { createProvider } from "../../src/crypto/webcrypto.ts";
import {
  exportPsk,
  MemoryRecordStore,
  type PasswordOptions,
  password,
  psk,
  register,
  SealgramError,
} from "../../src/endpoint/api.ts";
import { type ConnectOptions, connectOn } from "../../src/endpoint/connect.ts";
import { type ListenOptions, listenOn } from "../../src/endpoint/listen.ts";
import { sharing } from "../../src/endpoint/platform.ts";
import type { Server } from "../../src/endpoint/server.ts";
import type { Session } from "../../src/endpoint/session.ts";
import { MemoryNetwork } from "../../src/transport/memory.ts";
import { ask } from "./ask.ts";
import type { Endpoint } from "./env.ts";
import { bytesEqual, equal, ok, rejects, test } from "./harness.ts";

// Logins by password: on a network in memory with WebCrypto everywhere, and on UDP sockets with what the runtime's entry
// point stands on, where there are any.

const alice: PasswordOptions = { identity: "alice", password: "correct horse" };
const utf8 = (text: string): Bytes => new TextEncoder().encode(text);

const inMemory = (): Endpoint => {
  const network = new MemoryNetwork();
  const platform = sharing(async () => {
    const core = await RecordCore.load();
    const crypto = createProvider({ crypto: await runtimeCrypto(), hashes: createCoreHashes(core) });
    return { core, crypto, udp: network };
  });
  return {
    connect: (url: string | URL, options: ConnectOptions) => connectOn(platform, url, options),
    listen: (url: string | URL, options: ListenOptions) => listenOn(platform, url, options),
  };
};

function loginTest(name: string, fn: (endpoint: Endpoint) => Promise<void>): void {
  test(`login, in memory: ${name}`, () => fn(inMemory()));
  test(`login, UDP: ${name}`, async (env) => {
    if (env.udp !== "none") await fn(env.endpoint);
    else {
      const connecting = env.endpoint.connect("udp://127.0.0.1:4433", { auth: password(alice) });
      equal((await rejects(connecting, SealgramError)).code, "no_udp");
    }
  });
}

let record: ReturnType<typeof register> | undefined;
const users = async () => {
  record ??= register({ ...alice, iterations: 30_000 });
  return new MemoryRecordStore([await record]);
};

/** Runs with a server that sends everything back, and with the sessions that it has had. */
async function withServer(
  { listen }: Endpoint,
  auth: ListenOptions["auth"],
  fn: (server: Server, sessions: Session[]) => Promise<void>,
): Promise<void> {
  const sessions: Session[] = [];
  const server = await listen("udp://127.0.0.1:0", {
    auth,
    onsession: (session) => {
      sessions.push(session);
      session.ondatagram = (datagram) => void session.sendDatagram(datagram);
    },
  });
  try {
    await fn(server, sessions);
  } finally {
    await server.close();
  }
}

/** Settles when the client has its ticket. */
function ticketOf(session: Session): Promise<NonNullable<Session["ticket"]>> {
  return new Promise((resolve) => {
    if (session.ticket !== undefined) resolve(session.ticket);
    session.onticket = resolve;
  });
}

loginTest("the right password, a ticket afterwards, and a key for later", async (endpoint) => {
  const keys = new Map<string, Uint8Array>();
  await withServer(endpoint, password(await users()), async (server, sessions) => {
    const session = await endpoint.connect(server.url, { auth: password(alice) });
    bytesEqual(await ask(session, utf8("hello")), utf8("hello"));
    equal(sessions[0]!.peer?.kind, "password");
    equal(sessions[0]!.peer?.identity, "alice");
    const ticket = await ticketOf(session);
    const own = exportPsk(session);
    bytesEqual(exportPsk(sessions[0]!).key as Bytes, own.key as Bytes);
    keys.set(own.identity, own.key);
    session.close();
    const again = await endpoint.connect(server.url, { auth: password(alice), ticket });
    equal(again.handshake.resumed, true);
    bytesEqual(await ask(again, utf8("again")), utf8("again"));
    equal(sessions[1]!.peer?.identity, "alice");
    again.close();
    await withServer(
      endpoint,
      psk((identity) => keys.get(identity)),
      async (later) => {
        const third = await endpoint.connect(later.url, { auth: psk(own) });
        bytesEqual(await ask(third, utf8("later")), utf8("later"));
        third.close();
      },
    );
  });
});

loginTest("a wrong password and an unknown user fail alike", async (endpoint) => {
  await withServer(endpoint, password(await users(), { iterations: 30_000 }), async (server) => {
    for (const change of [{ password: "wrong" }, { identity: "carol" }]) {
      const auth = password({ ...alice, ...change });
      const error = await rejects(endpoint.connect(server.url, { auth }), SealgramError);
      equal(error.code, "authentication_failed");
    }
    equal(server.getStats().accepted, 0);
  });
});

loginTest("a changed password ends sessions and tickets", async (endpoint) => {
  const store = await users();
  await withServer(endpoint, password(store, { endSessions: true }), async (server, sessions) => {
    const session = await endpoint.connect(server.url, { auth: password(alice) });
    const ticket = await ticketOf(session);
    bytesEqual(await ask(session, utf8("hello")), utf8("hello"));
    store.set(await register({ ...alice, iterations: 30_000 }));
    equal((await session.closed).closeCode, 0);
    equal((await rejects(sessions[0]!.closed, SealgramError)).code, "revoked");
    const again = await endpoint.connect(server.url, { auth: password(alice), ticket });
    equal(again.handshake.resumed, false);
    again.close();
  });
});

test("login: the nodes of a mesh share one password, of 600,000 rounds, and nothing waits for that", async () => {
  const { connect, listen } = inMemory();
  const nodes = [password({ password: "of all nodes" }), password({ password: "of all nodes" })] as const;
  let turns = 0;
  const ticker = setInterval(() => turns++, 1);
  const servers = await Promise.all(nodes.map((auth) => listen("udp://127.0.0.1:0", { auth })));
  const sessions = await Promise.all([
    connect(servers[0]!.url, { auth: nodes[1], timeoutMs: 60_000 }),
    connect(servers[1]!.url, { auth: nodes[0], timeoutMs: 60_000 }),
  ]);
  clearInterval(ticker);
  for (const { peer } of sessions) equal(peer?.kind, "password");
  ok(turns > 10, `${turns} turns`);
  for (const server of servers) await server.close();
});
