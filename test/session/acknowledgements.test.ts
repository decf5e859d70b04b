/** When an engine acknowledges, and in what (RFC 9000 §13). */
import { describe, expect, test } from "vitest";
import { FrameType } from "../../src/session/frames.ts";
import { ack, control, stream } from "./packets.ts";
import { ScriptedServer } from "./scripted.ts";

const ping = () => control(FrameType.ping);
const acks = (server: ScriptedServer) => server.packets.flat().filter(([name]) => name === "ackBegin");

describe("an ACK", () => {
  test("of one packet goes out within max_ack_delay, once, and alone (§13.2.1)", () => {
    const server = new ScriptedServer();
    server.give(ping());
    expect(server.packets).toEqual([]);
    server.pass(server.engine.recovery.rtt.maxAckDelayMs);
    expect(server.packets).toHaveLength(1);
    expect(server.packets[0]!.map(([name]) => name)).toEqual(["ackBegin", "ackRange", "ackEnd"]);
    server.pass(100_000);
    expect(server.packets).toHaveLength(1);
  });

  test("of two packets, and of one out of order, goes at once (§13.2.1, §13.2.2)", () => {
    const server = new ScriptedServer();
    server.give(ping());
    server.give(ping());
    expect(acks(server)).toHaveLength(1);
    server.pair.client.nextSequenceNumber++;
    server.give(ping());
    expect(acks(server)).toHaveLength(2);
    server.pair.client.nextSequenceNumber -= 2;
    server.give(ping());
    expect(acks(server)).toHaveLength(3);
  });

  test("goes with whatever is sent anyway (§13.2, §13.2.1)", () => {
    const server = new ScriptedServer();
    server.give(ping());
    server.engine.sendDatagram(Uint8Array.of(1));
    server.flush();
    expect(server.packets.map((frames) => frames.map(([name]) => name))).toEqual([
      ["ackBegin", "ackRange", "ackEnd", "datagram"],
    ]);
    server.pass(100);
    expect(acks(server)).toHaveLength(1);
  });

  test("is not due for a packet of ACK and PADDING frames, with gaps before it or not (§13.2.1)", () => {
    const server = new ScriptedServer();
    const { epoch, nextSequenceNumber } = server.pair.server;
    const newest = nextSequenceNumber - 1;
    for (let i = 0; i < 5; i++) {
      server.pair.client.nextSequenceNumber += 2;
      server.give(ack(epoch, newest, newest), Uint8Array.of(FrameType.padding));
    }
    server.pass(10_000);
    expect(server.packets).toEqual([]);
    expect(server.fault).toBeUndefined();
  });

  test("is no answer to a packet whose frames were not all processed (§13.1)", () => {
    const server = new ScriptedServer();
    server.give(ping());
    const { nextSequenceNumber } = server.pair.client;
    server.give(ping(), Uint8Array.of(0x3f));
    server.flush();
    expect(server.fault).toBe("frame_encoding_error");
    const ranges = server.packets.flat().filter(([name]) => name === "ackRange");
    expect(ranges[0]?.[3]).toBe(nextSequenceNumber - 1);
  });

  test("goes although the congestion window is full and the pacer holds data back (RFC 9002 §7.7)", () => {
    const server = new ScriptedServer();
    const { streams, recovery } = server.engine;
    const each = streams.open(true, 0)!;
    streams.write(each, new Uint8Array(500_000));
    server.flush();
    expect(recovery.canSend(1200, server.pair.clock.nowMs)).toBe(false);
    server.packets.length = 0;
    server.give(ping());
    server.give(ping());
    expect(server.packets.map((frames) => frames.map(([name]) => name))).toEqual([
      ["ackBegin", "ackRange", "ackEnd"],
    ]);
  });

  test("tells of the packet with the largest number, and how long that has waited (§13.2.3, §13.2.5)", () => {
    const server = new ScriptedServer();
    const { client } = server.pair;
    client.nextSequenceNumber += 5;
    server.give(ping());
    const largest = client.nextSequenceNumber - 1;
    server.packets.length = 0;
    client.nextSequenceNumber -= 4;
    server.give(stream(0, 0, 1));
    client.nextSequenceNumber += 10;
    expect(server.take("ackBegin").map(([, number]) => number)).toEqual([largest]);
    server.give(ping());
    server.pass(4);
    server.packets.length = 0;
    server.engine.sendDatagram(Uint8Array.of(1));
    server.flush();
    server.give(ping());
    server.pass(7);
    server.engine.sendDatagram(Uint8Array.of(1));
    server.flush();
    // In units of 2^3 microseconds.
    expect(
      server
        .take("ackBegin")
        .map(([, , delay]) => delay)
        .at(-1),
    ).toBe(7000 / 8);
  });
});

describe("a probe after a time-out (RFC 9002 §6.2.4)", () => {
  /** What one carries while bytes 0 to 99 of a stream are on their way. */
  function probe(prepare: (server: ScriptedServer) => void): string[][] {
    const server = new ScriptedServer();
    const { streams, recovery } = server.engine;
    const each = streams.open(true, 0)!;
    streams.write(each, new Uint8Array(100));
    server.flush();
    server.packets.length = 0;
    server.pair.server.hasRoom = false;
    prepare(server);
    const { deadlineMs } = recovery;
    server.pass(deadlineMs - server.pair.clock.nowMs + 2);
    server.pair.server.hasRoom = true;
    server.flush();
    return server.packets.map((frames) =>
      frames.map(([name, ...values]) => [name, values[1] ?? ""].join(" ")),
    );
  }

  test("carries new data, if there is any", () => {
    const packets = probe((server) => {
      server.engine.streams.write(server.engine.streams.get(3)!, new Uint8Array(100));
    });
    expect(packets[0]).toEqual(["stream 100"]);
  });

  test("carries what is in flight once more, if there is nothing new", () => {
    expect(probe(() => {})).toEqual([["stream 0"], ["stream 0"]]);
  });

  test("carries a PING, if there is nothing else to say", () => {
    const packets = probe((server) => {
      server.pair.server.hasRoom = true;
      server.engine.sendDatagram(Uint8Array.of(1));
      server.engine.streams.reset(server.engine.streams.get(3)!, 0);
      server.flush();
      server.acknowledge();
      server.engine.sendDatagram(Uint8Array.of(1));
      server.flush();
      server.packets.length = 0;
    });
    expect(packets).toEqual([["ping "], ["ping "]]);
  });
});
