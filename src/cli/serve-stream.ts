/** `sealgram serve --stream`: one client, and streams to it and from it. */
import type { Session } from "../endpoint/session.ts";
import type { AuthValues } from "./auth.ts";
import type { Context } from "./command.ts";
import { Output } from "./output.ts";
import { startServer } from "./server.ts";
import { reportStats, type SessionValues } from "./session-options.ts";
import { aborted } from "./stop.ts";
import { GIVEN_UP, pipeStreams } from "./stream-pipe.ts";

export async function serveStream(
  positionals: readonly string[],
  values: AuthValues & SessionValues,
  context: Context,
): Promise<void> {
  let client: Session | undefined;
  let take = (_: Session) => {};
  const taken = new Promise<Session>((resolve) => {
    take = resolve;
  });
  const server = await startServer(positionals, values, context, (session) => {
    if (client !== undefined) {
      session.close();
      return;
    }
    client = session;
    take(session);
  });
  const endStats = reportStats(values, context.report, () => server.getStats());
  try {
    await Promise.race([
      taken.then((session) => pipeStreams(session, "server")),
      server.closed,
      new Output(true).broken,
      aborted(context.stop),
    ]);
  } catch (error) {
    client?.close(GIVEN_UP);
    throw error;
  } finally {
    await endStats();
    await server.close();
  }
}
