/**
 * What the session's engine uses of recovery.
 *
 * Sending: `canSend`, then `onPacketSent` with the record's number. An ACK frame: `onAckBegin`, `onAckRange` for each
 * range, `onAckEnd`. Time: `deadlineMs` and `handleTimeout`; `nextSendMs` to try sending again. Receiving:
 * `ReceivedPackets.onReceived`, its `deadlineMs`, and `onAckSent` when the frame of `ranges` has gone.
 */
export type { CongestionAlgorithm } from "./congestion.ts";
export type { PacketRange } from "./packet-number.ts";
export { defaultPathMtu, type PathMtu, type PathMtuOptions, type PathMtuState } from "./path-mtu.ts";
export { type AcknowledgementOptions, defaultAcknowledgement, ReceivedPackets } from "./received-packets.ts";
export {
  defaultRecovery,
  Recovery,
  type RecoveryHost,
  type RecoveryOptions,
  type RecoveryStatistics,
} from "./recovery.ts";
export { PacketKind } from "./sent-packets.ts";
