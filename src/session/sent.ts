/** What packets have carried, so that recovery's verdict on a packet reaches whoever has filled it. */
import { FrameType } from "./frames.ts";
import type { SentRange } from "./send-stream.ts";
import type { Stream } from "./stream.ts";

/** A frame about a stream, or about all of them. */
export interface SentFrame {
  readonly type: number;
  readonly stream: Stream | undefined;
  /** Of a STREAM frame. */
  readonly range: SentRange | undefined;
  readonly next: Sent | undefined;
}

export interface SentAck {
  readonly type: typeof FrameType.ack;
  readonly epoch: number;
  readonly largest: number;
  readonly next: Sent | undefined;
}

export interface SentDatagram {
  readonly type: typeof FrameType.datagram;
  /** Told whether the datagram has arrived. */
  readonly fate: ((hasArrived: boolean) => void) | undefined;
  readonly next: Sent | undefined;
}

/** This side's transport parameters; and for whoever keeps a log, the number of the packet. */
export interface SentParameters {
  readonly type: "parameters";
  readonly next: Sent | undefined;
}

export interface SentNumber {
  readonly type: "number";
  readonly epoch: number;
  readonly sequenceNumber: number;
  readonly isMtuProbe: boolean;
  readonly next: Sent | undefined;
}

/** What is in a packet; `next` is something else in the same one. */
export type Sent = SentFrame | SentAck | SentDatagram | SentParameters | SentNumber;

/** A datagram whose fate nobody asks for, alone in its packet: one for all of them. */
export const DATAGRAM: SentDatagram = { type: FrameType.datagram, fate: undefined, next: undefined };

export function sentDatagram(fate: SentDatagram["fate"], next: Sent | undefined): SentDatagram {
  return fate === undefined && next === undefined ? DATAGRAM : { type: FrameType.datagram, fate, next };
}
