/**
 * Datagrams over TCP, as the runner frames them: one byte says what follows. All numbers are big-endian.
 *
 *   both ways   P  u32 length, datagram
 *   to us       T  u64 nanoseconds: time passes                  (answered by t, before anything that it causes)
 *               M  u32 bytes: the largest datagram from now on
 *               E  u64 nanoseconds: the next time-out shall be so far away; all ones for none
 *               U  u32 milliseconds: the initial time-out from now on
 */
import { connect, type Socket } from "node:net";
import type { Bytes } from "../../src/core/bytes.ts";

export type Instruction =
  | { readonly kind: "datagram"; readonly datagram: Bytes }
  | { readonly kind: "time"; readonly ms: number }
  | { readonly kind: "mtu"; readonly bytes: number }
  | { readonly kind: "expect-timeout"; readonly microseconds: number | undefined }
  | { readonly kind: "initial-timeout"; readonly ms: number };

const NO_TIMEOUT = 0xffff_ffff_ffff_ffffn;

/** Bytes behind the first, without a datagram itself. */
const fieldLengths: Readonly<Record<string, number>> = { P: 4, T: 8, M: 4, E: 8, U: 4 };

export class PacketedTransport {
  readonly #socket: Socket;
  #received: Buffer = Buffer.alloc(0);
  #hasEnded = false;
  #wake: (() => void) | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on("data", (chunk: Buffer) => {
      this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk]);
      this.#wake?.();
    });
    const ended = () => {
      this.#hasEnded = true;
      this.#wake?.();
    };
    socket.on("end", ended);
    socket.on("error", ended);
    socket.on("close", ended);
  }

  /** Connects to the runner and says which shim this is. */
  static async connect(host: string, port: number, id: bigint): Promise<PacketedTransport> {
    const socket = connect({ host, port, allowHalfOpen: true });
    await new Promise<void>((resolve, reject) => {
      socket.once("connect", resolve);
      socket.once("error", reject);
    });
    const greeting = Buffer.alloc(8);
    greeting.writeBigUInt64LE(id);
    socket.write(greeting);
    return new PacketedTransport(socket);
  }

  send(datagram: Uint8Array): void {
    const header = Buffer.alloc(5);
    header.write("P");
    header.writeUInt32BE(datagram.length, 1);
    this.#socket.write(Buffer.concat([header, datagram]));
  }

  acknowledgeTime(): void {
    this.#socket.write("t");
  }

  /** The next instruction; `undefined` when the runner has closed the connection. */
  async next(): Promise<Instruction | undefined> {
    for (;;) {
      const instruction = this.#take();
      if (instruction !== undefined) return instruction;
      if (this.#hasEnded) return undefined;
      await this.#more();
    }
  }

  #more(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  #take(): Instruction | undefined {
    const received = this.#received;
    if (received.length === 0) return undefined;
    const code = String.fromCharCode(received[0]!);
    const fieldLength = fieldLengths[code];
    if (fieldLength === undefined) throw new Error(`the runner sends an instruction ${code}`);
    let end = 1 + fieldLength;
    if (received.length < end) return undefined;
    switch (code) {
      case "P": {
        end += received.readUInt32BE(1);
        if (received.length < end) return undefined;
        this.#received = received.subarray(end);
        return { kind: "datagram", datagram: new Uint8Array(received.subarray(5, end)) };
      }
      case "T":
        this.#received = received.subarray(end);
        return { kind: "time", ms: Number(received.readBigUInt64BE(1)) / 1e6 };
      case "M":
        this.#received = received.subarray(end);
        return { kind: "mtu", bytes: received.readUInt32BE(1) };
      case "E": {
        this.#received = received.subarray(end);
        const nanoseconds = received.readBigUInt64BE(1);
        const microseconds = nanoseconds === NO_TIMEOUT ? undefined : Number(nanoseconds / 1000n);
        return { kind: "expect-timeout", microseconds };
      }
      default:
        this.#received = received.subarray(end);
        return { kind: "initial-timeout", ms: received.readUInt32BE(1) };
    }
  }

  /** Sends what is left, then waits for the runner's end: closing earlier could lose an alert on its way. */
  async close(): Promise<void> {
    this.#socket.end();
    while (!this.#hasEnded) await this.#more();
    this.#socket.destroy();
  }
}
