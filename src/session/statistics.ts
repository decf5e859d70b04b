/** What a session counts. */

export interface SessionCounters {
  packetsSent: number;
  packetsReceived: number;
  /** In packets with what records add to them. */
  bytesSent: number;
  /** In packets without what records add to them. */
  bytesReceived: number;
  datagramsSent: number;
  datagramsReceived: number;
}

export function newCounters(): SessionCounters {
  return {
    packetsSent: 0,
    packetsReceived: 0,
    bytesSent: 0,
    bytesReceived: 0,
    datagramsSent: 0,
    datagramsReceived: 0,
  };
}
