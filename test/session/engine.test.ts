import { describe, expect, test } from "vitest";
import { FrameType } from "../../src/session/frames.ts";
import type { PaddingPolicy } from "../../src/session/options.ts";
import type { Stream } from "../../src/session/stream.ts";
import { SessionPair, type SimulatedSession, Source } from "./pair.ts";

/** Reads all that comes on the streams that the peer opens; answers what was read of each. */
function readAll(side: SimulatedSession): Map<number, number> {
  const read = new Map<number, number>();
  side.onincoming = (stream) => {
    side.engine.streams.accept(stream);
    read.set(stream.id, 0);
    const { streams } = side.engine;
    stream.user = {
      ...ignore,
      readable: () => {
        const receive = stream.receive!;
        while (receive.readableBytes > 0) {
          const at = read.get(stream.id)!;
          const bytes = streams.read(stream, 65_536);
          new Source(stream.id).check(at, bytes);
          read.set(stream.id, at + bytes.length);
        }
        if (receive.isAtEnd && receive.state === "open") streams.read(stream, 0);
      },
    };
  };
  return read;
}

const ignore = {
  readable() {},
  writable() {},
  acknowledged() {},
  reset() {},
  stopped() {},
  ended() {},
};

/** Writes so many bytes on a new stream, as the sender takes them. */
function send(side: SimulatedSession, totalBytes: number): { stream: Stream; isDone: () => boolean } {
  const { streams } = side.engine;
  const stream = streams.open(true, 0)!;
  const source = new Source(stream.id);
  let written = 0;
  let isDone = false;
  const write = () => {
    while (written < totalBytes && stream.send!.unsentBytes < 100_000) {
      const bytes = source.bytes(written, Math.min(50_000, totalBytes - written));
      streams.write(stream, bytes);
      written += bytes.length;
    }
    if (written === totalBytes) streams.finish(stream);
  };
  stream.user = {
    ...ignore,
    writable: write,
    acknowledged: () => {
      isDone = true;
    },
  };
  write();
  side.flush();
  return { stream, isDone: () => isDone };
}

describe("throughput in simulated time", () => {
  const link = { delayMs: 25, bytesPerMs: 12_500, queueBytes: 12_500 * 50 };

  test("one stream uses at least 85 % of 100 Mbit/s over 50 ms", () => {
    const pair = new SessionPair({ link }).ready();
    const read = readAll(pair.server);
    const { isDone } = send(pair.client, 60_000_000);
    const startMs = pair.clock.nowMs;
    expect(pair.until(isDone, 60_000)).toBe(true);
    expect([...read.values()]).toEqual([60_000_000]);
    expect(60_000_000 / (pair.clock.nowMs - startMs) / 12_500).toBeGreaterThan(0.85);
  });

  test("ten thousand streams at a time", () => {
    const count = 10_000;
    const limits = { maxIncomingUni: count };
    const pair = new SessionPair({ link: { delayMs: 5 }, server: limits }).ready();
    const read = readAll(pair.server);
    const transfers = Array.from({ length: count }, () => send(pair.client, 300));
    expect(pair.client.engine.streams.size).toBe(count);
    expect(pair.until(() => transfers.every(({ isDone }) => isDone()), 60_000)).toBe(true);
    expect(read.size).toBe(count);
    expect([...read.values()].every((bytes) => bytes === 300)).toBe(true);
    expect([pair.client.engine.streams.size, pair.server.engine.streams.size]).toEqual([0, 0]);
  });

  test("streams of one order share, and none waits for the end of another", () => {
    const pair = new SessionPair({ link }).ready();
    const read = readAll(pair.server);
    for (let i = 0; i < 5; i++) send(pair.client, 20_000_000);
    pair.clock.run(pair.clock.nowMs + 4000);
    const bytes = [...read.values()];
    expect(bytes).toHaveLength(5);
    expect(Math.min(...bytes)).toBeGreaterThan(0.8 * Math.max(...bytes));
  });
});

