/** The ACK message (RFC 9147 §7): a content type of its own, and no handshake message. */
import type { Bytes } from "../core/bytes.ts";
import { fault, Reader, Writer } from "./wire.ts";

/** Both safe integers. */
export interface RecordNumber {
  readonly epoch: number;
  readonly sequenceNumber: number;
}

const recordNumberLength = 16;

/** @param recordNumbers at most 4095, "in numerically increasing order" */
export function encodeAck(recordNumbers: readonly RecordNumber[]): Bytes {
  const writer = new Writer(2 + recordNumberLength * recordNumbers.length);
  writer.vector(2, (list) => {
    for (const { epoch, sequenceNumber } of recordNumbers) list.u64(epoch).u64(sequenceNumber);
  });
  return writer.finish();
}

/**
 * @throws SealgramError illegal_parameter for a record number that no record can have had, as its sequence
 *   number ends at 2^48 - 1 (RFC 9147 §4) and its epoch far below that
 */
export function decodeAck(content: Bytes): RecordNumber[] {
  const reader = new Reader(content);
  const list = reader.vector(2);
  reader.end();
  const recordNumbers: RecordNumber[] = [];
  while (list.remaining > 0) {
    const epoch = list.u64();
    const sequenceNumber = list.u64();
    if (epoch >= 2 ** 48 || sequenceNumber >= 2 ** 48) {
      throw fault("illegal_parameter", "invalid_ack", "an ACK of a record that cannot have been sent");
    }
    recordNumbers.push({ epoch, sequenceNumber });
  }
  return recordNumbers;
}
