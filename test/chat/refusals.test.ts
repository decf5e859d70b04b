import { expect, test } from "vitest";
import { MemoryNetwork } from "../../src/transport/memory.ts";
import { event, failure, memory, Party } from "./support.ts";

// Alerts before a handshake has proved anything are nobody's word in particular.

const HANDSHAKE = 22;
const CLIENT_HELLO = 1;

/** A plaintext record with a fatal alert (RFC 9147 §4, RFC 9846 §6). */
function alert(description: number): Uint8Array {
  const [fatal, length] = [2, 2];
  return Uint8Array.of(21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, length, fatal, description);
}

/** Answers ClientHellos in place of the server, for so many attempts. */
function forge(network: MemoryNetwork, description: number, times: number): { readonly left: number } {
  const forged = { left: times };
  let port = 0;
  network.filter = (datagram, from, to) => {
    if (datagram[0] !== HANDSHAKE || datagram[13] !== CLIENT_HELLO) return [{ datagram, from, to }];
    // An attempt has a socket of its own.
    if (from.port !== port && forged.left === 0) return [{ datagram, from, to }];
    if (from.port !== port) forged.left--;
    port = from.port;
    network.inject(alert(description), to, from);
    return [];
  };
  return forged;
}

const ALERTS = [
  ["decrypt_error", 51, "authentication_failed"],
  ["protocol_version", 70, "protocol_version"],
  ["unknown_psk_identity", 115, "unknown_identity"],
] as const;

test.each(ALERTS)(
  "one forged %s does not log out who comes back; nor do two",
  async (_name, description, code) => {
    const network = new MemoryNetwork();
    const party = await Party.open(memory(network));
    const olga = await party.owner();
    // With the ticket, and then without it, before the client takes it for a refusal.
    for (const times of [2, 4]) {
      const forged = forge(network, description, times);
      const refused = event(olga, "disconnected", ({ error }) => "code" in error && error.code === code);
      const connected = event(olga, "connected");
      await party.restart();
      await refused;
      await connected;
      expect(forged.left).toBe(0);
    }
    const room = await olga.createRoom("still here");
    expect((await room.send("hello")).position).toBeGreaterThan(0);
  },
  30_000,
);

test("who is refused time and again comes back no more", async () => {
  const network = new MemoryNetwork();
  const party = await Party.open(memory(network));
  const olga = await party.owner();
  const refusals: unknown[] = [];
  olga.on("disconnected", ({ error }) => "code" in error && refusals.push(error.code));
  forge(network, 51, Number.POSITIVE_INFINITY);
  await party.restart();
  expect((await failure(olga.closed)).code).toBe("authentication_failed");
  expect(refusals.filter((code) => code === "authentication_failed")).toHaveLength(2);
  expect(olga.isConnected).toBe(false);
}, 30_000);

test("at the first connection one refusal is enough", async () => {
  const network = new MemoryNetwork();
  const party = await Party.open(memory(network));
  const auth = await party.register({ name: "bob" });
  const forged = forge(network, 51, 2);
  expect((await failure(party.connect(auth))).code).toBe("authentication_failed");
  expect(forged.left).toBe(1);
});
