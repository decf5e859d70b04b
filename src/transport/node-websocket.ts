/** WebSockets in Node, where not every version has one: those of the ws package, loaded when they are first needed. */
import { loadPart } from "../lazy.ts";
import type { WebSocketClass } from "./websocket.ts";

/**
 * Options of the ws package, for either side. A fragment, and a part of one, keeps the whole read of the socket in memory
 * that it came in, which is up to 64 KiB. A datagram needs no fragments; intermediaries may make some (RFC 6455 §5.4), and
 * Chromium does at the end of its ring buffer. Its declarations do not have all of these yet.
 */
export const webSocketOptions: object = {
  perMessageDeflate: false,
  // More than any datagram has; what is longer than the gateway's limit is dropped, and its client stays.
  maxPayload: 65_536,
  maxFragments: 4,
  // Reads of which one frame is made.
  maxBufferedChunks: 256,
  // For how long the other side's part of a closing handshake is waited for.
  closeTimeout: 1000,
};

export async function nodeWebSocket(): Promise<WebSocketClass> {
  const { WebSocket } = await loadPart(() => import("ws"));
  return class extends WebSocket {
    constructor(url: string) {
      super(url, webSocketOptions);
    }
  } as unknown as WebSocketClass;
}
