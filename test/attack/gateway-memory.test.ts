/** What clients that have proved nothing can make a gateway hold: as many as an address may have, each as much as it can. */
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { Cli, runtime } from "../cli/support.ts";

const CLIENTS = 100;
/** A read each: without a bound, all clients together make it hold a gigabyte. */
const FRAGMENTS = 160;
/** Above the bounds of all clients together, and what a runtime has not collected yet. */
const MAX_GROWTH_MB = 400;

const CONTINUATION = 0x00;
const BINARY = 0x02;
const PONG = 0x8a;

/** A client's frame (RFC 6455 §5.2), with a mask of zeros. */
function frame(first: number, payload: Uint8Array): Buffer {
  const { length } = payload;
  const header = length < 126 ? [0x80 | length] : [0x80 | 126, length >> 8, length & 255];
  return Buffer.concat([Uint8Array.of(first, ...header, 0, 0, 0, 0), payload]);
}

/** Fills a read of the socket, and says nothing. */
const padding: Buffer = Buffer.concat(new Array(490).fill(frame(PONG, new Uint8Array(125))));

/** One byte of a message in each read. */
const tiny = (i: number): Buffer =>
  Buffer.concat([frame(i === 0 ? BINARY : CONTINUATION, Uint8Array.of(1)), padding]);

/** As much of a message as may come at all, but for its end. */
const whole = (i: number): Buffer => frame(i === 0 ? BINARY : CONTINUATION, new Uint8Array(32_000));

/** A frame that is said to be long, and does not get on. */
const unfinished = (i: number): Buffer =>
  i === 0 ? Buffer.concat([padding, frame(BINARY, new Uint8Array(65_535)).subarray(0, -1)]) : Buffer.alloc(0);

async function open(port: number): Promise<Socket> {
  const socket = connect(port, "127.0.0.1").on("error", () => {});
  onTestFinished(() => void socket.destroy());
  const lines = [
    "GET /game HTTP/1.1",
    "Host: localhost",
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
  ];
  socket.write(`${lines.join("\r\n")}\r\n\r\n`);
  const [answer] = await once(socket, "data");
  expect(String(answer)).toContain("101 Switching Protocols");
  socket.resume();
  return socket;
}

/** Settles once the gateway has read it, or has closed the connection. */
async function send(socket: Socket, bytes: Uint8Array): Promise<void> {
  if (socket.destroyed || bytes.length === 0) return;
  const closed = new AbortController();
  const gone = () => closed.abort();
  socket.once("close", gone);
  await new Promise<void>((resolve) => {
    closed.signal.addEventListener("abort", () => resolve());
    socket.write(bytes, () => resolve());
  });
  socket.off("close", gone);
}

/** Settles once all that was sent is read: what follows it is answered. */
async function read(socket: Socket): Promise<void> {
  if (socket.destroyed) return;
  await new Promise<void>((resolve) => {
    socket.once("data", () => resolve()).once("close", () => resolve());
    socket.write(frame(0x89, new Uint8Array(0)), () => {});
  });
}

function residentBytes(pid: number): number {
  const [, kibibytes] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))!;
  return Number(kibibytes) * 1024;
}

const attacks = { "a byte in each read": tiny, "long fragments": whole, "half of a message": unfinished };

for (const name of ["node", "deno", "bun"]) {
  test(`in ${name}, ${CLIENTS} clients that finish no message`, async () => {
    const command = name === "node" ? undefined : await runtime(name);
    const args = [
      "gateway",
      "--json",
      "--listen",
      "http://127.0.0.1:0",
      "--target",
      "game=udp://127.0.0.1:9",
    ];
    const gateway = new Cli(args, {}, command);
    const { url } = await gateway.event("listening");
    const port = Number(new URL(url as string).port);
    for (const [attack, part] of Object.entries(attacks)) {
      const before = residentBytes(gateway.child.pid!);
      const sockets = await Promise.all(Array.from({ length: CLIENTS }, () => open(port)));
      for (let i = 0; i < FRAGMENTS; i++) {
        await Promise.all(sockets.map((socket) => send(socket, part(i))));
      }
      // Half of a message has nothing behind it that could be answered.
      if (part !== unfinished) await Promise.all(sockets.map(read));
      const grownMb = Math.round((residentBytes(gateway.child.pid!) - before) / 2 ** 20);
      if (process.env.SEALGRAM_FIGURES) console.log(`${name}, ${attack}: ${grownMb} MB`);
      expect(grownMb, attack).toBeLessThan(MAX_GROWTH_MB);
      for (const socket of sockets) socket.destroy();
      await Promise.all(sockets.map((socket) => socket.closed || once(socket, "close")));
      // Others get in again, and the gateway goes on.
      let answer: Socket | undefined;
      while (answer === undefined) answer = await open(port).catch(() => undefined);
      answer.destroy();
    }
    gateway.child.kill("SIGTERM");
    await gateway.ended;
  });
}
