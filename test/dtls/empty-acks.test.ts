/** ACKs that name no record (RFC 9147 §7.1): they hasten a retransmission, and cannot set off a flood. */
import { expect, test } from "vitest";
import { ContentType } from "../../src/core/index.ts";
import { encodeAck } from "../../src/tls/ack.ts";
import { core, createPair, type Pair } from "../sim/pair.ts";

/** In the clear, as a client sends it that cannot read what follows the ServerHello, or anybody in its name. */
function emptyAck(sequenceNumber: number) {
  const content = encodeAck([]);
  const datagram = new Uint8Array(13 + content.length);
  core.writePlaintext(ContentType.ack, sequenceNumber, content, datagram, 0);
  return datagram;
}

/** A server that has sent its flight, of which nothing arrives. */
async function waitingServer(): Promise<Pair> {
  const pair = createPair();
  pair.network.filter = ({ from }) => from === "client";
  pair.client.connection.start();
  await pair.until(() => pair.network.bytesSent("server", "client") > 0, 100);
  return pair;
}

test("the first empty ACK is answered by the flight at once", async () => {
  const { network, server } = await waitingServer();
  const before = network.bytesSent("server", "client");
  server.receive(emptyAck(1), "client");
  expect(network.bytesSent("server", "client")).toBeGreaterThanOrEqual(2 * before);
});

test("a thousand empty ACKs in two seconds are answered as a few are, and do not end the handshake", async () => {
  const { network, server, client, until } = await waitingServer();
  const flightBytes = network.bytesSent("server", "client");
  for (let i = 1; i <= 1000; i++) {
    server.receive(emptyAck(i), "client");
    await until(() => false, 2);
  }
  expect(network.bytesSent("server", "client")).toBeLessThanOrEqual(8 * flightBytes);
  expect(server.isClosed).toBe(false);
  network.filter = undefined;
  expect(await until(() => client.connected !== undefined && server.connected !== undefined)).toBe(true);
});
