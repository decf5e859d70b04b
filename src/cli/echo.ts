/** `sealgram echo`: sends everything back. */
import { parseArgs } from "node:util";
import { SERVER_AUTH_HELP, serverAuthOptions } from "./auth.ts";
import { COMMON_HELP, type Command, commonOptions } from "./command.ts";
import { EXIT_CODES } from "./exit.ts";
import { startServer } from "./server.ts";
import { reportStats, SESSION_HELP, sessionOptions } from "./session-options.ts";
import { aborted } from "./stop.ts";

const HELP = `Usage: sealgram echo URL [options]

Listens, and sends every datagram back to the client that it came from.

URL is udp://address:port, with port 0 for one that the system chooses.

Options:
${SESSION_HELP}${COMMON_HELP}
${SERVER_AUTH_HELP}
Examples:
  sealgram echo udp://127.0.0.1:4433 --psk-file key.psk
  sealgram echo 'udp://[::]:4433' --users users.json --stats-interval 10

${EXIT_CODES}`;

export const echoCommand: Command = {
  summary: "sends every datagram back",
  help: HELP,
  async run(args, context) {
    const { values, positionals } = parseArgs({
      args,
      allowPositionals: true,
      options: { ...commonOptions, ...sessionOptions, ...serverAuthOptions },
    });
    const server = await startServer(positionals, values, context, (session) => {
      session.ondatagram = (datagram) => void session.sendDatagram(datagram);
    });
    const endStats = reportStats(values, context.report, () => server.getStats());
    try {
      await Promise.race([server.closed, aborted(context.stop)]);
    } finally {
      await endStats();
      await server.close();
    }
  },
};
