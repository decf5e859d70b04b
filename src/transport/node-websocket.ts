/** WebSockets in Node, where not every version has one: those of the ws package, loaded when they are first needed. */
import { loadPart } from "../lazy.ts";
import type { WebSocketClass } from "./websocket.ts";

/** Above any datagram. */
const MAX_MESSAGE_BYTES = 65_536;
/** For how long the other side's part of a closing handshake is waited for. */
const CLOSE_TIMEOUT_MS = 1000;

export async function nodeWebSocket(): Promise<WebSocketClass> {
  const { WebSocket } = await loadPart(() => import("ws"));
  // Its declarations do not have closeTimeout yet.
  const options: object = {
    perMessageDeflate: false,
    maxPayload: MAX_MESSAGE_BYTES,
    closeTimeout: CLOSE_TIMEOUT_MS,
  };
  return class extends WebSocket {
    constructor(url: string) {
      super(url, options);
    }
  } as unknown as WebSocketClass;
}
