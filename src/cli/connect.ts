/** `sealgram connect`: stdin to the peer, the peer to stdout. */
import process from "node:process";
import { parseArgs } from "node:util";
import { gatewayHashes } from "../endpoint/gateway-hashes.ts";
import type { Session } from "../endpoint/session.ts";
import { authOf, CLIENT_AUTH_HELP, clientAuthOptions } from "./auth.ts";
import { COMMON_HELP, type Command, commonOptions } from "./command.ts";
import { loadEndpoint } from "./endpoint.ts";
import { EXIT_CODES, UsageError } from "./exit.ts";
import { chunks, lines, type Split } from "./input.ts";
import { Output } from "./output.ts";
import {
  endpointOptions,
  milliseconds,
  reportSession,
  reportStats,
  SESSION_HELP,
  sessionOptions,
  usageChecked,
} from "./session-options.ts";
import { aborted } from "./stop.ts";
import { GIVEN_UP, pipeStreams } from "./stream-pipe.ts";

const DEFAULT_LINGER_MS = 1_000;

const HELP = `Usage: sealgram connect URL [options]

Opens a session. Each line of the input goes to the peer as one datagram, and each datagram of the peer's comes out
as a line. When the input ends, the session goes on until the peer has been silent for a second, and is closed.
Datagrams may get lost, as UDP's do.

URL is udp://host:port, or that of a server behind a gateway: wss://host/NAME or ws://host:port/NAME, and in Deno
https://host:port/NAME, for WebTransport.

Options:
  --raw                  no lines: the input goes out in pieces as it comes, and datagrams come out as they are
  --linger SECONDS       how long the peer is to be silent after the end of the input: 1
  --gateway-hashes URL   for https://: where the gateway tells the hashes of the certificates that it makes
  --stream               no datagrams: the input reaches the peer, sealgram serve --stream, as a stream of bytes of
                         which none is lost, and the peer's input comes out; ends when both inputs have
${SESSION_HELP}${COMMON_HELP}
${CLIENT_AUTH_HELP}
Examples:
  sealgram connect udp://example.net:4433 --user alice
  echo hello | sealgram connect udp://127.0.0.1:4433 --psk-file key.psk
  sealgram connect udp://127.0.0.1:4433 --key client.pem --peer-key server.pem.pub --stream < picture.png

${EXIT_CODES}`;

export const connectCommand: Command = {
  summary: "stdin to a peer, and the peer to stdout",
  help: HELP,
  async run(args, context) {
    const { report } = context;
    const { values, positionals } = parseArgs({
      args,
      allowPositionals: true,
      options: {
        ...commonOptions,
        ...sessionOptions,
        ...clientAuthOptions,
        raw: { type: "boolean" },
        stream: { type: "boolean" },
        linger: { type: "string" },
        "gateway-hashes": { type: "string" },
      },
    });
    const [url] = positionals;
    if (url === undefined || positionals.length > 1) throw new UsageError("connect takes one URL");
    if (values.stream && (values.raw || values.linger !== undefined)) {
      throw new UsageError("--raw and --linger are for datagrams: --stream carries any bytes, to the end");
    }
    const lingerMs = milliseconds("--linger", values.linger) ?? DEFAULT_LINGER_MS;
    const hashesUrl = values["gateway-hashes"];
    const timeoutMs = milliseconds("--timeout", values.timeout);
    const auth = await usageChecked(authOf(values, "client", report));
    const { connect } = await loadEndpoint();
    const session = await usageChecked(
      connect(url, {
        auth,
        signal: context.stop,
        ...endpointOptions(values, "client", report),
        ...(timeoutMs === undefined ? {} : { timeoutMs }),
        ...(hashesUrl === undefined ? {} : { serverCertificateHashes: () => gatewayHashes(hashesUrl) }),
      }),
    );
    reportSession(report, "connected", session);
    const output = new Output(values.raw === true);
    const endStats = reportStats(values, report, async () => ({
      ...(await session.getStats()),
      droppedOutput: output.dropped,
    }));
    try {
      const over = await Promise.race([
        values.stream
          ? pipeStreams(session, "client").then(() => "input" as const)
          : datagrams(session, output, values.raw ? chunks : lines, lingerMs),
        output.broken,
        aborted(context.stop),
      ]);
      report.event("closed", { by: over }, over === "peer" ? "closed by the peer" : "closed after the input");
    } catch (error) {
      if (values.stream) session.close(GIVEN_UP);
      throw error;
    } finally {
      await endStats();
      session.close();
      await session.closed.catch(() => {});
    }
  },
};

/** Until the input has ended and the peer is silent, or the peer ends it. */
function datagrams(
  session: Session,
  output: Output,
  split: Split,
  lingerMs: number,
): Promise<"input" | "peer"> {
  return Promise.race([
    exchange(session, output, split, lingerMs).catch(async (error) => {
      // Why the session ended says more than that nothing can be sent any more.
      if (!session.isClosed) throw error;
      await session.closed;
      return "peer" as const;
    }),
    session.closed.then(() => "peer" as const),
  ]);
}

/** Until the input has ended, and the peer is silent. */
async function exchange(session: Session, output: Output, split: Split, lingerMs: number): Promise<"input"> {
  let heard = () => {};
  session.ondatagram = (datagram) => {
    output.write(datagram);
    heard();
  };
  const writer = session.datagrams.writable.getWriter();
  const tooLong = (maxBytes: number) => {
    throw new Error(`a line of the input has more than ${maxBytes} bytes; --raw sends it in pieces`);
  };
  for await (const datagram of split(process.stdin, () => session.maxDatagramSize, tooLong)) {
    await writer.write(datagram);
  }
  await new Promise<void>((resolve) => {
    let timer = setTimeout(resolve, lingerMs);
    heard = () => {
      clearTimeout(timer);
      timer = setTimeout(resolve, lingerMs);
    };
  });
  return "input";
}
