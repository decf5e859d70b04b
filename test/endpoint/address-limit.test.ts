import { expect, onTestFinished, test } from "vitest";
import { connectOn } from "../../src/endpoint/connect.ts";
import { listenOn } from "../../src/endpoint/listen.ts";
import { sharing } from "../../src/endpoint/platform.ts";
import { MemoryNetwork } from "../../src/transport/memory.ts";
import { core, crypto } from "../sim/pair.ts";
import { alice, failure } from "./support.ts";

const SERVER = { host: "2001:db8:5::1", port: 4433 };
const url = `udp://[${SERVER.host}]:${SERVER.port}`;

/** A network where each client has the address that its turn gives it. */
function manyAddresses(addresses: readonly string[]) {
  const network = new MemoryNetwork();
  const hosts = new Map<number, string>();
  network.filter = (datagram, from, to) => {
    if (to.port !== SERVER.port) return [{ datagram, from, to: { ...to, host: SERVER.host } }];
    if (!hosts.has(from.port)) hosts.set(from.port, addresses[hosts.size]!);
    return [{ datagram, from: { ...from, host: hosts.get(from.port)! }, to }];
  };
  return sharing(async () => ({ core, crypto, udp: network }));
}

test("the addresses of one IPv6 network have the sessions of one address together", async () => {
  const platform = manyAddresses(["2001:db8::1", "2001:db8::2", "2001:db8::3", "2001:db8:0:1::1"]);
  const server = await listenOn(platform, url, { auth: alice, limits: { sessionsPerAddress: 2 } });
  onTestFinished(() => server.close());
  const dial = (timeoutMs = 5_000) => connectOn(platform, url, { auth: alice, timeoutMs });
  await dial();
  await dial();
  expect((await failure(dial(100))).code).toBe("timeout");
  expect(server.getStats().drops.address_limit).toBeGreaterThan(0);
  await dial();
  expect(server.getStats().sessions).toBe(3);
});

test("a session that moves counts where it is", async () => {
  const platform = manyAddresses(["2001:db8::1", "2001:db8:1::1", "2001:db8::2", "2001:db8:1::2"]);
  const server = await listenOn(platform, url, { auth: alice, limits: { sessionsPerAddress: 1 } });
  onTestFinished(() => server.close());
  const dial = (timeoutMs = 5_000) => connectOn(platform, url, { auth: alice, timeoutMs });
  const first = await dial();
  const [ofServer] = server.sessionsOf({ kind: "psk", identity: "alice" });
  await first.rebind();
  await expect.poll(() => ofServer!.remoteAddress.host).toBe("2001:db8:1::1");
  // There is room where it was, and none where it is.
  await dial();
  expect((await failure(dial(100))).code).toBe("timeout");
  expect(server.getStats().drops.address_limit).toBeGreaterThan(0);
});
