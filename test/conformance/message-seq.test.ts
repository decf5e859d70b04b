import { expect, test } from "vitest";
import { RecordCore } from "../../src/core/index.ts";
import { DatagramPacker } from "../../src/dtls/datagrams.ts";
import { RecordLayer } from "../../src/dtls/record-layer.ts";
import { Reliability } from "../../src/dtls/reliability.ts";
import { defaultReliability } from "../../src/dtls/reliability-options.ts";

test("message_seq MUST NOT wrap: the association ends (§5.2)", () => {
  const records = new RecordLayer(RecordCore.loadSync(), {
    length: () => 0,
    isOpen: () => false,
    has: () => false,
  });
  const sent: number[] = [];
  const sink = {
    allowedBytes: () => Number.POSITIVE_INFINITY,
    admit: () => true,
    transmit: (datagram: Uint8Array) => sent.push((datagram[17]! << 8) | datagram[18]!),
    transmitLater: () => {},
  };
  const packer = () => new DatagramPacker(records, 1200, sink);
  const host = { now: () => 0, packer, reduceMtu: () => {}, limitMtu: () => {} };
  const reliability = new Reliability(records, host, defaultReliability, 0xffff);
  const message = { epoch: 0, bytes: Uint8Array.of(1, 0, 0, 1, 7) };
  reliability.sendFlight([message]);
  expect(sent).toEqual([0xffff]);
  expect(() => reliability.sendFlight([message])).toThrow("message_seq");
  expect(sent).toEqual([0xffff]);
});
