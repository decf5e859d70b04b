/** `sealgram serve`: the other side of `sealgram connect`. */
import process from "node:process";
import { parseArgs } from "node:util";
import type { Session } from "../endpoint/session.ts";
import { SERVER_AUTH_HELP, serverAuthOptions } from "./auth.ts";
import { COMMON_HELP, type Command, commonOptions } from "./command.ts";
import { EXIT_CODES } from "./exit.ts";
import { chunks, lines } from "./input.ts";
import { Output } from "./output.ts";
import { startServer } from "./server.ts";
import { reportStats, SESSION_HELP, sessionOptions } from "./session-options.ts";
import { aborted } from "./stop.ts";

const HELP = `Usage: sealgram serve URL [options]

Listens. The datagrams of all clients come out as lines, and each line of the input goes as one datagram to every
client that is there at that moment; the input waits for the first. The end of the input ends nothing.

URL is udp://address:port, with port 0 for one that the system chooses.

Options:
  --once                 takes one client, turns others away, and ends when its session does
  --raw                  no lines: the input goes out in pieces as it comes, and datagrams come out as they are
${SESSION_HELP}${COMMON_HELP}
${SERVER_AUTH_HELP}
Examples:
  sealgram serve udp://0.0.0.0:4433 --users users.json
  sealgram serve udp://127.0.0.1:4433 --psk-file key.psk --once --raw > received.png
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
      },
    });
    const clients = new Clients(values.once === true, new Output(values.raw === true));
    const server = await startServer(positionals, values, context, (session) => clients.add(session));
    const endStats = reportStats(values, context.report, () => ({
      ...server.getStats(),
      droppedOutput: clients.output.dropped,
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
  readonly #isOnce: boolean;
  readonly #sessions = new Set<Session>();
  readonly #first: Promise<void>;
  #settleFirst: (() => void) | undefined;
  #settleOver: ((end: Promise<void>) => void) | undefined;
  #count = 0;

  constructor(isOnce: boolean, output: Output) {
    this.#isOnce = isOnce;
    this.output = output;
    this.#first = new Promise((resolve) => {
      this.#settleFirst = resolve;
    });
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
    this.#sessions.add(session);
    session.ondatagram = (datagram) => this.output.write(datagram);
    const end = session.closed.then(() => {}).finally(() => this.#sessions.delete(session));
    end.catch(() => {});
    if (this.#isOnce) this.#settleOver!(end);
    this.#settleFirst!();
  }

  /** Sends the input to whoever is there, once somebody has been. */
  async broadcast(split: typeof lines): Promise<void> {
    await this.#first;
    for await (const datagram of split(process.stdin, () => this.#maxBytes)) {
      await Promise.all([...this.#sessions].map((session) => send(session, datagram)));
    }
  }

  /** What all can be sent; with nobody there it does not matter. */
  get #maxBytes(): number {
    return Math.min(...[...this.#sessions].map(({ maxDatagramSize }) => maxDatagramSize), MAX_DATAGRAM);
  }
}

/** A bound for input that goes to nobody. */
const MAX_DATAGRAM = 16_384;

/** Waits while the socket is full. A session that ends meanwhile is not the others' concern. */
async function send(session: Session, datagram: Uint8Array): Promise<void> {
  const writer = session.datagrams.writable.getWriter();
  try {
    await writer.write(datagram);
  } catch (error) {
    if (!session.isClosed) throw error;
  } finally {
    writer.releaseLock();
  }
}
