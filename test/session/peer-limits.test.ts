/** What the peer's transport parameters say of its times and sizes, and what this side makes of it. */
import { describe, expect, test } from "vitest";
import { FrameType } from "../../src/session/frames.ts";
import type { TransportParameters } from "../../src/session/parameters.ts";
import { framesOf, parameters } from "./packets.ts";
import { type PairOptions, SessionPair } from "./pair.ts";

/** A server whose client is all in the test's hands, and has sent these parameters. */
function serverOf(of: Partial<TransportParameters>, options: PairOptions = {}): SessionPair {
  const pair = new SessionPair({ ...options, link: { delayMs: 10, loss: 1 } });
  pair.client.inject(parameters(of));
  return pair;
}

test("the peer's max_ack_delay is part of the probe time-out, and bounds what its ACK delays explain", () => {
  const { server } = serverOf({ maxAckDelayMs: 400 });
  const { rtt } = server.engine.recovery;
  expect(rtt.maxAckDelayMs).toBe(400);
  expect(rtt.probeTimeoutMs).toBe(rtt.smoothedMs + 4 * rtt.variationMs + 400);
  rtt.sample(100, 0, 1);
  rtt.sample(500, 10_000, 2);
  expect(rtt.smoothedMs).toBeCloseTo((7 / 8) * 100 + (1 / 8) * 100);
});

describe("max_udp_payload_size", () => {
  test("ends the search for larger datagrams there", () => {
    const { server } = serverOf({ maxUdpPayloadSize: 1300 });
    expect(server.engine.recovery.mtu.probeBytes(0)).toBeLessThanOrEqual(1300);
    const unlimited = serverOf({});
    unlimited.server.engine.recovery.mtu.limit(1452);
    expect(unlimited.server.engine.recovery.mtu.state).toBe("base");
  });

  test("below what was assumed, makes datagrams smaller", () => {
    const mtu = { minBytes: 548, baseBytes: 1400, maxBytes: 1400, raiseMs: 600_000 };
    const recovery = { algorithm: "cubic", maxAckDelayMs: 25, mtu } as const;
    const { server } = serverOf({ maxUdpPayloadSize: 1250 }, { server: { recovery } });
    expect(server.mtuBytes).toBe(1250);
  });
});

describe("max_datagram_frame_size (RFC 9221 §3)", () => {
  /** The lengths of what a server sends of a datagram that waited for the parameters, and of those after it. */
  function sent(maxDatagramFrameSize: number, lengths: readonly number[]): number[] {
    const { client, server } = new SessionPair({ link: { delayMs: 10, loss: 1 } });
    const carried: number[] = [];
    server.filter = (packet) => {
      for (const [, , length] of framesOf(packet, "datagram")) carried.push(length as number);
      return true;
    };
    server.engine.sendDatagram(new Uint8Array(lengths[0]!));
    client.inject(parameters({ maxDatagramFrameSize }));
    server.flush();
    for (const length of lengths.slice(1)) {
      const isRefused = maxDatagramFrameSize < 2 || length > server.engine.maxDatagramSize;
      expect(server.engine.sendDatagram(new Uint8Array(length))).toBe(isRefused ? "refused" : "taken");
      server.flush();
    }
    return carried;
  }

  test("of 0 forbids them all, empty ones too", () => {
    expect(sent(0, [0, 0, 1])).toEqual([]);
    expect(sent(1, [5])).toEqual([]);
  });

  test("bounds frames with type and length, also those that waited for the parameters", () => {
    expect(sent(2, [0, 0, 1])).toEqual([0, 0]);
    expect(sent(50, [49, 48, 49])).toEqual([48]);
    expect(sent(102, [99, 99, 100])).toEqual([99, 99]);
  });
});

