/**
 * A client that begins anew at the address of a handshake that is not over (RFC 9147 §5.11): no timer of either side runs
 * here, so that nothing but the server's answers brings it on.
 */
import { expect, onTestFinished, test } from "vitest";
import { asClient } from "../../src/dtls/client.ts";
import { type ClientConfig, commonDefaults } from "../../src/dtls/config.ts";
import { Connection } from "../../src/dtls/connection.ts";
import { listenOn } from "../../src/endpoint/listen.ts";
import { sharing } from "../../src/endpoint/platform.ts";
import type { Server } from "../../src/endpoint/server.ts";
import { NamedGroup } from "../../src/tls/codepoints.ts";
import { MemoryNetwork } from "../../src/transport/memory.ts";
import type { UdpCarrier } from "../../src/transport/types.ts";
import { core, crypto, sharedPsk } from "../sim/pair.ts";
import { alice, key } from "./support.ts";

const remote = { host: "192.0.2.1", port: 4433 };

/** Clients that have one socket, one after the other, which their datagrams go to. */
class Place {
  readonly network: MemoryNetwork = new MemoryNetwork();
  server!: Server;
  #carrier!: UdpCarrier;
  #current: Connection | undefined;
  /** Whether what the server says arrives. */
  isHeard = true;
  /** Datagrams of the client at work. */
  sent = 0;

  static async open(): Promise<Place> {
    const place = new Place();
    const platform = sharing(async () => ({ core, crypto, udp: place.network }));
    place.server = await listenOn(platform, `udp://${remote.host}:${remote.port}`, {
      auth: alice,
      handshakeTimeoutMs: 3_600_000,
    });
    onTestFinished(() => place.server.abort());
    place.#carrier = await place.network.connect(remote, {
      datagram: (datagram) => place.isHeard && place.#current?.handleDatagram(datagram, "server"),
      drained() {},
      refused() {},
      failed() {},
    });
    return place;
  }

  begin(mtuBytes: number): { readonly isConnected: boolean } {
    const state = { isConnected: false };
    const config: ClientConfig = {
      ...commonDefaults,
      core,
      crypto,
      mtuBytes,
      role: "client",
      psks: [{ ...sharedPsk, key }],
      keyShareGroups: [NamedGroup.x25519],
    };
    this.sent = 0;
    const connection = new Connection(
      asClient(config),
      {
        now: () => 0,
        transmit: (datagram) => {
          this.sent++;
          this.#carrier.send(datagram, remote);
        },
        data() {},
        connected: () => {
          state.isConnected = true;
        },
        ticket() {},
        closed() {},
        moved() {},
        newConnectionId: () => new Uint8Array(0),
        wake() {},
      },
      { path: "server", pathValidated: true, connectionId: new Uint8Array(0) },
    );
    this.#current = connection;
    connection.start();
    return state;
  }

  /** Lets all that was sent arrive, and what it brings about. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < 100; turn++) await new Promise((resolve) => setImmediate(resolve));
  }
}

test.each([
  [1200, 1200],
  [1200, 128],
  [128, 128],
  [128, 1200],
])("a hello in datagrams of %i bytes, and then one of %i", async (before, after) => {
  for (const answers of [1, 2]) {
    const place = await Place.open();
    // The old handshake gets as far as to a HelloRetryRequest, or to the server's flight.
    let heard = 0;
    place.network.filter = (datagram, from, to) => {
      if (from.port === remote.port && ++heard >= answers) place.isHeard = false;
      return [{ datagram, from, to }];
    };
    place.begin(before);
    await place.settle();
    expect(heard).toBeGreaterThanOrEqual(answers);
    place.network.filter = undefined;
    place.isHeard = true;
    const client = place.begin(after);
    await place.settle();
    expect(client.isConnected).toBe(true);
    expect(place.server.getStats()).toMatchObject({ handshakes: 0, accepted: 1 });
  }
});