describe("what is sent again", () => {
  /** A client's bytes 0 to 999 are on their way for longer than what comes later, which tells that they are lost. */
  function delayed(): SessionPair {
    const pair = new SessionPair().ready();
    const { client, clock, up } = pair;
    clock.run(clock.nowMs + 2000);
    const { options } = up;
    up.options = { ...options, delayMs: 50 };
    const { stream } = send(client, 1000);
    up.options = options;
    for (let i = 0; i < 4; i++) {
      client.engine.sendDatagram(Uint8Array.of(i));
      client.flush();
    }
    client.hasRoom = false;
    clock.run(clock.nowMs + 30);
    expect(client.engine.recovery.statistics.packetsLost).toBe(1);
    expect(stream.send!.hasLost).toBe(true);
    return pair;
  }

  test("is not what arrives after it was declared lost (RFC 9000 §13.3)", () => {
    const pair = delayed();
    const { client, clock } = pair;
    clock.run(clock.nowMs + 1500);
    const { packetsSent } = client.engine.counters;
    client.hasRoom = true;
    client.flush();
    clock.run(clock.nowMs + 2000);
    expect(client.engine.counters.packetsSent).toBe(packetsSent);
    expect(client.engine.streams.size).toBe(0);
    expect(pair.server.incoming[0]!.receive!.readableBytes).toBe(1000);
  });

  test("is whatever has not arrived by then, and its arrival by both ways is one", () => {
    const pair = delayed();
    const { client, clock } = pair;
    client.hasRoom = true;
    client.flush();
    clock.run(clock.nowMs + 3000);
    expect(client.engine.recovery.statistics.lateArrivals).toBe(1);
    expect(client.engine.streams.size).toBe(0);
    expect(pair.server.incoming[0]!.receive!.readableBytes).toBe(1000);
  });

  test("of a RESET_STREAM that arrives late is nothing: the peer has it (RFC 9000 §3.3)", () => {
    const pair = delayed();
    const { client, clock, up } = pair;
    client.hasRoom = true;
    client.flush();
    clock.run(clock.nowMs + 3000);
    const stream = client.engine.streams.open(true, 0)!;
    const { options } = up;
    up.options = { ...options, delayMs: 50 };
    client.engine.streams.write(stream, new Uint8Array(10));
    client.engine.streams.reset(stream, 7);
    client.flush();
    up.options = options;
    for (let i = 0; i < 4; i++) {
      client.engine.sendDatagram(Uint8Array.of(i));
      client.flush();
    }
    client.hasRoom = false;
    clock.run(clock.nowMs + 1500);
    const { packetsSent } = client.engine.counters;
    client.hasRoom = true;
    client.flush();
    clock.run(clock.nowMs + 2000);
    expect(client.engine.counters.packetsSent).toBe(packetsSent);
    expect(client.engine.streams.size).toBe(0);
  });

  test("of a datagram, or news of it, is nothing once it was told to be lost", () => {
    const pair = new SessionPair().ready();
    const { client, clock, up } = pair;
    clock.run(clock.nowMs + 2000);
    const fates: boolean[] = [];
    const { options } = up;
    up.options = { ...options, delayMs: 1000 };
    client.engine.sendDatagram(Uint8Array.of(9), (hasArrived) => fates.push(hasArrived));
    client.flush();
    up.options = options;
    for (let i = 0; i < 4; i++) {
      client.engine.sendDatagram(Uint8Array.of(i));
      client.flush();
    }
    clock.run(clock.nowMs + 3000);
    expect(client.engine.recovery.statistics.lateArrivals).toBe(1);
    expect(fates).toEqual([false]);
    expect(pair.server.datagrams).toHaveLength(5);
  });
});

