/**
 * `--stream`: the input to the peer and the peer to the output, each on a stream of its own, so that nothing is lost and
 * the end of each is told. A session takes with it what has arrived and was not read yet: so the client ends it once both
 * sides have had everything, which it asks the server by a request.
 */
import { once } from "node:events";
import process from "node:process";
import type { Session } from "../endpoint/session.ts";

/** How a side ends the session that has not had everything. */
export const GIVEN_UP = { closeCode: 1, reason: "given up" } as const;

/**
 * Settles once both sides have had everything.
 * @throws Error if the session ends before
 */
export async function pipeStreams(session: Session, role: "client" | "server"): Promise<void> {
  const early = session.closed.then(({ closeCode }) => {
    // The server is told by that.
    if (role === "client" || closeCode !== 0)
      throw new Error("the peer ended the session before all had arrived");
  });
  early.catch(() => {});
  const received = receive(session);
  const both = Promise.all([send(session), received]);
  // The session's end says more than that of its streams.
  both.catch(() => {});
  received.catch(() => {});
  if (role === "server") {
    session.onrequest = async () => {
      await received;
      return new Uint8Array(0);
    };
    await Promise.race([early, failure(session, both)]);
    return;
  }
  const done = both.then(() => session.request(new Uint8Array(0)));
  await Promise.race([early, done.then(() => {}), failure(session, done)]);
}

/** Rejects if this does, but not as the session ends. */
function failure(session: Session, promise: Promise<unknown>): Promise<never> {
  return new Promise((_, reject) => {
    promise.catch((error) => {
      if (!session.isClosed) reject(error);
    });
  });
}

async function send(session: Session): Promise<void> {
  const writer = (await session.createUnidirectionalStream()).getWriter();
  for await (const chunk of process.stdin) await writer.write(chunk);
  await writer.close();
}

async function receive(session: Session): Promise<void> {
  const { value: stream } = await session.incomingUnidirectionalStreams.getReader().read();
  if (stream === undefined) throw new Error("the peer has sent no stream");
  const reader = stream.getReader();
  for (let read = await reader.read(); !read.done; read = await reader.read()) {
    if (!process.stdout.write(read.value)) await once(process.stdout, "drain");
  }
}
