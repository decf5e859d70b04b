/** What `serve` and `echo` have in common: a server that says what happens, until it is told to stop. */
import type { Server } from "../endpoint/server.ts";
import type { Session } from "../endpoint/session.ts";
import { type AuthValues, authOf } from "./auth.ts";
import type { Context } from "./command.ts";
import { loadEndpoint } from "./endpoint.ts";
import { cannotListen, codeOf, messageOf, UsageError } from "./exit.ts";
import {
  addressOf,
  endpointOptions,
  milliseconds,
  nameOf,
  reportSession,
  type SessionValues,
  usageChecked,
} from "./session-options.ts";

/** Listens, and reports sessions and failed handshakes. Whoever calls it closes the server. */
export async function startServer(
  positionals: readonly string[],
  values: AuthValues & SessionValues,
  context: Context,
  onsession: (session: Session) => void,
): Promise<Server> {
  const { report } = context;
  const [url] = positionals;
  if (url === undefined || positionals.length > 1) throw new UsageError("say one URL to listen at");
  const handshakeTimeoutMs = milliseconds("--timeout", values.timeout);
  const auth = await usageChecked(authOf(values, "server", report));
  const { listen } = await loadEndpoint();
  const server = await usageChecked(
    listen(url, {
      auth,
      signal: context.stop,
      ...endpointOptions(values, "server", report),
      ...(handshakeTimeoutMs === undefined ? {} : { handshakeTimeoutMs }),
      onsession(session) {
        const who = nameOf(session);
        reportSession(report, "session", session);
        session.closed.then(
          () => report.event("closed", { address: addressOf(session.remoteAddress) }, `closed: ${who}`),
          (error) => {
            const fields = { address: addressOf(session.remoteAddress), code: codeOf(error) };
            const message = messageOf(error);
            report.event("closed", { ...fields, message }, `closed: ${who}: ${message}`);
          },
        );
        onsession(session);
      },
      onfailure(error, remote) {
        const address = addressOf(remote);
        const message = messageOf(error);
        report.event("failed", { address, code: error.code, message }, `failed: ${address}: ${message}`);
      },
    }),
  ).catch(cannotListen(url));
  report.event("listening", { url: server.url }, `listening on ${server.url}`);
  return server;
}
