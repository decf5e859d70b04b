/** Datagrams that go at once, past the queue, and those that may not. */
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { FrameType } from "../../src/session/frames.ts";
import { SessionPair, type SimulatedSession } from "./pair.ts";

/** The packets that a side sends from now on. */
function packetsOf(side: SimulatedSession): Uint8Array[] {
  const packets: Uint8Array[] = [];
  side.filter = (packet) => {
    packets.push(packet);
    return true;
  };
  return packets;
}

/** Both sides know all that there is to know of each other. */
function settled(options: ConstructorParameters<typeof SessionPair>[0] = {}): SessionPair {
  const pair = new SessionPair(options).ready();
  pair.clock.run(pair.clock.nowMs + 1000);
  return pair;
}

/** As an endpoint does: at once, or when there is time for it. */
function send(side: SimulatedSession, datagram: Uint8Array, fate?: (hasArrived: boolean) => void): boolean {
  if (side.engine.sendDatagramNow(datagram, fate)) return true;
  side.engine.sendDatagram(datagram, fate);
  return false;
}

test("a datagram goes at once, in a packet of its own", () => {
  const pair = settled();
  const packets = packetsOf(pair.client);
  expect(pair.client.engine.sendDatagramNow(Uint8Array.of(1, 2))).toBe(true);
  expect(packets).toEqual([Uint8Array.of(FrameType.datagram_with_length, 2, 1, 2)]);
  pair.clock.run(pair.clock.nowMs + 50);
  expect(pair.server.datagrams).toEqual([Uint8Array.of(1, 2)]);
});

test("an answer from within the handler acknowledges the packet that it answers", () => {
  const pair = settled();
  pair.server.ondatagram = (datagram) => expect(send(pair.server, datagram)).toBe(true);
  const fates: boolean[] = [];
  send(pair.client, Uint8Array.of(7), (hasArrived) => fates.push(hasArrived));
  const answers = packetsOf(pair.server);
  // There and back: a delayed ACK by itself would take longer.
  pair.clock.run(pair.clock.nowMs + 21);
  expect(answers).toHaveLength(1);
  expect(answers[0]![0]).toBe(FrameType.ack);
  expect(fates).toEqual([true]);
  expect(pair.client.datagrams).toEqual([Uint8Array.of(7)]);
});

test("answers to several datagrams of one packet go together, and acknowledge it", () => {
  const pair = settled();
  const packets = packetsOf(pair.server);
  pair.server.ondatagram = (datagram) => send(pair.server, datagram);
  pair.client.inject([FrameType.datagram_with_length, 1, 9, FrameType.datagram_with_length, 1, 8]);
  expect(packets.map((packet) => packet[0])).toEqual([FrameType.ack]);
  expect(packets[0]!.slice(-6)).toEqual(
    Uint8Array.of(FrameType.datagram_with_length, 1, 9, FrameType.datagram_with_length, 1, 8),
  );
});

test("a frame that is wrong behind a datagram that was answered still ends the session", () => {
  const pair = settled();
  pair.server.ondatagram = (datagram) => send(pair.server, datagram);
  pair.client.inject([FrameType.datagram_with_length, 1, 9, 0x3f]);
  expect(pair.server.end?.error?.code).toBe("frame_encoding_error");
});

