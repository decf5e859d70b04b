/** A client that changes its socket, as an observer of both its addresses and the server sees it (RFC 9147 §9). */
import { expect, onTestFinished, test } from "vitest";
import { connectOn } from "../../src/endpoint/connect.ts";
import { ConnectionIdTable } from "../../src/endpoint/connection-id-table.ts";
import { listenOn } from "../../src/endpoint/listen.ts";
import { sharing } from "../../src/endpoint/platform.ts";
import type { Session } from "../../src/endpoint/session.ts";
import { MemoryNetwork } from "../../src/transport/memory.ts";
import { core, crypto } from "../sim/pair.ts";
import { alice, ask, utf8 } from "./support.ts";

const SERVER_PORT = 4433;
const ID_BYTES = 8;

test.each([
  ["with streams", {}],
  ["without", { streams: false as const }],
])("no connection ID is seen at two of a client's addresses, %s", async (_, options) => {
  const network = new MemoryNetwork();
  const platform = sharing(async () => ({ core, crypto, udp: network }));
  const sessions: Session[] = [];
  const opened = await listenOn(platform, `udp://192.0.2.1:${SERVER_PORT}`, {
    auth: alice,
    ...options,
    onsession: (each) => {
      sessions.push(each);
      each.ondatagram = (datagram) => void each.sendDatagram(datagram);
    },
  });
  onTestFinished(() => opened.close());
  const session = await connectOn(platform, opened.url, { auth: alice, ...options });
  onTestFinished(() => session.close());
  /** The client's ports that each ID was seen at. */
  const seen = new Map<string, Set<number>>();
  network.filter = (datagram, from, to) => {
    if (to.port === SERVER_PORT && (datagram[0]! & 0xf0) === 0x30) {
      const id = Buffer.from(datagram.slice(1, 1 + ID_BYTES)).toString("hex");
      seen.set(id, (seen.get(id) ?? new Set()).add(from.port));
    }
    return [{ datagram, from, to }];
  };
  const ports = new Set([sessions[0]!.remoteAddress.port]);
  await ask(session, utf8("here"));
  for (let i = 0; i < 40; i++) {
    await session.rebind();
    await ask(session, utf8(`here ${i}`));
    while (ports.has(sessions[0]!.remoteAddress.port)) await new Promise((resolve) => setTimeout(resolve, 1));
    ports.add(sessions[0]!.remoteAddress.port);
    await ask(session, utf8(`there ${i}`));
  }
  expect(ports.size).toBe(41);
  expect(seen.size).toBeGreaterThan(40);
  expect([...seen.values()].filter(({ size }) => size > 1)).toEqual([]);
  expect(opened.getStats().drops).toEqual({});
});

test("a connection ID that is retired is nobody's any more, and the others stay", () => {
  const table = new ConnectionIdTable<string>((length) => crypto.random(length));
  const ids = Array.from({ length: 5 }, () => table.create());
  for (const id of ids) table.add(id, "alice");
  table.retire(ids[1]!, "alice");
  table.retire(ids[4]!, "alice");
  expect(ids.map((id) => table.find(id, 0))).toEqual(["alice", undefined, "alice", "alice", undefined]);
  expect(table.size).toBe(3);
  table.remove("alice");
  expect(table.size).toBe(0);
});
