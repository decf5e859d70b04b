/** Errors of the network, which anyone can forge: how many of them end an attempt to connect. */
import { expect, onTestFinished, test } from "vitest";
import { connectOn } from "../../src/endpoint/connect.ts";
import { listenOn } from "../../src/endpoint/listen.ts";
import { sharing } from "../../src/endpoint/platform.ts";
import type { Session } from "../../src/endpoint/session.ts";
import { MemoryNetwork } from "../../src/transport/memory.ts";
import { core, crypto } from "../sim/pair.ts";
import { alice, failure } from "./support.ts";

const NOBODY = 9;

/** A client whose datagrams are refused in place of being delivered, where `isRefused` says so by their index. */
async function connecting(
  isRefused: (index: number) => boolean,
): Promise<{ refused(): number; session: Promise<Session> }> {
  const network = new MemoryNetwork();
  const platform = sharing(async () => ({ core, crypto, udp: network }));
  const server = await listenOn(platform, "udp://192.0.2.1:4433", { auth: alice });
  onTestFinished(() => server.abort());
  let sent = 0;
  let refused = 0;
  network.filter = (datagram, from, to) => {
    if (to.port !== 4433 || !isRefused(sent++)) return [{ datagram, from, to }];
    refused++;
    return [{ datagram, from, to: { ...to, port: NOBODY } }];
  };
  const session = connectOn(platform, server.url, { auth: alice });
  session.then(
    (each) => onTestFinished(() => each.close()),
    () => {},
  );
  return { refused: () => refused, session };
}

test("one refusal ends an attempt if nothing has come from there", async () => {
  const { refused, session } = await connecting(() => true);
  expect((await failure(session)).code).toBe("refused");
  // The ClientHello, and the alert by which the client takes it back.
  expect(refused()).toBe(2);
});

test("some refusals behind a HelloRetryRequest end nothing", async () => {
  const { refused, session } = await connecting((index) => index === 1 || index === 2);
  await session;
  expect(refused()).toBe(2);
});

test("a server that refuses all behind its HelloRetryRequest is gone", async () => {
  const { refused, session } = await connecting((index) => index > 0);
  expect((await failure(session)).code).toBe("refused");
  expect(refused()).toBeGreaterThan(2);
});