describe("datagrams", () => {
  test("that find no room are not taken, and those that were taken learn their fate", () => {
    const pair = new SessionPair({ client: { outgoingDatagrams: 3 } }).ready();
    pair.client.hasRoom = false;
    const fates: (number | boolean)[][] = [];
    const outcomes = [0, 1, 2, 3, 4].map((i) =>
      pair.client.engine.sendDatagram(Uint8Array.of(i), (hasArrived) => fates.push([i, hasArrived])),
    );
    expect(outcomes).toEqual(["taken", "taken", "taken", "full", "full"]);
    pair.client.flush();
    expect(fates).toEqual([]);
    pair.client.hasRoom = true;
    pair.client.flush();
    pair.clock.run(pair.clock.nowMs + 100);
    expect(pair.server.datagrams).toEqual([0, 1, 2].map((i) => Uint8Array.of(i)));
    expect(fates.sort()).toEqual([0, 1, 2].map((i) => [i, true]));
  });

  test("that are too old are not sent", () => {
    const pair = new SessionPair().ready();
    pair.client.engine.datagrams.maxAgeMs = 50;
    pair.client.hasRoom = false;
    pair.client.engine.sendDatagram(Uint8Array.of(1));
    pair.clock.run(pair.clock.nowMs + 100);
    pair.client.engine.sendDatagram(Uint8Array.of(2));
    pair.client.hasRoom = true;
    pair.client.flush();
    pair.clock.run(pair.clock.nowMs + 100);
    expect(pair.server.datagrams).toEqual([Uint8Array.of(2)]);
    expect(pair.client.engine.datagrams.drops.expired).toBe(1);
  });

  test("whose packets get lost are told of", () => {
    const pair = new SessionPair().ready();
    const fates: boolean[] = [];
    pair.client.filter = () => false;
    pair.client.engine.sendDatagram(Uint8Array.of(1), (hasArrived) => fates.push(hasArrived));
    pair.client.flush();
    pair.client.filter = undefined;
    pair.clock.run(pair.clock.nowMs + 2000);
    expect(fates).toEqual([false]);
    expect(pair.client.engine.datagrams.drops.lost).toBe(1);
  });

  test("of the largest size go through, and one byte more is refused", () => {
    const pair = new SessionPair().ready();
    pair.clock.run(pair.clock.nowMs + 1000);
    const { maxDatagramSize } = pair.client.engine;
    expect(maxDatagramSize).toBe(1452 - 22 - 1);
    pair.client.engine.sendDatagram(new Uint8Array(maxDatagramSize));
    pair.client.flush();
    pair.clock.run(pair.clock.nowMs + 100);
    expect(pair.server.datagrams[0]).toHaveLength(maxDatagramSize);
    expect(pair.client.engine.sendDatagram(new Uint8Array(maxDatagramSize + 1))).toBe("refused");
  });
});

test("what has no room beside the transport parameters waits until they are acknowledged", () => {
  const pair = new SessionPair({ link: { delayMs: 50 } });
  pair.until(() => pair.server.isReady);
  const { packetsSent } = pair.server.engine.counters;
  const datagram = new Uint8Array(pair.server.engine.maxDatagramSize);
  pair.server.engine.sendDatagram(datagram);
  pair.server.flush();
  pair.server.flush();
  expect(pair.server.engine.counters.packetsSent - packetsSent).toBeLessThanOrEqual(1);
  pair.clock.run(pair.clock.nowMs + 300);
  expect(pair.client.datagrams).toEqual([datagram]);
});

describe("padding", () => {
  /** The sizes of packets that a client sends while it says something now and then. */
  function sizes(padding: PaddingPolicy, withinMs: number): number[] {
    const pair = withPadding(padding);
    const lengths: number[] = [];
    pair.client.filter = (packet, zeros) => {
      lengths.push(packet.length + zeros);
      return true;
    };
    for (let i = 0; i < 20; i++) {
      pair.client.engine.sendDatagram(new Uint8Array(i * 17));
      pair.client.flush();
      pair.clock.run(pair.clock.nowMs + withinMs / 20);
    }
    expect(pair.server.datagrams).toHaveLength(20);
    return lengths;
  }

  function withPadding(padding: PaddingPolicy): SessionPair {
    const pair = new SessionPair({ client: { padding } }).ready();
    pair.clock.run(pair.clock.nowMs + 1000);
    return pair;
  }

  test("to a block", () => {
    const lengths = sizes({ kind: "block", blockBytes: 100 }, 1000);
    expect(new Set(lengths.map((length) => length % 100))).toEqual(new Set([0]));
    expect(new Set(lengths).size).toBeGreaterThan(1);
  });

  test("at a constant rate leaves room for datagrams of less than a packet only", () => {
    const { client } = withPadding({ kind: "constant", packetBytes: 300, intervalMs: 10 });
    expect(client.engine.maxDatagramSize).toBe(299);
  });

  test("at a constant rate the peer is told that ACKs wait for the next packet", () => {
    const told = (intervalMs: number) =>
      new SessionPair({ client: { padding: { kind: "constant", packetBytes: 300, intervalMs } } }).ready()
        .server.engine.peerParameters!.maxAckDelayMs;
    expect([told(10), told(100.5)]).toEqual([25, 106]);
  });

  test("at a constant rate: one packet of one size each interval, and nothing else", () => {
    const lengths = sizes({ kind: "constant", packetBytes: 500, intervalMs: 10 }, 2000);
    expect(new Set(lengths)).toEqual(new Set([500]));
    expect(lengths.length).toBeGreaterThan(195);
    expect(lengths.length).toBeLessThan(205);
  });
});

