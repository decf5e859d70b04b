/** A client with a ticket and a password: the ticket first. */
import { expect, onTestFinished, test, vi } from "vitest";
import type { SessionTicket } from "../../src/dtls/config.ts";
import { MemoryRecordStore, password } from "../../src/login/index.ts";
import { failure } from "../endpoint/support.ts";
import { alice, type Ground, grounds, inMemory, quickRecord, serve } from "./support.ts";

const aliceRecord = await quickRecord(alice);

/** How often PBKDF2 has run. */
function derivations(): () => number {
  const spy = vi.spyOn(globalThis.crypto.subtle, "deriveBits");
  onTestFinished(() => spy.mockRestore());
  return () => spy.mock.calls.filter(([algorithm]) => (algorithm as Algorithm).name === "PBKDF2").length;
}

async function ticketFrom({ connect }: Ground, url: string): Promise<SessionTicket> {
  const session = await connect(url, { auth: password(alice) });
  await expect.poll(() => session.ticket).toBeDefined();
  session.close();
  return session.ticket!;
}

test.each(grounds)("a ticket opens the session without PBKDF2 (%s)", async (_name, open) => {
  const ground = open();
  const { server, sessions } = await serve(ground, { auth: password(new MemoryRecordStore([aliceRecord])) });
  const ticket = await ticketFrom(ground, server.url);
  const count = derivations();
  const session = await ground.connect(server.url, { auth: password(alice), ticket });
  expect(session.handshake.resumed).toBe(true);
  expect(session.peer).toEqual({ kind: "password", identity: "" });
  expect(count()).toBe(0);
  await expect.poll(() => sessions.length).toBe(2);
  expect(sessions[1]!.peer).toEqual({ kind: "password", identity: "alice" });
  session.close();
});

test("a ticket shows nobody on the way whose it is", async () => {
  const ground = inMemory();
  const { server } = await serve(ground, { auth: password(new MemoryRecordStore([aliceRecord])) });
  const ticket = await ticketFrom(ground, server.url);
  const seen: Uint8Array[] = [];
  ground.network.filter = (datagram, from, to) => {
    seen.push(datagram.slice());
    return [{ datagram, from, to }];
  };
  const shows = () => seen.some((datagram) => Buffer.from(datagram).includes("alice"));
  (await ground.connect(server.url, { auth: password(alice), ticket })).close();
  expect(shows()).toBe(false);
  (await ground.connect(server.url, { auth: password(alice) })).close();
  expect(shows()).toBe(true);
});

test.each(grounds)(
  "a ticket that is refused costs a second handshake, by the password (%s)",
  async (_name, open) => {
    const ground = open();
    const store = new MemoryRecordStore([aliceRecord]);
    const { server, failures } = await serve(ground, { auth: password(store) });
    const good = await ticketFrom(ground, server.url);
    const unknown = { ...good, ticket: good.ticket.map((byte) => byte ^ 1) };
    const wrongKey = { ...good, psk: good.psk.map((byte) => byte ^ 1) };
    const count = derivations();
    for (const ticket of [unknown, wrongKey]) {
      const session = await ground.connect(server.url, { auth: password(alice), ticket });
      expect(session.handshake.resumed).toBe(false);
      session.close();
    }
    expect(count()).toBe(2);
    await expect.poll(() => failures).toHaveLength(2);

    // A changed password ends the tickets of the old one.
    const changed = { ...alice, password: "changed" };
    store.set(await quickRecord(changed));
    const session = await ground.connect(server.url, { auth: password(changed), ticket: good });
    expect(session.handshake.resumed).toBe(false);
    session.close();
    const error = await failure(ground.connect(server.url, { auth: password(alice), ticket: good }));
    expect(error.code).toBe("authentication_failed");
  },
);

test("a ticket that is too old is not tried", async () => {
  const ground = inMemory();
  const { server, failures } = await serve(ground, { auth: password(new MemoryRecordStore([aliceRecord])) });
  const good = await ticketFrom(ground, server.url);
  const ticket = { ...good, receivedAtMs: good.receivedAtMs - 1000 * good.lifetimeSeconds - 1 };
  const session = await ground.connect(server.url, { auth: password(alice), ticket });
  expect(session.handshake.resumed).toBe(false);
  session.close();
  expect(failures).toEqual([]);
});

test("what is no refusal is not answered with the password", async () => {
  const ground = inMemory();
  const { server } = await serve(ground, { auth: password(new MemoryRecordStore([aliceRecord])) });
  const ticket = await ticketFrom(ground, server.url);
  const clients = new Set<number>();
  ground.network.filter = (datagram, from, to) => {
    if (to.port !== server.address.port) return [{ datagram, from, to }];
    clients.add(from.port);
    return [];
  };
  const timeoutMs = 50;
  const silent = ground.connect(server.url, { auth: password(alice), ticket, timeoutMs });
  expect((await failure(silent)).code).toBe("timeout");
  const stop = new AbortController();
  const aborted = ground.connect(server.url, { auth: password(alice), ticket, signal: stop.signal });
  stop.abort(new RangeError("changed my mind"));
  await expect(aborted).rejects.toThrow(RangeError);
  await server.close();
  ground.network.filter = undefined;
  const nobody = ground.connect(server.url, { auth: password(alice), ticket });
  expect((await failure(nobody)).code).toBe("refused");
  expect(clients.size).toBeLessThanOrEqual(2);
});
