/** `sealgram serve`: the other side of `sealgram connect`. */
import process from "node:process";
import { parseArgs } from "node:util";
import type { Session } from "../endpoint/session.ts";
import { SERVER_AUTH_HELP, serverAuthOptions } from "./auth.ts";
import { COMMON_HELP, type Command, commonOptions } from "./command.ts";
import { EXIT_CODES, UsageError } from "./exit.ts";
import { chunks, lines, type Split } from "./input.ts";
import { Output } from "./output.ts";
import { Recipient } from "./recipient.ts";
import type { Report } from "./report.ts";
import { serveStream } from "./serve-stream.ts";
import { startServer } from "./server.ts";
import { nameOf, reportStats, SESSION_HELP, sessionOptions } from "./session-options.ts";
import { aborted } from "./stop.ts";

const HELP = `Usage: sealgram serve URL [options]

Listens. The datagrams of all clients come out as lines, and each line of the input goes as one datagram to every
client that is there at that moment; the input waits for the first. It goes on as fast as the fastest client takes it:
what others are too slow for, they lose. The end of the input ends nothing.

URL is udp://address:port, with port 0 for one that the system chooses.

Options:
  --once                 takes one client, turns others away, and ends when its session does
  --raw                  no lines: the input goes out in pieces as it comes, and datagrams come out as they are
  --stream               no datagrams: the input reaches one client, which connects with --stream too, as a stream of
                         bytes of which none is lost, and the client's input comes out; ends when both inputs have
${SESSION_HELP}${COMMON_HELP}
${SERVER_AUTH_HELP}
Examples:
  sealgram serve udp://0.0.0.0:4433 --users users.json
  sealgram serve udp://127.0.0.1:4433 --psk-file key.psk --stream < /dev/null > received.png
  sealgram serve udp://127.0.0.1:0 --key server.pem --peer-key client.pem.pub --json

${EXIT_CODES}`;

export const serveCommand: Command = {
  summary: "clients to stdout, and stdin to all of them",
  help: HELP,
  async run(args, context) {
    const { values, positionals } = parseArgs({
      args,
      allowPositionals: true,
      options: {
        ...commonOptions,
        ...sessionOptions,
        ...serverAuthOptions,
        raw: { type: "boolean" },
        once: { type: "boolean" },
        stream: { type: "boolean" },
      },
    });
    if (values.stream) {
      if (values.raw) throw new UsageError("--raw is for datagrams: --stream carries any bytes as they are");
      return serveStream(positionals, values, context);
    }
    const clients = new Clients(values.once === true, new Output(values.raw === true), context.report);
    const server = await startServer(positionals, values, context, (session) => clients.add(session));
    const endStats = reportStats(values, context.report, () => ({
      ...server.getStats(),
      droppedOutput: clients.output.dropped,
      droppedInput: clients.droppedInput,
    }));
    try {
      await Promise.race([
        server.closed,
        clients.broadcast(values.raw ? chunks : lines).then(() => clients.over),
        clients.over,
        clients.output.broken,
        aborted(context.stop),
      ]);
    } finally {
      await endStats();
      await server.close();
    }
  },
};

class Clients {
  readonly output: Output;
  /** Settles as the only session does, if there is to be only one. */
  readonly over: Promise<void>;
  /** Datagrams of the input that a client did not get; each counts for each client. */
  droppedInput = 0;
  readonly #isOnce: boolean;
  readonly #report: Report;
  readonly #recipients = new Set<Recipient>();
  readonly #warnedOf = new WeakSet<Recipient>();
  #settleOver: ((end: Promise<void>) => void) | undefined;
  #count = 0;
  #wake = () => {};

  constructor(isOnce: boolean, output: Output, report: Report) {
    this.#isOnce = isOnce;
    this.output = output;
    this.#report = report;
    this.over = new Promise((resolve) => {
      this.#settleOver = resolve;
    });
    this.over.catch(() => {});
  }

  add(session: Session): void {
    if (this.#isOnce && this.#count > 0) {
      session.close();
      return;
    }
    this.#count++;
    const recipient = new Recipient(session, () => this.#wake());
    this.#recipients.add(recipient);
    session.ondatagram = (datagram) => this.output.write(datagram);
    const end = session.closed
      .then(() => {})
      .finally(() => {
        this.#recipients.delete(recipient);
        this.#wake();
      });
    end.catch(() => {});
    if (this.#isOnce) this.#settleOver!(end);
    this.#wake();
  }

  /** Sends the input to whoever is there, once somebody has been. */
  async broadcast(split: Split): Promise<void> {
    await this.#until(() => this.#count > 0);
    const tooLong = (maxBytes: number) => this.#warnOfLength(maxBytes);
    for await (const datagram of split(process.stdin, () => this.#maxBytes(split), tooLong)) {
      this.#send(datagram);
      // One that takes nothing any more does not keep the input from the others.
      await this.#until(() => this.#recipients.size === 0 || this.#some((each) => each.isIdle));
    }
  }

  #send(datagram: Uint8Array): void {
    if (
      this.#recipients.size > 0 &&
      !this.#some(({ session }) => datagram.length <= session.maxDatagramSize)
    ) {
      this.#warnOfLength(Math.max(...[...this.#recipients].map(({ session }) => session.maxDatagramSize)));
      return;
    }
    for (const recipient of this.#recipients) {
      const outcome = recipient.send(datagram);
      if (outcome === "taken") continue;
      this.droppedInput++;
      if (this.#warnedOf.has(recipient)) continue;
      this.#warnedOf.add(recipient);
      const reason = outcome === "slow" ? "it is too slow" : "it does not take datagrams of that length";
      this.#report.warn(
        "lost_input",
        `${nameOf(recipient.session)} does not get all of the input: ${reason}`,
      );
    }
  }

  #warnOfLength(maxBytes: number): void {
    this.#report.warn("line_too_long", `a line of the input has more than ${maxBytes} bytes: it is left out`);
  }

  #some(condition: (recipient: Recipient) => boolean): boolean {
    return [...this.#recipients].some(condition);
  }

  async #until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** Lines are cut nowhere; pieces are as short as everybody takes them, within reason. */
  #maxBytes(split: Split): number {
    if (split === lines) return MAX_DATAGRAM;
    const sizes = [...this.#recipients].map(({ session }) => session.maxDatagramSize);
    return Math.max(LEAST_PIECE, Math.min(...sizes, MAX_DATAGRAM));
  }
}

/** No datagram is longer. */
const MAX_DATAGRAM = 16_384;
/** What every client takes that means to take anything. */
const LEAST_PIECE = 200;
