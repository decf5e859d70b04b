/** What this side tells the peer of itself. */
import type { SessionOptions } from "./options.ts";
import type { TransportParameters } from "./parameters.ts";

const MAX_ACK_DELAY_MS = 25;
/** "This value SHOULD include the receiver's expected delays in alarms firing" (§18.2). */
const LATE_TIMER_MS = 5;
const ACK_DELAY_EXPONENT = 3;
/** Any datagram that UDP carries. */
const MAX_UDP_PAYLOAD_SIZE = 65_527;
/** Any DATAGRAM frame that a packet has room for (RFC 9221 §3 recommends this value). */
const MAX_DATAGRAM_FRAME_SIZE = 65_535;

export function ownParameters(options: SessionOptions): TransportParameters {
  const { streamWindow, sessionWindow, maxIncomingBidi, maxIncomingUni, idleTimeoutMs, padding } = options;
  // At a constant rate an ACK waits for the next packet.
  const waitMs = padding.kind === "constant" ? Math.ceil(padding.intervalMs) + LATE_TIMER_MS : 0;
  return {
    maxIdleTimeoutMs: Math.round(idleTimeoutMs ?? 0),
    maxUdpPayloadSize: MAX_UDP_PAYLOAD_SIZE,
    initialMaxData: sessionWindow.initialBytes,
    initialMaxStreamDataBidiLocal: streamWindow.initialBytes,
    initialMaxStreamDataBidiRemote: streamWindow.initialBytes,
    initialMaxStreamDataUni: streamWindow.initialBytes,
    initialMaxStreamsBidi: maxIncomingBidi,
    initialMaxStreamsUni: maxIncomingUni,
    ackDelayExponent: ACK_DELAY_EXPONENT,
    maxAckDelayMs: Math.max(MAX_ACK_DELAY_MS, waitMs),
    maxDatagramFrameSize: MAX_DATAGRAM_FRAME_SIZE,
  };
}