describe("it waits for its turn", () => {
  test("behind those that wait already", () => {
    const pair = settled();
    pair.client.engine.sendDatagram(Uint8Array.of(1));
    expect(send(pair.client, Uint8Array.of(2))).toBe(false);
    pair.client.flush();
    pair.clock.run(pair.clock.nowMs + 50);
    expect(pair.server.datagrams).toEqual([Uint8Array.of(1), Uint8Array.of(2)]);
  });

  test("before the peer has acknowledged the parameters", () => {
    const pair = new SessionPair();
    expect(send(pair.client, Uint8Array.of(1))).toBe(false);
  });

  test("beside streams with something to send", () => {
    const pair = settled();
    const stream = pair.client.engine.streams.open(true, 0)!;
    pair.client.engine.streams.write(stream, new Uint8Array(10));
    expect(send(pair.client, Uint8Array.of(1))).toBe(false);
  });

  test("while the carrier has no room, or takes nothing", () => {
    const pair = settled();
    pair.client.hasRoom = false;
    expect(send(pair.client, Uint8Array.of(1))).toBe(false);
    pair.client.hasRoom = true;
    pair.client.refuses = true;
    expect(send(pair.client, Uint8Array.of(2))).toBe(false);
    pair.client.refuses = false;
    pair.client.flush();
    pair.clock.run(pair.clock.nowMs + 50);
    expect(pair.server.datagrams).toEqual([Uint8Array.of(1), Uint8Array.of(2)]);
  });

  test("while the congestion window is full; all arrive in their order once it is not", () => {
    const pair = settled({ link: { delayMs: 20 } });
    const sent = Array.from({ length: 60 }, (_, i) => send(pair.client, new Uint8Array(1000).fill(i)));
    expect(sent.slice(0, 8)).toEqual(new Array(8).fill(true));
    expect(sent.at(-1)).toBe(false);
    expect(pair.client.engine.recovery.bytesInFlight).toBeLessThanOrEqual(
      pair.client.engine.recovery.windowBytes,
    );
    pair.client.flush();
    pair.clock.run(pair.clock.nowMs + 1000);
    expect(pair.server.datagrams.map((datagram) => datagram[0])).toEqual([...sent.keys()]);
  });

  test("at a constant rate, for the next packet", () => {
    const pair = settled({ client: { padding: { kind: "constant", packetBytes: 300, intervalMs: 10 } } });
    expect(send(pair.client, Uint8Array.of(1))).toBe(false);
  });

  test("but not when another one is known to be lost: that is told once it may be sent again", () => {
    const pair = settled();
    const sent: boolean[] = [];
    pair.client.filter = () => false;
    send(pair.client, Uint8Array.of(1), () => sent.push(send(pair.client, Uint8Array.of(2))));
    pair.client.flush();
    pair.client.filter = undefined;
    pair.clock.run(pair.clock.nowMs + 2000);
    expect(sent).toEqual([true]);
    expect(pair.server.datagrams).toEqual([Uint8Array.of(2)]);
  });
});

test("a carrier that refuses everything for a while is tried again, without anybody's help", () => {
  const pair = settled();
  const stream = pair.client.engine.streams.open(true, 0)!;
  pair.client.refuses = true;
  pair.client.engine.streams.write(stream, Uint8Array.of(5));
  pair.client.flush();
  pair.clock.run(pair.clock.nowMs + 500);
  pair.client.refuses = false;
  pair.clock.run(pair.clock.nowMs + 50);
  expect(pair.server.incoming[0]!.receive!.readableBytes).toBe(1);
});

test("block padding makes datagrams that go at once as long as others", () => {
  const pair = settled({ client: { padding: { kind: "block", blockBytes: 256 } } });
  const lengths: number[] = [];
  pair.client.filter = (packet, padding) => lengths.push(packet.length + padding) > 0;
  for (const length of [1, 100, 254, 255]) send(pair.client, new Uint8Array(length));
  expect(lengths).toEqual([256, 256, 512, 512]);
});

describe("whoever is told of a datagram's fate", () => {
  test("may throw: that is reported, and the session goes on", () => {
    const pair = settled();
    const uncaught: unknown[] = [];
    const microtask = vi.spyOn(globalThis, "queueMicrotask").mockImplementation((task) => {
      try {
        task();
      } catch (error) {
        uncaught.push(error);
      }
    });
    onTestFinished(() => microtask.mockRestore());
    const fail = () => {
      throw new Error("the application's");
    };
    pair.client.engine.datagrams.maxAgeMs = 10;
    pair.client.hasRoom = false;
    pair.client.engine.sendDatagram(Uint8Array.of(1), fail);
    pair.clock.run(pair.clock.nowMs + 100);
    pair.client.hasRoom = true;
    pair.client.flush();
    pair.client.filter = () => false;
    send(pair.client, Uint8Array.of(2), fail);
    pair.client.flush();
    pair.client.filter = undefined;
    pair.clock.run(pair.clock.nowMs + 2000);
    expect(uncaught).toHaveLength(2);
    expect(send(pair.client, Uint8Array.of(3))).toBe(true);
    pair.clock.run(pair.clock.nowMs + 100);
    expect(pair.server.datagrams).toEqual([Uint8Array.of(3)]);
    expect([pair.client.end, pair.server.end]).toEqual([undefined, undefined]);
  });

  test("may send it again at once, even where it has become too old", () => {
    const pair = settled();
    pair.client.engine.datagrams.maxAgeMs = 10;
    pair.client.hasRoom = false;
    let again = 0;
    const resend = (datagram: Uint8Array) => {
      send(pair.client, datagram, (hasArrived) => {
        if (hasArrived || ++again > 1000) return;
        resend(datagram);
        pair.client.flush();
      });
    };
    for (let i = 0; i < 8; i++) resend(Uint8Array.of(i));
    pair.client.flush();
    pair.clock.run(pair.clock.nowMs + 100);
    pair.client.hasRoom = true;
    for (let i = 0; i < 20; i++) {
      pair.client.flush();
      pair.clock.run(pair.clock.nowMs + 100);
    }
    expect(again).toBeLessThan(200);
    expect(new Set(pair.server.datagrams.map(([first]) => first)).size).toBe(8);
  });
});
