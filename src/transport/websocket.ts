/** Datagrams as binary messages of a WebSocket, to a gateway that exchanges them with a server by UDP. */
import { onAbort } from "../abort.ts";
import { closedByGateway, noGateway } from "./gateway-codes.ts";
import {
  type Carrier,
  type CarrierHandler,
  type CarrierStatistics,
  type GatewayAddress,
  newStatistics,
} from "./types.ts";

/** A WebSocket of the runtime, or of a module. */
export type WebSocketClass = new (url: string) => WebSocket;

/** What may wait to be sent. More would only come late: it waits behind all that TCP sends again. */
const MAX_QUEUED_BYTES = 256 * 1024;
/** Nothing tells that a WebSocket's queue has got shorter: it has to be looked at. */
const LOOK_INTERVAL_MS = 5;

/** How often it is looked whether anything has come. */
const WATCH_INTERVAL_MS = 4_000;
/** After so many looks in vain the gateway is asked, and one look later than the next one the connection is lost. */
const ASK_AT = 7;

/**
 * A connection whose path is gone looks as it always did, and a page cannot send pings (RFC 6455 §5.5.2). An empty message
 * stands for one: it is no datagram, and the gateway sends it back. It goes out as soon as nothing has come after what
 * was sent, or else after half a minute of silence.
 */
class WebSocketCarrier implements Carrier {
  readonly statistics: CarrierStatistics = newStatistics();
  readonly #socket: WebSocket;
  readonly #handler: CarrierHandler;
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #watch = setInterval(() => this.#lookForLife(), WATCH_INTERVAL_MS);
  /** Since anything was heard, and what had been sent then. */
  #looksInVain = 0;
  #sentBefore = 0;
  #closing: Promise<void> | undefined;
  #settleClosed: (() => void) | undefined;
  #isGone = false;

  constructor(socket: WebSocket, { host, port }: GatewayAddress, handler: CarrierHandler) {
    this.#socket = socket;
    this.#handler = handler;
    socket.onmessage = ({ data }) => {
      if (this.#closing !== undefined) return;
      if (typeof data === "string") {
        this.statistics.errors++;
        return;
      }
      this.#looksInVain = 0;
      this.#sentBefore = this.statistics.sent;
      if (data.byteLength === 0) return;
      this.statistics.received++;
      handler.datagram(new Uint8Array(data), host, port);
    };
    socket.onerror = () => {
      this.statistics.errors++;
    };
    socket.onclose = ({ code }) => this.#gone(code);
  }

  #gone(code: number): void {
    this.#isGone = true;
    clearInterval(this.#watch);
    clearTimeout(this.#timer);
    this.#settleClosed?.();
    if (this.#closing !== undefined) return;
    this.#closing = Promise.resolve();
    this.#handler.failed(closedByGateway(code));
  }

  #lookForLife(): void {
    const isOwed = this.statistics.sent > this.#sentBefore;
    if (++this.#looksInVain > ASK_AT + 1) {
      void this.close();
      this.#handler.failed(closedByGateway(undefined));
    } else if (this.#looksInVain === ASK_AT || (this.#looksInVain < ASK_AT && isOwed)) {
      this.#looksInVain = ASK_AT;
      this.#socket.send(new Uint8Array(0));
    }
  }

  send(datagram: Uint8Array): boolean {
    if (this.#closing !== undefined) return false;
    if (this.#socket.bufferedAmount + datagram.length > MAX_QUEUED_BYTES) {
      this.statistics.refusedByQueue++;
      this.#timer ??= setTimeout(this.#look, LOOK_INTERVAL_MS);
      return false;
    }
    this.#socket.send(datagram as Uint8Array<ArrayBuffer>);
    this.statistics.sent++;
    return true;
  }

  readonly #look = (): void => {
    this.#timer = undefined;
    if (this.#closing !== undefined) return;
    if (this.#socket.bufferedAmount <= MAX_QUEUED_BYTES / 2) this.#handler.drained();
    else this.#timer = setTimeout(this.#look, LOOK_INTERVAL_MS);
  };

  close(): Promise<void> {
    this.#closing ??= new Promise((resolve) => {
      clearInterval(this.#watch);
      clearTimeout(this.#timer);
      if (this.#isGone) return resolve();
      this.#settleClosed = resolve;
      this.#socket.close(1000);
    });
    return this.#closing;
  }
}

/**
 * Connects to a gateway.
 * @param gateway with a URL that begins with `ws:` or `wss:`
 * @throws SealgramError gateway_unreachable or untrusted_gateway, or the signal's reason
 */
export function openWebSocket(
  WebSocket: WebSocketClass,
  gateway: GatewayAddress,
  handler: CarrierHandler,
  signal: AbortSignal,
): Promise<Carrier> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const socket = begin(WebSocket, gateway.url);
    socket.binaryType = "arraybuffer";
    const ignore = onAbort(signal, () => socket.close());
    const fail = (problem: unknown) => {
      ignore();
      reject(signal.aborted ? signal.reason : noGateway(gateway.url, problem));
    };
    socket.onopen = () => {
      ignore();
      resolve(new WebSocketCarrier(socket, gateway, handler));
    };
    // It is the last that Chromium tells where a page's policy forbids the connection.
    socket.onerror = (event) => {
      const { error, message } = event as Partial<ErrorEvent>;
      fail(error ?? message);
    };
    socket.onclose = () => fail(undefined);
  });
}

/** Browsers throw where a page may not connect: from https: to ws:, or in Firefox by its Content-Security-Policy. */
function begin(WebSocket: WebSocketClass, url: string): WebSocket {
  try {
    return new WebSocket(url);
  } catch (cause) {
    throw noGateway(url, cause);
  }
}
