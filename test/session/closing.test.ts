/** What the peer learns of the end. */
import { describe, expect, test } from "vitest";
import { FrameType, writeConnectionClose } from "../../src/session/frames.ts";
import { control, packet } from "./packets.ts";
import { SessionPair } from "./pair.ts";
import { ScriptedServer } from "./scripted.ts";

test("the code goes out again together with what ends the carrier, so that it is not taken for an end without one", () => {
  const pair = new SessionPair().ready();
  pair.clock.run(pair.clock.nowMs + 1000);
  let lost = 0;
  // Its type and the code; there may be an ACK before it.
  const close = Buffer.of(FrameType.connection_close_application, 0x52, 0x67);
  pair.client.filter = (packet) => !Buffer.from(packet).includes(close) || lost++ >= 3;
  // What comes from the peer would be answered.
  pair.server.filter = () => false;
  pair.client.engine.close(4711, "au revoir");
  pair.client.flush();
  expect(pair.until(() => pair.server.end !== undefined)).toBe(true);
  expect(pair.server.end).toMatchObject({ closeCode: 4711, reason: "au revoir" });
});

describe("the closing state (RFC 9000 §10.2.1)", () => {
  test("answers whatever still comes with the end, ever less often", () => {
    const server = new ScriptedServer();
    server.engine.close(7, "enough");
    server.flush();
    server.packets.length = 0;
    for (let i = 0; i < 100; i++) server.give(control(FrameType.ping));
    expect(server.packets.flat().filter(([name]) => name === "connectionClose")).toHaveLength(6);
    expect(server.packets).toHaveLength(6);
  });

  test("lasts three probe time-outs, and leaves nothing (§10.2)", () => {
    const server = new ScriptedServer();
    const { probeTimeoutMs } = server.engine.recovery.rtt;
    const startMs = server.pair.clock.nowMs;
    server.engine.close(7, "enough");
    server.flush();
    server.pair.clock.run(startMs + 3 * probeTimeoutMs - 1);
    expect(server.pair.server.isCarrierClosed).toBe(false);
    server.pair.clock.run(startMs + 3 * probeTimeoutMs + 2);
    expect(server.pair.server.isCarrierClosed).toBe(true);
    expect(server.engine.deadlineMs).toBe(Number.POSITIVE_INFINITY);
  });

  test("sends nothing else", () => {
    const server = new ScriptedServer();
    const each = server.engine.streams.open(true, 0)!;
    server.engine.streams.write(each, new Uint8Array(100_000));
    server.engine.sendDatagram(new Uint8Array(100));
    server.engine.close(7, "enough");
    server.flush();
    // What was taken before goes first.
    expect(server.packets.flat().filter(([name]) => name === "datagram")).toHaveLength(1);
    server.packets.length = 0;
    server.give(control(FrameType.max_data, 2 ** 40));
    server.pass(100_000);
    const names = new Set(server.packets.flat().map(([name]) => name));
    for (const name of ["ackBegin", "ackRange", "ackEnd"] as const) names.delete(name);
    expect(names).toEqual(new Set(["connectionClose"]));
  });
});

test("whoever is told of the end sends no packet any more (RFC 9000 §10.2.2)", () => {
  const server = new ScriptedServer();
  const each = server.engine.streams.open(true, 0)!;
  server.engine.streams.write(each, new Uint8Array(100_000));
  server.give(
    control(FrameType.ping),
    packet((writer) => writeConnectionClose(writer, true, 5, 0, new Uint8Array(0))),
  );
  expect(server.pair.server.end?.closeCode).toBe(5);
  server.give(control(FrameType.ping));
  server.pass(100_000);
  expect(server.packets).toEqual([]);
  expect(server.pair.server.isCarrierClosed).toBe(true);
});