describe("the idle time-out (RFC 9000 §10.1)", () => {
  test.each([
    [5000, 60_000],
    [5000, undefined],
    [0, 5000],
    [70_000, 5000],
  ])("is the shorter one of the peer's %d ms and this side's %d ms, if there are two", (peerMs, ownMs) => {
    const pair = serverOf({ maxIdleTimeoutMs: peerMs }, { server: { idleTimeoutMs: ownMs } });
    pair.clock.run(4900);
    expect(pair.server.end).toBeUndefined();
    pair.clock.run(8000);
    expect(pair.server.end?.error?.code).toBe("idle_timeout");
    expect(pair.server.isCarrierClosed).toBe(true);
    expect(pair.server.engine.deadlineMs).toBe(Number.POSITIVE_INFINITY);
  });

  test("is none if neither side has one", () => {
    const pair = serverOf({});
    pair.clock.run(10_000_000);
    expect(pair.server.end).toBeUndefined();
  });

  test("ends the session without a word", () => {
    const pair = serverOf({ maxIdleTimeoutMs: 5000 });
    pair.clock.run(4900);
    const sent = pair.down.carriedBytes;
    pair.clock.run(100_000);
    expect(pair.server.end?.error?.code).toBe("idle_timeout");
    expect(pair.down.carriedBytes - sent).toBe(0);
  });

  test("begins anew with what comes, and with the first packet that asks for an answer", () => {
    const pair = serverOf({ maxIdleTimeoutMs: 5000 });
    pair.clock.run(4000);
    pair.client.inject([FrameType.ping]);
    pair.clock.run(8000);
    expect(pair.server.end).toBeUndefined();
    pair.server.engine.sendDatagram(Uint8Array.of(1));
    pair.server.flush();
    pair.clock.run(8900);
    expect(pair.server.end).toBeUndefined();
    pair.clock.run(14_000);
    expect(pair.server.end?.error?.code).toBe("idle_timeout");
  });

  test("is never taken for less than three probe time-outs", () => {
    const pair = serverOf({ maxIdleTimeoutMs: 1 });
    const { probeTimeoutMs } = pair.server.engine.recovery.rtt;
    pair.clock.run(3 * probeTimeoutMs - 10);
    expect(pair.server.end).toBeUndefined();
    pair.clock.run(7 * probeTimeoutMs);
    expect(pair.server.end?.error?.code).toBe("idle_timeout");
  });

  test("is no danger to a session that is to be kept alive, however seldom that was asked for", () => {
    const pair = new SessionPair({
      client: { keepAliveMs: 60_000 },
      server: { idleTimeoutMs: 4000 },
    }).ready();
    pair.clock.run(60_000);
    expect([pair.client.end, pair.server.end]).toEqual([undefined, undefined]);
    expect(pair.server.engine.counters.packetsReceived).toBeGreaterThan(20);
  });

  test("is kept from running out by who is held up by flow control, with what says so (§4.1)", () => {
    const window = { initialBytes: 1000, maxBytes: 1000 };
    for (const [client, name] of [
      [{ streamWindow: window }, FrameType.stream_data_blocked],
      [{ sessionWindow: window }, FrameType.data_blocked],
    ] as const) {
      const pair = new SessionPair({ client: { ...client, idleTimeoutMs: 10_000 } }).ready();
      const { streams } = pair.server.engine;
      const told: unknown[] = [];
      pair.server.filter = (packet) => {
        told.push(...framesOf(packet, "blocked").map(([, type]) => type));
        return true;
      };
      const stream = streams.open(true, 0)!;
      streams.write(stream, new Uint8Array(2000));
      pair.server.flush();
      pair.clock.run(pair.clock.nowMs + 100_000);
      expect([pair.client.end, pair.server.end]).toEqual([undefined, undefined]);
      expect(new Set(told)).toEqual(new Set([name]));
      expect(told.length).toBeGreaterThan(15);
      expect(told.length).toBeLessThan(25);
      // Once all has gone there is nothing to say.
      const received = pair.client.incoming[0]!;
      pair.client.engine.streams.accept(received);
      while (received.receive!.readableBytes > 0) {
        pair.client.engine.streams.read(received, 500);
        pair.client.flush();
        pair.clock.run(pair.clock.nowMs + 100);
      }
      told.length = 0;
      pair.clock.run(pair.clock.nowMs + 100_000);
      expect(told).toEqual([]);
      expect([pair.client.end, pair.server.end].map((end) => end?.error?.code)).toEqual([
        "idle_timeout",
        "idle_timeout",
      ]);
    }
  });
});
