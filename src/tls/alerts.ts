/** Alert records (RFC 9846 §6). */
import type { Bytes } from "../core/bytes.ts";
import { Alert, type AlertName } from "../errors.ts";
import { fault, Reader } from "./wire.ts";

const level = { warning: 1, fatal: 2 } as const;

const names: ReadonlyMap<number, AlertName> = new Map(
  Object.entries(Alert).map(([name, description]) => [description, name as AlertName]),
);

/** An alert as it was received. */
export interface ReceivedAlert {
  readonly description: number;
  /** `undefined` for a description that has no name here: an error alert all the same. */
  readonly name: AlertName | undefined;
}

/** The content of an alert record, with the level that the alert implies. */
export function encodeAlert(name: AlertName): Bytes {
  const closes = name === "close_notify" || name === "user_canceled";
  return Uint8Array.of(closes ? level.warning : level.fatal, Alert[name]);
}

/**
 * Decodes the content of an alert record. The level says nothing (RFC 9846 §6), but has to be one.
 * @throws SealgramError decode_error for a wrong length, illegal_parameter for an unknown level
 */
export function decodeAlert(content: Bytes): ReceivedAlert {
  const reader = new Reader(content);
  const alertLevel = reader.u8();
  const description = reader.u8();
  reader.end();
  if (alertLevel !== level.warning && alertLevel !== level.fatal) {
    throw fault("illegal_parameter", "invalid_alert", `AlertLevel ${alertLevel}`);
  }
  return { description, name: names.get(description) };
}
