import { randomFillSync } from "node:crypto";
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import type { ConnectOptions } from "../src/endpoint/connect.ts";
import { connect } from "../src/endpoint/node-index.ts";

// Programs that a server does not know: they send it ClientHellos from many addresses of the loopback network, or begin
// handshakes with a valid cookie and leave them.

const ADDRESSES = 64;
const SOCKETS = 512;
const TICK_MS = 1;

const RECORD_HEADER = 13;
const MESSAGE_HEADER = 12;
const RANDOM_AT = RECORD_HEADER + MESSAGE_HEADER + 2;
const COOKIE_TYPE = 44;

/** The first datagram of a client that connects with these options: a whole ClientHello. */
export async function recordHello(options: ConnectOptions): Promise<Uint8Array> {
  const socket = createSocket("udp4");
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  const abort = new AbortController();
  const failed = connect(`udp://127.0.0.1:${socket.address().port}`, { ...options, signal: abort.signal });
  const [hello] = (await once(socket, "message")) as [Uint8Array];
  abort.abort();
  await failed.catch(() => {});
  socket.close();
  return Uint8Array.from(hello);
}

export interface Flood {
  /** Ends it, and tells how many there were a second. */
  stop(): number;
}

/**
 * Floods a server on the loopback address.
 * @param hello of a client that it would take
 * @param perSecond how many hellos, or handshakes
 * @param halfOpen whether the cookie is sent back, in a second ClientHello
 */
export async function startFlood(
  port: number,
  hello: Uint8Array,
  perSecond: number,
  halfOpen: boolean,
): Promise<Flood> {
  const sockets = await Promise.all(
    Array.from({ length: SOCKETS }, (_, n) => open(`127.0.1.${1 + (n % ADDRESSES)}`)),
  );
  let answered = 0;
  const latest = new Map<Socket, Uint8Array>();
  for (const socket of sockets) {
    if (!halfOpen) continue;
    socket.on("message", (answer: Uint8Array) => {
      const second = secondHello(latest.get(socket)!, answer);
      if (second === undefined) return;
      answered++;
      socket.send(second, port, "127.0.0.1");
    });
  }
  let sent = 0;
  const started = performance.now();
  const timer = setInterval(() => {
    const due = Math.min(((performance.now() - started) / 1000) * perSecond, sent + perSecond / 20);
    for (; sent < due; sent++) {
      const first = hello.slice();
      randomFillSync(first, RANDOM_AT, 32);
      const socket = sockets[sent % SOCKETS]!;
      latest.set(socket, first);
      socket.send(first, port, "127.0.0.1");
    }
  }, TICK_MS);
  return {
    stop() {
      clearInterval(timer);
      for (const socket of sockets) socket.close();
      return (halfOpen ? answered : sent) / ((performance.now() - started) / 1000);
    },
  };
}

async function open(host: string): Promise<Socket> {
  const socket = createSocket("udp4");
  socket.on("error", () => {});
  socket.bind(0, host);
  await once(socket, "listening");
  return socket;
}

/** The ClientHello with the cookie of a HelloRetryRequest in front of its extensions; `undefined` for other answers. */
export function secondHello(hello: Uint8Array, answer: Uint8Array): Uint8Array | undefined {
  const cookie = cookieOf(answer);
  if (cookie === undefined) return undefined;
  const extension = Buffer.alloc(4 + cookie.length);
  extension.writeUInt16BE(COOKIE_TYPE, 0);
  extension.writeUInt16BE(cookie.length, 2);
  extension.set(cookie, 4);
  const body = Buffer.from(hello.subarray(RECORD_HEADER + MESSAGE_HEADER));
  const at = extensionsAt(body);
  const grown = Buffer.concat([body.subarray(0, at + 2), extension, body.subarray(at + 2)]);
  grown.writeUInt16BE(body.readUInt16BE(at) + extension.length, at);
  const header = Buffer.from(hello.subarray(0, RECORD_HEADER + MESSAGE_HEADER));
  header[RECORD_HEADER - 3] = 1;
  header.writeUInt16BE(MESSAGE_HEADER + grown.length, RECORD_HEADER - 2);
  header.writeUIntBE(grown.length, RECORD_HEADER + 1, 3);
  header.writeUInt16BE(1, RECORD_HEADER + 4);
  header.writeUIntBE(grown.length, RECORD_HEADER + 9, 3);
  return Buffer.concat([header, grown]);
}

/** Where the length of a ClientHello's extensions stands. */
function extensionsAt(body: Buffer): number {
  let at = 34;
  at += 1 + body[at]!;
  at += 1 + body[at]!;
  at += 2 + body.readUInt16BE(at);
  return at + 1 + body[at]!;
}

function cookieOf(answer: Uint8Array): Uint8Array | undefined {
  const HANDSHAKE = 22;
  const SERVER_HELLO = 2;
  if (answer[0] !== HANDSHAKE || answer[RECORD_HEADER] !== SERVER_HELLO) return undefined;
  const body = Buffer.from(answer.subarray(RECORD_HEADER + MESSAGE_HEADER));
  for (let at = 34 + 1 + 2 + 1 + 2; at < body.length; at += 4 + body.readUInt16BE(at + 2)) {
    if (body.readUInt16BE(at) !== COOKIE_TYPE) continue;
    return body.subarray(at + 4, at + 4 + body.readUInt16BE(at + 2));
  }
  return undefined;
}
