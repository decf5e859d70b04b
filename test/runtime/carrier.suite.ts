import type { CarrierHandler, UdpCarrier, UdpCarriers } from "../../src/transport/types.ts";
import { equal, ok, test } from "./harness.ts";

// The sockets under the sessions: what the network does to them is theirs to bear.

function carrierTest(name: string, fn: (carriers: UdpCarriers) => Promise<void>): void {
  test(`carrier: ${name}`, async ({ carriers, udp }) => {
    if (carriers === undefined) equal(udp, "none");
    else await fn(carriers);
  });
}

const local = { host: "127.0.0.1", port: 0 };

const ignoring: CarrierHandler = { datagram() {}, drained() {}, refused() {}, failed() {} };

carrierTest("what one address refuses costs no other its datagrams", async (carriers) => {
  const rounds = 50;
  const server = await carriers.bind(local, ignoring);
  const gone = await carriers.bind(local, ignoring);
  await gone.close();
  let count = 0;
  let settle: (() => void) | undefined;
  const all = new Promise<void>((resolve) => {
    settle = resolve;
  });
  const there = await carriers.bind(local, {
    ...ignoring,
    datagram() {
      if (++count === rounds) settle!();
    },
  });
  for (let i = 0; i < rounds; i++) {
    server.send(Uint8Array.of(1), gone);
    server.send(Uint8Array.of(2), there);
  }
  await all;
  await Promise.all([server.close(), there.close()]);
});

carrierTest(
  "what was taken is sent as it was then, though the socket is closed and the buffer changes",
  async (carriers) => {
    const count = 20;
    const received: number[] = [];
    let settle: (() => void) | undefined;
    const all = new Promise<void>((resolve) => {
      settle = resolve;
    });
    const receiver = await carriers.bind(local, {
      ...ignoring,
      datagram([first]) {
        if (received.push(first!) === count) settle!();
      },
    });
    const sender = await carriers.connect(receiver, ignoring);
    const buffer = new Uint8Array(500);
    for (let i = 0; i < count; i++) {
      buffer[0] = i;
      ok(sender.send(buffer, receiver));
    }
    buffer[0] = 255;
    await sender.close();
    await all;
    equal(received.sort((a, b) => a - b).join(), Array.from({ length: count }, (_, i) => i).join());
    equal(sender.send(buffer, receiver), false);
    await sender.close();
    await receiver.close();
  },
);

carrierTest("a datagram that is too long for any is not sent, and nothing else happens", async (carriers) => {
  let answer: ((length: number) => void) | undefined;
  const answered = new Promise<number>((resolve) => {
    answer = resolve;
  });
  const receiver = await carriers.bind(local, { ...ignoring, datagram: ({ length }) => answer!(length) });
  const sender: UdpCarrier = await carriers.connect(receiver, ignoring);
  sender.send(new Uint8Array(70_000), receiver);
  sender.send(new Uint8Array(7), receiver);
  equal(await answered, 7);
  await Promise.all([sender.close(), receiver.close()]);
});

carrierTest("what cannot be sent at all is counted, and costs no other its datagrams", async (carriers) => {
  const count = 20;
  const received = new Set<number>();
  let settle: (() => void) | undefined;
  const all = new Promise<void>((resolve) => {
    settle = resolve;
  });
  const there = await carriers.bind(local, {
    ...ignoring,
    datagram([first]) {
      if (received.add(first!).size === count) settle!();
    },
  });
  const sender = await carriers.bind(local, ignoring);
  // Datagrams may come from port 0, and nothing can go there.
  const nowhere = { host: "127.0.0.1", port: 0 };
  for (let i = 0; i < count; i++) {
    ok(sender.send(Uint8Array.of(255), nowhere), "there is room");
    ok(sender.send(Uint8Array.of(i), there), "there is room");
  }
  await all;
  ok(sender.statistics.errors >= count, "they are counted");
  await Promise.all([sender.close(), there.close()]);
});

carrierTest("the one peer has one address, however it is spelled", async (carriers) => {
  const server: UdpCarrier = await carriers.bind(
    { host: "0.0.0.0", port: 0 },
    { ...ignoring, datagram: (datagram, host, port) => void server.send(datagram, { host, port }) },
  );
  // As URLs have it; systems write ::ffff:127.0.0.1.
  const remote = { host: "::ffff:7f00:1", port: server.port };
  let answered: ((from: string) => void) | undefined;
  const answer = new Promise<string>((resolve) => {
    answered = resolve;
  });
  const client = await carriers.connect(remote, {
    ...ignoring,
    datagram: (_, host, port) => answered!(`${host} ${port}`),
  });
  client.send(Uint8Array.of(1), remote);
  equal(await answer, `${remote.host} ${remote.port}`);
  await Promise.all([client.close(), server.close()]);
});
