/** Carriers that break while a handshake ends: the client is done, and the server has yet to hear of it. */
import { afterEach, beforeEach, expect, onTestFinished, test, vi } from "vitest";
import { connectOn } from "../../src/endpoint/connect.ts";
import { listenOn } from "../../src/endpoint/listen.ts";
import type { Shared } from "../../src/endpoint/platform.ts";
import type { Server } from "../../src/endpoint/server.ts";
import type { Session } from "../../src/endpoint/session.ts";
import { Views } from "../../src/endpoint/views.ts";
import { SealgramError } from "../../src/errors.ts";
import { MemoryNetwork } from "../../src/transport/memory.ts";
import type { CarrierHandler, RemoteAddress, UdpCarriers } from "../../src/transport/types.ts";
import { TestDeadlines } from "../gateway/support.ts";
import { core, crypto } from "../sim/pair.ts";
import { alice, ask, failure, text, utf8 } from "./support.ts";

const url = "udp://server:4433";
const SERVER_PORT = 4433;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "performance"] });
});
afterEach(() => {
  vi.useRealTimers();
});

const isProtected = ([first]: Uint8Array) => (first! & 0xe0) === 0x20;

interface Broken {
  readonly server: Server;
  readonly session: Session;
  /** Lets the clients' next carriers reach the server. */
  repair(): void;
}

/** A session whose server has not got the client's Finished, as the only carrier broke that it was on. */
async function sessionOnBrokenCarrier(): Promise<Broken> {
  const network = new MemoryNetwork();
  let handler: CarrierHandler | undefined;
  const udp: UdpCarriers = {
    resolve: (host) => network.resolve(host),
    bind: (local, given) => network.bind(local, given),
    connect(remote, given) {
      handler ??= given;
      return network.connect(remote, given);
    },
  };
  const shared: Shared = { core, crypto, udp, deadlines: new TestDeadlines(), views: new Views() };
  const load = async () => shared;
  const server = await listenOn(load, url, {
    auth: alice,
    onsession: (session) => {
      session.ondatagram = (datagram) => void session.sendDatagram(datagram);
    },
  });
  onTestFinished(() => server.close());

  let isCut = false;
  let firstPort = 0;
  let isRepaired = false;
  network.filter = (datagram: Uint8Array, from: RemoteAddress, to: RemoteAddress) => {
    const client = from.port === SERVER_PORT ? to : from;
    firstPort ||= client.port;
    if (client === from && isProtected(datagram)) isCut = true;
    return isCut && (client.port === firstPort || !isRepaired) ? [] : [{ datagram, from, to }];
  };
  const session = await connectOn(load, url, { auth: alice });
  expect(isCut).toBe(true);
  expect(server.getStats()).toMatchObject({ sessions: 0, handshakes: 1 });
  handler!.failed(new SealgramError("gateway_closed", "the gateway is gone"));
  return {
    server,
    session,
    repair() {
      isRepaired = true;
    },
  };
}

test("the session is complete a moment after the next carrier is there", async () => {
  const { server, session, repair } = await sessionOnBrokenCarrier();
  repair();
  const answer = ask(session, utf8("after all"));
  await vi.advanceTimersByTimeAsync(300);
  expect(text(await answer)).toBe("after all");
  expect(server.getStats()).toMatchObject({ sessions: 1, handshakes: 0, accepted: 1 });
  // And for good: what proves that the handshake is over on both sides has come.
  await vi.advanceTimersByTimeAsync(60_000);
  expect(session.isClosed).toBe(false);
  expect(text(await ask(session, utf8("later")))).toBe("later");
});

test("a session that the server has given up before the next carrier is there fails soon", async () => {
  const { server, session, repair } = await sessionOnBrokenCarrier();
  const ended = failure(session.closed);
  await vi.advanceTimersByTimeAsync(10_500);
  expect(server.getStats()).toMatchObject({ sessions: 0, handshakes: 0, failedHandshakes: 1 });
  repair();
  await vi.advanceTimersByTimeAsync(5_000);
  expect(await ended).toMatchObject({
    code: "timeout",
    message: expect.stringContaining("end of the handshake"),
  });
});
