/** One case between two peers: runs both programs with the relay between them, and judges what came of it. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Case, Expectation } from "./matrix.ts";
import type { Direction, Seen } from "./observer.ts";
import { openRelay } from "./relay.ts";

export type Outcome =
  | { kind: "passed"; ms: number }
  | { kind: "failed"; reasons: string[] }
  | { kind: "unsupported"; reason: string };

/** The exit status of a peer that does not have what it was asked for. */
const UNSUPPORTED = 89;
/** How long a program may go on after the other has ended. */
const GRACE_MS = 4000;

interface PeerEvent {
  event: string;
  [field: string]: unknown;
}

interface Program {
  child: ChildProcess;
  events: PeerEvent[];
  /** Whatever it wrote that is not an event. */
  noise: string[];
  /** The exit status; null if it had to be ended. */
  ended: Promise<number | null>;
}

/** Half of it would do for either key; the contract has 48 bytes. */
const TICKET_KEY = "a1".repeat(48);

/** As {@link runOnce}; twice, with a session kept in between, if the case asks for that. */
export async function runTrial(
  trial: Case,
  client: string[],
  server: string[],
  cwd: string,
): Promise<Outcome> {
  if (!trial.resumes) return runOnce(trial, client, server, cwd);
  const folder = mkdtempSync(join(tmpdir(), "interop-"));
  try {
    const twice: Case = {
      ...trial,
      client: [...trial.client, "--session", join(folder, "session")],
      server: [...trial.server, "--ticket-key", TICKET_KEY],
    };
    const first = await runOnce(
      { ...twice, expect: { ...twice.expect, resumed: false } },
      client,
      server,
      cwd,
    );
    if (first.kind !== "passed") return first;
    return await runOnce({ ...twice, expect: { ...twice.expect, resumed: true } }, client, server, cwd);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function runOnce(trial: Case, client: string[], server: string[], cwd: string): Promise<Outcome> {
  const startedMs = performance.now();
  const serverProgram = start(server, ["server", "--address", "127.0.0.1:0", ...trial.server], cwd);
  const port = await listeningPort(serverProgram);
  if (port === null) {
    const status = await endWithin(serverProgram, GRACE_MS);
    const reason = describe("server", serverProgram);
    return status === UNSUPPORTED ? { kind: "unsupported", reason } : { kind: "failed", reasons: [reason] };
  }
  const relay = await openRelay(port, trial.network);
  const clientProgram = start(
    client,
    ["client", "--address", `127.0.0.1:${relay.port}`, ...trial.client],
    cwd,
  );
  const clientStatus = await clientProgram.ended;
  if (clientStatus === UNSUPPORTED) serverProgram.child.kill("SIGKILL");
  const serverStatus = await endWithin(serverProgram, GRACE_MS);
  relay.close();

  if (clientStatus === UNSUPPORTED) return { kind: "unsupported", reason: describe("client", clientProgram) };
  if (serverStatus === UNSUPPORTED) return { kind: "unsupported", reason: describe("server", serverProgram) };
  const reasons = trial.expect.refused
    ? judgeRefusal(clientProgram, serverProgram)
    : [
        ...(clientStatus === 0 ? [] : [describe("client", clientProgram)]),
        ...(serverStatus === 0 ? [] : [describe("server", serverProgram)]),
        ...judge(trial.expect, clientProgram, serverProgram, relay.seen),
      ];
  return reasons.length === 0
    ? { kind: "passed", ms: performance.now() - startedMs }
    : { kind: "failed", reasons };
}

function start(command: string[], options: string[], cwd: string): Program {
  const child = spawn(command[0]!, [...command.slice(1), ...options], {
    cwd,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const program: Program = {
    child,
    events: [],
    noise: [],
    ended: new Promise((resolve) => {
      child.on("error", (error) => {
        program.noise.push(error.message);
        resolve(null);
      });
      child.on("close", (status) => resolve(status));
    }),
  };
  createInterface({ input: child.stdout! }).on("line", (line) => {
    try {
      program.events.push(JSON.parse(line) as PeerEvent);
    } catch {
      program.noise.push(line);
    }
    child.emit("peer-event");
  });
  createInterface({ input: child.stderr! }).on("line", (line) => program.noise.push(line));
  return program;
}

const find = (program: Program, event: string): PeerEvent | undefined =>
  program.events.find((candidate) => candidate.event === event);

function listeningPort(server: Program): Promise<number | null> {
  return new Promise((resolve) => {
    server.child.on("peer-event", () => {
      const listening = find(server, "listening");
      if (listening) resolve(listening.port as number);
    });
    void server.ended.then(() => resolve(null));
  });
}

async function endWithin(program: Program, limitMs: number): Promise<number | null> {
  const timer = setTimeout(() => {
    program.noise.push(`still running ${limitMs} ms after the other had ended`);
    program.child.kill("SIGKILL");
  }, limitMs);
  const status = await program.ended;
  clearTimeout(timer);
  return status;
}

function describe(role: string, program: Program): string {
  const last = find(program, "unsupported")?.reason ?? find(program, "error")?.message;
  return `${role}: ${last ?? program.noise.at(-1) ?? "ended without a word"}`;
}

function judge(expect: Expectation, client: Program, server: Program, seen: Seen): string[] {
  const reasons: string[] = [];
  const check = (what: string, actual: unknown, wanted: unknown): void => {
    if (wanted !== undefined && actual !== wanted) reasons.push(`${what} is ${actual}, not ${wanted}`);
  };
  for (const [role, program] of [
    ["client", client],
    ["server", server],
  ] as const) {
    const connected = find(program, "connected");
    if (!connected) {
      reasons.push(`${role}: no handshake`);
      continue;
    }
    // null is what a peer says that cannot tell.
    if (connected.suite !== null) check(`${role}'s suite`, connected.suite, seen.suite);
    if (connected.group !== null && seen.group !== null)
      check(`${role}'s group`, connected.group, seen.group);
    check(`${role}'s "resumed"`, connected.resumed, expect.resumed);
    if (expect.alpn !== undefined) check(`${role}'s ALPN`, connected.alpn, expect.alpn);
    if (!find(program, "closed")) reasons.push(`${role}: not closed`);
  }
  check("number of malformed datagrams", seen.malformed, 0);
  check("suite", seen.suite, expect.suite);
  check("group", seen.group, expect.group);
  check("HelloRetryRequest", seen.helloRetry, expect.helloRetry);
  check("cookie", seen.cookie, expect.cookie);
  if (expect.cid) {
    checkCid(reasons, "server", seen.toServer, expect.cid.toServer);
    checkCid(reasons, "client", seen.toClient, expect.cid.toClient);
  }
  const updated = (side: Direction): boolean => side.epochs.has(3) && side.epochs.has(0);
  if (expect.keyUpdate === "client" && !updated(seen.toServer))
    reasons.push("the client's epoch has not changed");
  if (expect.keyUpdate === "server" && !updated(seen.toClient))
    reasons.push("the server's epoch has not changed");
  if (expect.largestDatagram !== undefined) {
    const largest = Math.max(seen.toServer.largestDatagram, seen.toClient.largestDatagram);
    if (largest > expect.largestDatagram) reasons.push(`a datagram of ${largest} bytes`);
  }
  return reasons;
}

/** RFC 9147 §9: once negotiated, every encrypted record has the connection ID, unless its length is zero. */
function checkCid(reasons: string[], to: string, side: Direction, lengthBytes: number): void {
  const wrong = lengthBytes > 0 ? side.withoutCid : side.withCid;
  if (wrong > 0)
    reasons.push(`${wrong} records to the ${to} ${lengthBytes > 0 ? "without" : "with"} a connection ID`);
}

/** Neither side may have exchanged data, both must have failed, and at least one of them with a reason of its own. */
function judgeRefusal(client: Program, server: Program): string[] {
  const reasons: string[] = [];
  for (const [role, program] of [
    ["client", client],
    ["server", server],
  ] as const) {
    if (find(program, "echoed")) reasons.push(`${role}: data was exchanged`);
    if (program.child.exitCode === 0) reasons.push(`${role}: ended as if all were well`);
    // One that had to be ended has not heard of the other's refusal: dimpl and pion send no alert for it.
    else if (program.child.exitCode !== null && !find(program, "error"))
      reasons.push(describe(role, program));
  }
  const isTimeout = (program: Program): boolean =>
    /timed out|deadline/i.test(String(find(program, "error")?.message ?? "timed out"));
  if (isTimeout(client) && isTimeout(server)) reasons.push("both ran out of time");
  return reasons;
}
