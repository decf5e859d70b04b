/** The sessions of one user, and what a changed password does to them. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { psk } from "../../src/endpoint/node-index.ts";
import {
  MemoryRecordStore,
  type PasswordOptions,
  password,
  type RecordListener,
  type RecordStore,
} from "../../src/login/index.ts";
import { FileRecordStore } from "../../src/login/node-file-store.ts";
import { alice, bob, ending, grounds, inMemory, quickRecord, serve } from "./support.ts";

const [aliceRecord, bobRecord] = await Promise.all([quickRecord(alice), quickRecord(bob)]);
const changed: PasswordOptions = { ...alice, password: "incorrect horse" };
const changedRecord = await quickRecord(changed);
const users = () => new MemoryRecordStore([aliceRecord, bobRecord]);
const named = ({ identity }: PasswordOptions) => ({ kind: "password" as const, identity: identity! });

describe.each(grounds)("sessions of one user, %s", (_name, open) => {
  test("are found by name, and closed at once: the others go on", async () => {
    const ground = open();
    const { server, sessions } = await serve(ground, { auth: password(users()) });
    const clients = [];
    for (const whom of [alice, alice, bob]) {
      clients.push(await ground.connect(server.url, { auth: password(whom) }));
    }
    await expect.poll(() => sessions.length).toBe(3);
    expect(server.sessionsOf(named(alice))).toEqual(sessions.slice(0, 2));
    expect(server.sessionsOf(sessions[2]!.peer!)).toEqual([sessions[2]]);
    expect(server.sessionsOf({ kind: "psk", identity: "alice" })).toEqual([]);
    expect(server.closeSessionsOf(named(alice))).toBe(2);
    expect(await Promise.all(clients.slice(0, 2).map(ending))).toEqual(["closed", "closed"]);
    expect(await Promise.all(sessions.slice(0, 2).map(ending))).toEqual(["closed", "closed"]);
    expect(server.sessionsOf(named(alice))).toEqual([]);
    expect(server.closeSessionsOf(named(alice))).toBe(0);
    expect(sessions[2]!.isClosed).toBe(false);
    // Alice was not told to stay away.
    const back = await ground.connect(server.url, { auth: password(alice) });
    expect(back.isClosed).toBe(false);
    for (const each of [back, clients[2]!]) each.close();
  });

  test("are closed but for one, with a word that says why", async () => {
    const ground = open();
    const { server, sessions } = await serve(ground, { auth: password(users()) });
    const connect = () => ground.connect(server.url, { auth: password(alice) });
    const [first, second] = [await connect(), await connect()];
    await expect.poll(() => sessions.length).toBe(2);
    const info = { closeCode: 7, reason: "another password" };
    expect(server.closeSessionsOf(named(alice), { except: sessions[1]!, ...info })).toBe(1);
    expect(await first.closed).toEqual(info);
    expect(server.sessionsOf(named(alice))).toEqual([sessions[1]]);
    expect(second.isClosed).toBe(false);
    second.close();
  });

  test("end when the password is changed or removed, if asked", async () => {
    const ground = open();
    const store = users();
    const { server, sessions } = await serve(ground, { auth: password(store, { endSessions: true }) });
    const first = await ground.connect(server.url, { auth: password(alice) });
    const other = await ground.connect(server.url, { auth: password(bob) });
    await expect.poll(() => sessions.length).toBe(2);
    store.set({ ...aliceRecord });
    expect(sessions.map(({ isClosed }) => isClosed)).toEqual([false, false]);
    store.set(changedRecord);
    expect(await ending(sessions[0]!)).toBe("revoked");
    expect(await ending(first)).toBe("closed");
    const second = await ground.connect(server.url, { auth: password(changed) });
    await expect.poll(() => sessions.length).toBe(3);
    store.delete("alice");
    expect(await ending(sessions[2]!)).toBe("revoked");
    expect(await ending(second)).toBe("closed");
    expect(server.sessionsOf(named(alice))).toEqual([]);
    expect([other.isClosed, sessions[1]!.isClosed]).toEqual([false, false]);
    other.close();
  });

  test("go on if not", async () => {
    const ground = open();
    const store = users();
    const { server, sessions } = await serve(ground, { auth: password(store) });
    const session = await ground.connect(server.url, { auth: password(alice) });
    store.set(changedRecord);
    store.delete("alice");
    const other = await ground.connect(server.url, { auth: password(bob) });
    await expect.poll(() => sessions.length).toBe(2);
    expect(server.sessionsOf(named(alice))).toEqual([sessions[0]]);
    for (const each of [session, other]) each.close();
  });

  test("end when another process changes the file of users", async () => {
    const directory = mkdtempSync(join(tmpdir(), "sealgram-users-"));
    onTestFinished(() => rmSync(directory, { recursive: true }));
    const path = join(directory, "users.json");
    const elsewhere = await FileRecordStore.open(path);
    for (const record of [aliceRecord, bobRecord]) await elsewhere.set(record);
    const ground = open();
    const store = await FileRecordStore.open(path);
    const { server, sessions } = await serve(ground, { auth: password(store, { endSessions: true }) });
    const first = await ground.connect(server.url, { auth: password(alice) });
    const other = await ground.connect(server.url, { auth: password(bob) });
    await elsewhere.set(changedRecord);
    expect(await ending(first)).toBe("closed");
    expect(await ending(sessions[0]!)).toBe("revoked");
    expect(other.isClosed).toBe(false);
    other.close();
  });
});

/** A store whose answers wait for a sign. */
class SlowStore implements RecordStore {
  readonly records: MemoryRecordStore = users();
  readonly watch = (listener: RecordListener) => this.records.watch(listener);
  gate: Promise<void> = Promise.resolve();
  async get(identity: string) {
    await this.gate;
    return this.records.get(identity);
  }
}

