/** RFC 9147 §5.8.3, §7.1 and §7.2: a flight of many records to peers that acknowledge in all the ways there are, and to none. */
import { describe, expect, test } from "vitest";
import { ContentType } from "../../src/core/index.ts";
import type { Signer } from "../../src/crypto/provider.ts";
import { CertificateType } from "../../src/dtls/config.ts";
import { Ranges } from "../../src/dtls/ranges.ts";
import type { RecordNumber } from "../../src/tls/ack.ts";
import { HandshakeType, SignatureScheme } from "../../src/tls/codepoints.ts";
import { Lab } from "./scripted-peer.ts";

/** Signs at once; the script never looks. */
const signer: Signer = {
  schemes: [SignatureScheme.ed25519],
  publicKey: new Uint8Array(44),
  sign: () => new Uint8Array(64),
};
const ONE_WAY_MS = 10;

/** A server that has sent the beginning of a flight with a certificate of so many bytes; the script alone answers. */
function largeServer(chainBytes: number): Lab {
  const certificates = [new Uint8Array(chainBytes)];
  const verifyServer = { certificateTypes: [CertificateType.X509], verify: () => signer.publicKey };
  const lab = new Lab("server", {
    client: { psks: [], verifyServer },
    server: { credentials: [{ type: CertificateType.X509, certificates, signer }] },
  });
  lab.isHeard = false;
  return lab.begin();
}

/** Receives for so long; each record is answered by the ACKs that `answer` gives, at a round trip of 20 ms. */
function receive(
  lab: Lab,
  milliseconds: number,
  answer: (number: RecordNumber, before: readonly RecordNumber[]) => readonly (readonly RecordNumber[])[],
) {
  const acks: { readonly atMs: number; readonly numbers: readonly RecordNumber[] }[] = [];
  const seen: RecordNumber[] = [];
  const messages = new Map<number, { readonly length: number; readonly received: Ranges }>();
  let wholeAtMs: number | undefined;
  let finishedSeq: number | undefined;
  const startMs = lab.nowMs;
  const take = () => {
    const records = lab.observe();
    for (const { type, messageSeq, length, offset, data } of lab.fragments(records)) {
      const message = messages.get(messageSeq) ?? { length, received: new Ranges() };
      messages.set(messageSeq, message);
      message.received.add(offset, offset + data.length);
      if (type === HandshakeType.finished) finishedSeq = messageSeq;
    }
    for (const { type, epoch, sequenceNumber } of records) {
      if (type !== ContentType.handshake) continue;
      const number = { epoch, sequenceNumber };
      for (const numbers of answer(number, seen)) acks.push({ atMs: lab.nowMs + 2 * ONE_WAY_MS, numbers });
      seen.push(number);
    }
    const isWhole =
      messages.size - 1 === finishedSeq &&
      [...messages.values()].every((message) => message.received.covers(message.length));
    if (isWhole) wholeAtMs ??= lab.nowMs - startMs;
  };
  while (lab.nowMs < startMs + milliseconds) {
    take();
    while (acks.length > 0 && acks[0]!.atMs <= lab.nowMs) lab.ack(2, acks.shift()!.numbers);
    take();
    lab.advance(1);
  }
  const sentBytes = lab.sent.reduce((sum, { length }) => sum + length, 0);
  return { wholeAtMs, sentBytes, records: seen.length };
}

const all = (number: RecordNumber, before: readonly RecordNumber[]) => [...before.slice(-50), number];

describe.each([9_000, 20_000, 60_000])("a chain of %d bytes", (chainBytes) => {
  test.each([
    ["each record at once, alone", (number: RecordNumber) => [[number]]],
    ["each record at once, and those before", (n: RecordNumber, b: readonly RecordNumber[]) => [all(n, b)]],
    ["each record twice", (number: RecordNumber) => [[number], [number]]],
    [
      "each record at once, amid ACKs of nothing",
      (number: RecordNumber, { length }: readonly RecordNumber[]) =>
        length === 0 ? [[number]] : [[], [number], []],
    ],
    [
      "every second record, and those before",
      (n: RecordNumber, b: readonly RecordNumber[]) => (b.length % 2 === 0 ? [] : [all(n, b)]),
    ],
  ])("is sent about once to a peer that acknowledges %s", (_name, answer) => {
    const { wholeAtMs, sentBytes } = receive(largeServer(chainBytes), 3000, answer);
    expect(wholeAtMs).toBeLessThan(40 + (chainBytes / 11_000) * 50);
    expect(sentBytes).toBeLessThan(chainBytes * 1.15 + 1200);
  });

  test("arrives in the end at a peer that acknowledges nothing before it has all", () => {
    const { wholeAtMs } = receive(largeServer(chainBytes), 60_000, () => []);
    expect(wholeAtMs).toBeLessThan(chainBytes < 30_000 ? 3_000 : 60_000);
  });

  test("is sent at most ten records at a time", () => {
    const lab = largeServer(chainBytes);
    const first = lab.observe().length;
    expect(first).toBeLessThanOrEqual(10);
    for (let i = 0; i < 8; i++) {
      lab.advance(lab.subject.flightDeadlineMs! - lab.nowMs);
      expect(lab.observe().length).toBeLessThanOrEqual(10);
    }
  });
});

test("what left less than a round trip ago is not sent again, whatever an ACK leaves out", () => {
  const lab = largeServer(9_000);
  const records = lab.observe();
  lab.advance(20);
  lab.ack(2, [records[0]!]);
  expect(lab.observe()).toEqual([]);
  // All but one of the rest; the one is missing for longer than an answer takes.
  lab.advance(1);
  lab.ack(2, records.slice(2));
  expect(lab.observe()).toEqual([]);
  lab.advance(60);
  const again = lab.fragments();
  expect(again.map(({ offset }) => offset)).toEqual(lab.fragments([records[1]!]).map(({ offset }) => offset));
});
