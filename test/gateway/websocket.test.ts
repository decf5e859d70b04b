/** The client's connection to a gateway, on a WebSocket that is none. */
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { SealgramError } from "../../src/errors.ts";
import type { Carrier } from "../../src/transport/types.ts";
import { openWebSocket, type WebSocketClass } from "../../src/transport/websocket.ts";

class FakeSocket {
  static last: FakeSocket;
  binaryType = "";
  bufferedAmount = 0;
  readonly sent: Uint8Array[] = [];
  closedBy: number | undefined;
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: ArrayBuffer }) => void) | null = null;
  onclose: ((event: { code: number }) => void) | null = null;
  onerror: (() => void) | null = null;

  constructor() {
    FakeSocket.last = this;
    queueMicrotask(() => this.onopen?.());
  }

  send(message: Uint8Array): void {
    this.sent.push(message);
  }

  close(code: number): void {
    this.closedBy = code;
  }

  receive(length: number): void {
    this.onmessage!({ data: new ArrayBuffer(length) });
  }
}

interface World {
  readonly carrier: Carrier;
  readonly socket: FakeSocket;
  readonly received: number[];
  readonly failures: string[];
}

async function open(): Promise<World> {
  const received: number[] = [];
  const failures: string[] = [];
  const address = { url: "ws://127.0.0.1/game", host: "127.0.0.1", port: 80 };
  const handler = {
    datagram: ({ length }: Uint8Array) => void received.push(length),
    drained() {},
    refused() {},
    failed: (error: Error) => void failures.push((error as SealgramError).code),
  };
  const signal = new AbortController().signal;
  const carrier = await openWebSocket(FakeSocket as unknown as WebSocketClass, address, handler, signal);
  return { carrier, socket: FakeSocket.last, received, failures };
}

const remote = { host: "127.0.0.1", port: 80 };
const datagram = new Uint8Array(20);

beforeEach(() => void vi.useFakeTimers());
afterEach(() => {
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

test("a connection on which nothing comes back, not even what only the gateway has to answer, is lost", async () => {
  const { carrier, socket, failures } = await open();
  vi.advanceTimersByTime(7_000);
  socket.receive(20);
  carrier.send(datagram, remote);
  vi.advanceTimersByTime(8_000);
  expect(failures).toEqual([]);
  vi.advanceTimersByTime(4_000);
  expect(failures).toEqual(["gateway_closed"]);
  expect(socket.closedBy).toBe(1000);
  expect(carrier.send(datagram, remote)).toBe(false);
  expect(socket.sent.map(({ length }) => length)).toEqual([20, 0]);
});

test("one that nothing is sent on is asked about every half minute, and lost without an answer", async () => {
  const { socket, received, failures } = await open();
  for (let i = 1; i <= 4; i++) {
    vi.advanceTimersByTime(28_000);
    expect(socket.sent.map(({ length }) => length)).toEqual(new Array(i).fill(0));
    socket.receive(0);
  }
  expect(received).toEqual([]);
  expect(failures).toEqual([]);
  vi.advanceTimersByTime(36_000);
  expect(failures).toEqual(["gateway_closed"]);
});

test("one whose server is silent stays, as long as the gateway answers", async () => {
  const { carrier, socket, failures } = await open();
  for (let i = 0; i < 100; i++) {
    carrier.send(datagram, remote);
    vi.advanceTimersByTime(1_000);
    if (socket.sent.at(-1)!.length === 0) socket.receive(0);
  }
  expect(failures).toEqual([]);
  void carrier.close();
});

test("one on which datagrams come is asked nothing", async () => {
  const { carrier, socket, received } = await open();
  for (let i = 0; i < 100; i++) {
    carrier.send(datagram, remote);
    socket.receive(20);
    vi.advanceTimersByTime(1_000);
  }
  expect(socket.sent).toHaveLength(100);
  expect(received).toHaveLength(100);
  void carrier.close();
});