describe("life", () => {
  test("packets at a constant rate are no flood, and neither are limits that hold up a fast sender", () => {
    const padding = { kind: "constant", packetBytes: 300, intervalMs: 1 } as const;
    const pair = new SessionPair({ client: { padding }, server: { padding } }).ready();
    pair.clock.run(pair.clock.nowMs + 200_000);
    expect([pair.client.end, pair.server.end]).toEqual([undefined, undefined]);
    const window = { initialBytes: 2000, maxBytes: 2000 };
    const slow = new SessionPair({
      link: { delayMs: 0.1 },
      server: { streamWindow: window, sessionWindow: window },
    }).ready();
    readAll(slow.server);
    const { isDone } = send(slow.client, 30_000_000);
    expect(slow.until(isDone)).toBe(true);
  });

  test("a silent session is asked for a sign of life, if that is wanted", () => {
    for (const keepAliveMs of [undefined, 1000]) {
      const pair = new SessionPair({ client: { keepAliveMs } }).ready();
      pair.clock.run(pair.clock.nowMs + 5000);
      const { packetsReceived } = pair.server.engine.counters;
      pair.clock.run(pair.clock.nowMs + 10_000);
      const more = pair.server.engine.counters.packetsReceived - packetsReceived;
      if (keepAliveMs === undefined) expect(more).toBe(0);
      else expect(more).toBeGreaterThanOrEqual(9);
    }
  });

  test("the end is told again and again until the peer has heard of it", () => {
    const pair = new SessionPair().ready();
    let dropped = 0;
    pair.client.filter = () => ++dropped > 2;
    pair.client.engine.close(5, "bye");
    pair.client.flush();
    pair.clock.run(pair.clock.nowMs + 5000);
    expect(pair.server.end).toMatchObject({ closeCode: 5, reason: "bye", error: undefined });
    expect([pair.client.isCarrierClosed, pair.server.isCarrierClosed]).toEqual([true, true]);
    expect(pair.clock.pending).toBe(0);
  });

  test("what has arrived before the end is acknowledged with it", () => {
    const pair = new SessionPair().ready();
    pair.server.onincoming = (stream) => {
      const close = () => pair.server.engine.close();
      stream.user = { ...ignore, readable: () => pair.clock.at(pair.clock.nowMs, close) };
    };
    const { isDone } = send(pair.client, 1000);
    pair.clock.run(pair.clock.nowMs + 1000);
    expect([isDone(), pair.client.end?.closeCode]).toEqual([true, 0]);
  });

  test("a peer that has gone is not waited for", () => {
    const pair = new SessionPair().ready();
    pair.client.filter = () => false;
    pair.client.engine.close(5, "bye");
    pair.client.flush();
    pair.clock.run(pair.clock.nowMs + 5000);
    expect(pair.client.isCarrierClosed).toBe(true);
    expect(pair.client.engine.deadlineMs).toBe(Number.POSITIVE_INFINITY);
  });

  test("what is left of a session when its carrier ends is told to whoever waits for it", () => {
    const pair = new SessionPair().ready();
    const { stream } = send(pair.client, 10);
    let reason: Error | undefined;
    stream.user = { ...ignore, ended: (error) => (reason = error) };
    pair.client.close();
    expect(reason).toMatchObject({ code: "session_closed" });
    expect(pair.client.engine.streams.size).toBe(0);
    expect(pair.client.engine.sendDatagram(new Uint8Array(1))).toBe("refused");
  });

  test("what is still on its way is let go at the end, by whoever keeps a session that is over, too", () => {
    const pair = new SessionPair().ready();
    pair.clock.run(pair.clock.nowMs + 1000);
    pair.client.filter = () => false;
    send(pair.client, 100_000);
    pair.client.flush();
    const { recovery } = pair.client.engine;
    expect(recovery.outstanding(5).filter((sent) => sent !== undefined)).toHaveLength(5);
    pair.client.engine.close();
    expect(recovery.outstanding(1000).filter((sent) => sent !== undefined)).toEqual([]);
    pair.client.flush();
    pair.clock.run(pair.clock.nowMs + 60_000);
    expect(pair.client.isCarrierClosed).toBe(true);
    expect(pair.client.engine.deadlineMs).toBe(Number.POSITIVE_INFINITY);
  });

  test("sessions that do nothing have no large buffers: ten thousand on one server are to be cheap", () => {
    const before = process.memoryUsage().arrayBuffers;
    const pairs = Array.from({ length: 250 }, () => {
      const pair = new SessionPair().ready();
      pair.clock.run(pair.clock.nowMs + 1000);
      return pair;
    });
    const bytes = (process.memoryUsage().arrayBuffers - before) / (2 * pairs.length);
    expect(pairs.every(({ client, server }) => client.isReady && server.isReady)).toBe(true);
    expect(bytes).toBeLessThan(4096);
  });

  test("record numbers of any epoch up to 2^14 - 1 are acknowledged", () => {
    const pair = new SessionPair();
    pair.client.epoch = 16_380;
    pair.client.nextSequenceNumber = 2 ** 40;
    pair.ready();
    const read = readAll(pair.server);
    const first = send(pair.client, 100_000);
    expect(pair.until(first.isDone)).toBe(true);
    pair.client.nextEpoch();
    const second = send(pair.client, 100_000);
    expect(pair.until(second.isDone)).toBe(true);
    expect([...read.values()]).toEqual([100_000, 100_000]);
  });

  test("behind epoch 2^14 - 1 there are no packet numbers: the session ends without another packet (RFC 9000 §12.3)", () => {
    const pair = new SessionPair();
    pair.client.epoch = 2 ** 14 - 1;
    pair.ready();
    pair.clock.run(pair.clock.nowMs + 1000);
    const { packetsSent } = pair.client.engine.counters;
    send(pair.client, 1000);
    pair.client.nextEpoch();
    expect(pair.client.engine.sendDatagramNow(Uint8Array.of(1))).toBe(false);
    pair.client.engine.sendDatagram(Uint8Array.of(1));
    pair.client.flush();
    pair.clock.run(pair.clock.nowMs + 10_000);
    expect(pair.client.end?.error?.code).toBe("packet_numbers_exhausted");
    expect(pair.client.engine.counters.packetsSent).toBe(packetsSent + 1);
    expect([pair.client.isCarrierClosed, pair.server.isCarrierClosed]).toEqual([true, true]);
    expect(pair.client.engine.deadlineMs).toBe(Number.POSITIVE_INFINITY);
    expect(pair.clock.pending).toBe(0);
  });

  test("a session that is being closed says nothing more, either, once its numbers are used up", () => {
    const pair = new SessionPair();
    pair.client.epoch = 2 ** 14 - 1;
    pair.ready();
    pair.client.filter = () => false;
    pair.client.engine.close(5, "bye");
    pair.client.flush();
    const { packetsSent } = pair.client.engine.counters;
    pair.client.nextEpoch();
    pair.clock.run(pair.clock.nowMs + 10_000);
    expect(pair.client.engine.counters.packetsSent).toBe(packetsSent);
    expect(pair.client.isCarrierClosed).toBe(true);
    expect(pair.server.end).toMatchObject({ closeCode: 0, error: undefined });
  });

  test("a peer that goes on in an epoch that no ACK can name is told so", () => {
    const pair = new SessionPair().ready();
    pair.client.epoch = 2 ** 14;
    pair.client.inject(Uint8Array.of(FrameType.ping));
    pair.clock.run(pair.clock.nowMs + 10_000);
    const ends = [pair.server.end, pair.client.end].map((end) => end?.error?.code);
    expect(ends).toEqual(["protocol_violation", "protocol_violation"]);
  });
});
