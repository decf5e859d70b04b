/**
 * Wrong logins from as many addresses, at a server as `listen` makes it. The server's side is all
 * there; the attacker, who wants it cheap, has made two ClientHellos once and changes identity and cookie in them.
 */
import { expect } from "vitest";
import type { Bytes } from "../../src/core/bytes.ts";
import type { Server } from "../../src/endpoint/server.ts";
import { LoginThrottle, MemoryRecordStore, password } from "../../src/login/index.ts";
import type { RemoteAddress } from "../../src/transport/types.ts";
import { ask } from "../endpoint/support.ts";
import { inMemory, iterations, quickRecord } from "./support.ts";

const PLACES = 100;
const HANDSHAKES = 64;

const alice = { identity: "alice-00", password: "correct horse" };
const bob = { identity: "bob-0000", password: "battery staple" };
const utf8 = (text: string): Bytes => new TextEncoder().encode(text);

/** Where a sequence of bytes is, which has to be there. */
function find(bytes: Bytes, part: Uint8Array): number {
  const at = Buffer.from(bytes).indexOf(part);
  if (at === -1) throw new Error("not there");
  return at;
}

function begun(server: Server): number {
  const { handshakes, failedHandshakes } = server.getStats();
  return handshakes + failedHandshakes;
}

/** An address for each attempt. */
const addressOf = (i: number): RemoteAddress => ({
  host: `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`,
  port: 1024 + (i % 60_000),
});

/** Memory is bounded, and nobody else is kept out. */
export async function attackLogins(attempts: number): Promise<void> {
  const ground = inMemory();
  const { network } = ground;
  const throttle = new LoginThrottle({ places: PLACES });
  const store = new MemoryRecordStore(await Promise.all([alice, bob].map(quickRecord)));
  const outcomes = new Map<string, number>();
  const limits = { handshakes: HANDSHAKES };
  const at = { host: "192.0.2.1", port: 4433 };
  const server = await ground.listen(`udp://${at.host}:${at.port}`, {
    auth: password(store, { throttle, iterations }),
    limits,
    onsession: (session) => {
      session.ondatagram = (datagram) => void session.sendDatagram(datagram);
    },
    onfailure: ({ code }) => outcomes.set(code, (outcomes.get(code) ?? 0) + 1),
  });
  const url = server.url;

  // What the attacker learns by trying once like anybody else.
  const hellos: Bytes[] = [];
  const retries: Bytes[] = [];
  network.filter = (datagram, from, to) => {
    if (datagram[0] === 22) (to.port === at.port ? hellos : retries).push(new Uint8Array(datagram));
    return [{ datagram, from, to }];
  };
  const template = { identity: "mallory0", password: "guess" };
  await expect(ground.connect(url, { auth: password(template) })).rejects.toThrow();
  const [first, second] = hellos as [Bytes, Bytes];
  const [retry] = retries as [Bytes];
  const name = utf8(template.identity);
  const [firstName, secondName] = [find(first, name), find(second, name)];
  // In the HelloRetryRequest the cookie comes behind its type, 44, and two lengths; and so it does in the answer.
  const extension = find(second, retry.subarray(find(retry, Uint8Array.of(0, 44))).subarray(0, 6));
  const cookieInRetry = find(retry, Uint8Array.of(0, 44)) + 6;
  const cookieLength = (second[extension + 4]! << 8) | second[extension + 5]!;
  const cookieInSecond = extension + 6;

  const waiting = new Map<string, Bytes>();
  network.filter = (datagram, from, to) => {
    const hello = waiting.get(to.host);
    if (hello === undefined) return [{ datagram, from, to }];
    if (datagram[0] === 22 && datagram.length === retry.length) {
      waiting.delete(to.host);
      hello.set(datagram.subarray(cookieInRetry, cookieInRetry + cookieLength), cookieInSecond);
      network.inject(hello, to, at);
    }
    return [];
  };
  const attack = (i: number, identity: string) => {
    first.set(utf8(identity), firstName);
    second.set(utf8(identity), secondName);
    const from = addressOf(i);
    waiting.set(from.host, second.slice());
    network.inject(first, from, at);
  };

  const [alices, bobs] = [password(alice), password(bob)];
  const known = await ground.connect(url, { auth: alices });
  await expect.poll(() => known.ticket).toBeDefined();
  const { ticket } = known;
  let largest = 0;
  for (let i = 0; i < attempts; i++) {
    // Most of them at alice, some at users that may or may not exist.
    attack(i, i % 50 === 0 ? `user${String(i / 50).padStart(4, "0")}` : alice.identity);
    if (i % 50 !== 0) continue;
    // No faster than handshakes begin: what is beyond that is not a login.
    while (begun(server) < i - 10) await new Promise((resolve) => setTimeout(resolve, 1));
    largest = Math.max(largest, throttle.size);
    expect(server.getStats().handshakes).toBeLessThanOrEqual(HANDSHAKES);
    if (i % 10_000 !== 0) continue;
    expect(Buffer.from(await ask(known, utf8(`still here at ${i}`))).toString()).toBe(`still here at ${i}`);
    for (const [auth, how] of [
      [bobs, {}],
      [alices, {}],
      [alices, { ticket }],
    ] as const) {
      const session = await ground.connect(url, { auth, ...how });
      expect(session.handshake.resumed).toBe("ticket" in how);
      session.close();
    }
  }
  await expect.poll(() => waiting.size).toBe(0);
  const admitted = attempts / 50 + 40;
  expect(outcomes.get("login_throttled")).toBeGreaterThan(attempts - admitted);
  // Whoever was admitted never finishes, and gives way to the next.
  const { handshakes, failedHandshakes } = server.getStats();
  expect(handshakes + failedHandshakes).toBe(attempts + 1);
  expect(throttle.size).toBeLessThanOrEqual(14 * PLACES);
  expect(largest).toBeLessThanOrEqual(14 * PLACES);
  // So many that the bound was reached: those at addresses and identities that are new each time.
  expect(largest).toBeGreaterThan(3 * PLACES - 1);
  known.close();
  await server.close();
}
