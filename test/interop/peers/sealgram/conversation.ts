/** The conversation of the contract in ../../README.md: the client sends messages one by one, the server echoes. */
import type { Bytes } from "../../../../src/core/bytes.ts";
import { equalBytes } from "../../../../src/crypto/bytes.ts";
import type { SessionTicket } from "../../../../src/dtls/config.ts";
import type { Connected } from "../../../../src/dtls/connection.ts";
import type { SealgramError } from "../../../../src/errors.ts";
import { NamedGroup } from "../../../../src/tls/codepoints.ts";
import { keepSession } from "./configure.ts";
import type { Options } from "./options.ts";
import type { Listener, Run } from "./udp.ts";

/** An echo that has not come back by then is asked for again: application data may be lost. */
const RESEND_MS = 500;
/** A close_notify may be lost too: a server that has echoed and then hears nothing for so long takes it as sent. */
const SILENCE_MS = 2500;

/** How it ended: well, or for a reason. */
export type End = (error?: string) => void;

export function emit(event: string, fields: Record<string, unknown> = {}): void {
  process.stdout.write(`${JSON.stringify({ event, ...fields })}\n`);
}

const message = (number: number): Uint8Array =>
  new TextEncoder().encode(`message ${number} ${"·".repeat(number % 100)}`);

export class Conversation implements Listener {
  readonly #options: Options;
  readonly #run: Run;
  readonly #end: End;
  #echoed = 0;
  #isConnected = false;
  #hasEnded = false;
  #timer: NodeJS.Timeout | undefined;
  readonly #deadline: NodeJS.Timeout;

  constructor(options: Options, run: Run, end: End) {
    this.#options = options;
    this.#run = run;
    this.#end = end;
    this.#deadline = setTimeout(() => {
      const phase = this.#isConnected ? "after" : "in";
      this.#stop(`timed out ${phase} the handshake, ${this.#echoed} of ${options.messages} messages echoed`);
    }, options.timeoutMs);
  }

  connected({ cipherSuite, group, applicationProtocol, resumed }: Connected): void {
    const { alpn, authentication, role } = this.#options;
    if (applicationProtocol !== alpn) {
      this.#run((connection) =>
        connection.abort("no_application_protocol", "no_application_protocol", "ALPN was not negotiated"),
      );
      return;
    }
    this.#isConnected = true;
    emit("connected", {
      suite: cipherSuite,
      group: group === undefined ? null : groupNames[group],
      authentication,
      alpn: applicationProtocol ?? null,
      cid: null,
      resumed,
    });
    if (role === "client") this.#sendMessage();
  }

  ticket(ticket: SessionTicket): void {
    keepSession(this.#options, ticket);
  }

  data(data: Bytes): void {
    if (this.#hasEnded) return;
    const { role, intervalMs } = this.#options;
    // A message may be here twice if its first echo was lost: count up by its number.
    const isNext = equalBytes(data, message(this.#echoed));
    if (role === "server") {
      this.#run((connection) => connection.send(data));
      this.#after(SILENCE_MS, () => this.#close());
    }
    if (!isNext) return;
    this.#echoed++;
    this.#updateKeysHalfWay();
    if (role === "client") this.#after(intervalMs, () => this.#sendMessage());
  }

  closed(reason: SealgramError | undefined): void {
    const { role, messages } = this.#options;
    // A fault of ours is nothing to report as if it were the peer's.
    if (reason?.code === "internal_error") throw reason;
    if (reason !== undefined) {
      this.#stop(`${reason.code === "timeout" ? "timed out" : reason.code}: ${reason.message}`);
    } else if (role === "client" && this.#echoed < messages) {
      this.#stop(`the server closed after ${this.#echoed} echoes`);
    } else this.#close();
  }

  #after(delayMs: number, action: () => void): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(action, delayMs);
  }

  /** The next message, or the end once all have been echoed. */
  #sendMessage(): void {
    if (this.#echoed === this.#options.messages) {
      this.#close();
      return;
    }
    this.#run((connection) => connection.send(message(this.#echoed)));
    this.#after(RESEND_MS, () => this.#sendMessage());
  }

  #updateKeysHalfWay(): void {
    const { keyUpdate, messages } = this.#options;
    if (!keyUpdate || this.#echoed !== Math.floor(messages / 2)) return;
    this.#run((connection) => connection.updateKeys(true));
    emit("key-update");
  }

  #close(): void {
    if (this.#hasEnded) return;
    emit("echoed", { count: this.#echoed });
    emit("closed");
    this.#stop(undefined);
  }

  #stop(error: string | undefined): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#deadline);
    this.#run((connection) => connection.close());
    this.#end(error);
  }
}

const groupNames: Readonly<Record<number, string>> = {
  [NamedGroup.x25519]: "x25519",
  [NamedGroup.secp256r1]: "p256",
  [NamedGroup.X25519MLKEM768]: "x25519mlkem768",
};
