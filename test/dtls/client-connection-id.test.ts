/** Connection IDs that a server sends to a client (RFC 9147 §4 and §9), from the first flight on. */
import { expect, test } from "vitest";
import type { Bytes } from "../../src/core/bytes.ts";
import { ContentType } from "../../src/core/index.ts";
import { encodeAck } from "../../src/tls/ack.ts";
import { NamedGroup } from "../../src/tls/codepoints.ts";
import { concat, Lab } from "../conformance/scripted-peer.ts";
import { createPair } from "../sim/pair.ts";

const clientId = new Uint8Array(8).fill(1);
const none = new Uint8Array(0);
const { x25519, X25519MLKEM768 } = NamedGroup;

test.each([
  ["at once", x25519, 8],
  ["later", X25519MLKEM768, 8],
  ["at once, of a server without connection IDs", x25519, undefined],
  ["later, of a server without connection IDs", X25519MLKEM768, undefined],
] as const)(
  "a client with an ID takes the flight that follows the ServerHello: %s",
  async (_, group, length) => {
    const pair = createPair({
      client: { groups: [group], keyShareGroups: [group] },
      server: { groups: [group] },
      clientOptions: { connectionId: clientId },
      serverOptions: length === undefined ? {} : { connectionId: new Uint8Array(length).fill(2) },
    });
    expect(await pair.connect()).toBe(true);
    expect(pair.network.nowMs).toBeLessThan(100);
    expect([pair.client.connection.drops, pair.server.connection.drops]).toEqual([{}, {}]);
    pair.server.connection.send(Uint8Array.of(7));
    await pair.until(() => pair.client.received.length > 0);
    expect(pair.client.received).toEqual([Uint8Array.of(7)]);
  },
);

test("records that come before the ServerHello are kept, with a connection ID and without", () => {
  for (const isFirst of [true, false]) {
    const lab = new Lab("client", { clientId, serverId: new Uint8Array(8).fill(2) });
    const held: Bytes[] = [];
    lab.rewrite = (datagram) => {
      held.push(datagram);
      return [];
    };
    lab.begin();
    const [flight] = held;
    const helloBytes = 13 + ((flight![11]! << 8) | flight![12]!);
    const rest = flight!.slice(helloBytes);
    const ack = lab.record(2, ContentType.ack, encodeAck([]));
    const withoutId = lab.record(2, ContentType.handshake, lab.open(rest), none);
    lab.rewrite = (datagram) => [datagram];
    lab.say(isFirst ? rest : concat(ack, withoutId));
    expect(lab.isConnected).toBe(false);
    lab.say(flight!.slice(0, helloBytes));
    expect([lab.isConnected, lab.error]).toEqual([true, undefined]);
    expect(lab.subject.drops).toEqual({});
  }
});

test.each(["client", "server"] as const)(
  "a %s takes records without an ID behind one with it (§4)",
  (role) => {
    const lab = new Lab(role, { clientId, serverId: new Uint8Array(8).fill(2) }).establish();
    const data = (byte: number, id?: Bytes) =>
      lab.record(3, ContentType.application_data, Uint8Array.of(byte), id);
    lab.say(data(1), data(2, none), data(3));
    expect(lab.data).toEqual([1, 2, 3].map((byte) => Uint8Array.of(byte)));
    const other = data(5, new Uint8Array(8).fill(9));
    lab.say(data(4), other, data(6));
    expect(lab.data.length).toBe(4);
    lab.say(data(7, none));
    expect(lab.data.length).toBe(4);
    expect(lab.subject.drops).toEqual({ connection_id: 2 });
  },
);
