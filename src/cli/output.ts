/** Datagrams on stdout. */
import process from "node:process";
import { codeOf, ExitCode, Stopped } from "./exit.ts";
import { harmless } from "./harmless.ts";

/** What may wait for a slow reader, in bytes. What comes beyond is lost, as in a full socket. */
const MAX_WAITING_BYTES = 8 * 1024 * 1024;

export class Output {
  /** Rejects when nobody reads any more, or writing fails. */
  readonly broken: Promise<never>;
  /** Datagrams lost to a reader that is too slow. */
  dropped = 0;
  readonly #end: string;
  /** Whether a person sees the lines: a peer is not to move their cursor. */
  readonly #isShown: boolean;

  /** @param isRaw whether datagrams are written as they are, instead of one a line */
  constructor(isRaw: boolean) {
    this.#end = isRaw ? "" : "\n";
    this.#isShown = !isRaw && process.stdout.isTTY === true;
    this.broken = new Promise((_, reject) => {
      process.stdout.on("error", (error) => {
        reject(codeOf(error) === "EPIPE" ? new Stopped(ExitCode.brokenPipe) : error);
      });
    });
    this.broken.catch(() => {});
  }

  /** Takes a copy. */
  write(datagram: Uint8Array): void {
    if (process.stdout.writableLength > MAX_WAITING_BYTES) {
      this.dropped++;
      return;
    }
    if (this.#isShown) {
      process.stdout.write(`${harmless(new TextDecoder().decode(datagram))}\n`);
      return;
    }
    const bytes = new Uint8Array(datagram.length + this.#end.length);
    bytes.set(datagram);
    if (this.#end !== "") bytes[datagram.length] = 10;
    process.stdout.write(bytes);
  }
}
