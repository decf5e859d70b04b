/** Servers with users, on real sockets or on a network in memory, and the sessions that log in there. */
import { onTestFinished } from "vitest";
import { type ConnectOptions, connectOn } from "../../src/endpoint/connect.ts";
import { type ListenOptions, listenOn } from "../../src/endpoint/listen.ts";
import { connect, listen } from "../../src/endpoint/node-index.ts";
import { sharing } from "../../src/endpoint/platform.ts";
import type { Server } from "../../src/endpoint/server.ts";
import type { Session } from "../../src/endpoint/session.ts";
import { type PasswordOptions, type PasswordRecord, register } from "../../src/login/index.ts";
import { MemoryNetwork } from "../../src/transport/memory.ts";
import { core, crypto } from "../sim/pair.ts";

export const iterations = 30_000;

export const alice: PasswordOptions = { identity: "alice", password: "correct horse" };
export const bob: PasswordOptions = { identity: "bob", password: "battery staple" };

/** A record of few rounds: tests have other things to wait for. */
export const quickRecord = (whom: PasswordOptions): Promise<PasswordRecord> =>
  register({ ...whom, iterations });

export interface Ground {
  readonly connect: (url: string | URL, options: ConnectOptions) => Promise<Session>;
  readonly listen: (url: string | URL, options: ListenOptions) => Promise<Server>;
}

/** `connect` and `listen` on a network of their own. */
export function inMemory(): Ground & { readonly network: MemoryNetwork } {
  const network = new MemoryNetwork();
  const platform = sharing(async () => ({ core, crypto, udp: network }));
  return {
    network,
    connect: (url, options) => connectOn(platform, url, options),
    listen: (url, options) => listenOn(platform, url, options),
  };
}

export const grounds: [string, () => Ground][] = [
  ["on real sockets", () => ({ connect, listen })],
  ["in memory", inMemory],
];

export interface Served {
  readonly server: Server;
  /** In the order of their beginnings. */
  readonly sessions: Session[];
  /** Codes of the handshakes that failed. */
  readonly failures: string[];
}

/** A server for the length of the test, with what it has seen. */
export async function serve(ground: Ground, options: ListenOptions): Promise<Served> {
  const sessions: Session[] = [];
  const failures: string[] = [];
  const server = await ground.listen("udp://127.0.0.1:0", {
    onsession: (session) => {
      sessions.push(session);
    },
    onfailure: ({ code }) => failures.push(code),
    ...options,
  });
  onTestFinished(() => server.close());
  return { server, sessions, failures };
}

/** How a session ended, as a word. */
export function ending(session: Session): Promise<string> {
  return session.closed.then(
    () => "closed",
    ({ code }) => code,
  );
}