describe("a password that is changed while its user logs in", () => {
  /** A login whose client is stopped before its Finished arrives. */
  async function stopped(auth: PasswordOptions, store: RecordStore) {
    const ground = inMemory();
    const { server, sessions, failures } = await serve(ground, {
      auth: password(store, { endSessions: true }),
    });
    const held: (() => void)[] = [];
    let isHolding = true;
    ground.network.filter = (datagram, from, to) => {
      // Protected, to the server.
      if (!isHolding || to.port !== server.address.port || datagram[0]! < 32) return [{ datagram, from, to }];
      const copy = datagram.slice();
      held.push(() => ground.network.inject(copy, from, to));
      return [];
    };
    const connecting = ground.connect(server.url, { auth: password(auth) });
    await expect.poll(() => held.length).toBeGreaterThan(0);
    const release = () => {
      isHolding = false;
      for (const each of held) each();
    };
    return { server, sessions, failures, connecting, release };
  }

  test("opens no session that the old one has begun", async () => {
    const store = users();
    const { server, sessions, failures, connecting, release } = await stopped(alice, store);
    store.set(changedRecord);
    release();
    const session = await connecting;
    expect(await ending(session)).toBe("closed");
    await expect.poll(() => failures).toEqual(["revoked"]);
    expect(sessions).toEqual([]);
    expect(server.getStats().sessions).toBe(0);
  });

  test("opens none either when its sessions are closed by name", async () => {
    const { server, sessions, connecting, release } = await stopped(alice, users());
    expect(server.closeSessionsOf(named(alice))).toBe(0);
    release();
    expect(await ending(await connecting)).toBe("closed");
    expect(sessions).toEqual([]);
  });

  test("opens one that began before but has looked at the new record", async () => {
    const ground = inMemory();
    const store = new SlowStore();
    const { server, sessions } = await serve(ground, { auth: password(store, { endSessions: true }) });
    store.records.set(changedRecord);
    let open!: () => void;
    ground.network.filter = (datagram, from, to) => {
      // The second ClientHello: message_seq 1.
      const isSecond = to.port === server.address.port && datagram[0] === 22 && datagram[18] === 1;
      if (isSecond) {
        store.gate = new Promise((resolve) => {
          open = resolve;
        });
      }
      return [{ datagram, from, to }];
    };
    const connecting = ground.connect(server.url, { auth: password(changed) });
    await expect.poll(() => server.getStats().handshakes).toBe(1);
    // Reported while the handshake is under way, as it may be by a store that is slow to notice.
    store.records.set(aliceRecord);
    store.records.set(changedRecord);
    open();
    const session = await connecting;
    await expect.poll(() => sessions.length).toBe(1);
    expect([session.isClosed, sessions[0]!.isClosed]).toEqual([false, false]);
    session.close();
  });
});

test("a server that is closed, or does not open, watches no longer", async () => {
  const watching = new Set<RecordListener>();
  const store: RecordStore = {
    get: () => undefined,
    watch(listener) {
      watching.add(listener);
      return () => watching.delete(listener);
    },
  };
  const ground = inMemory();
  const auth = password(store, { endSessions: true });
  const server = await ground.listen("udp://127.0.0.1:7000", { auth });
  expect(watching.size).toBe(1);
  await expect(ground.listen("udp://127.0.0.1:7000", { auth })).rejects.toThrow("in use");
  expect(watching.size).toBe(1);
  await server.close();
  await expect.poll(() => watching.size).toBe(0);
});

test("a store that tells nothing of changes cannot end sessions", () => {
  const mute: RecordStore = { get: () => undefined };
  expect(() => password(mute, { endSessions: true })).toThrow(TypeError);
  expect(psk({ identity: "alice", key: new Uint8Array(16) }).revocations).toBeUndefined();
});
