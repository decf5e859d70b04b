/**
 * The chat's WebTransport: a gateway in Deno, as a process of its own, that is started again whenever it ends. It ends when
 * this process does, however that comes about, for its input ends then. It may read and write its certificates, and nothing
 * else.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import process from "node:process";
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";
import type { ToldHash } from "../../gateway/well-known.ts";
import type { Report } from "../report.ts";

export interface WebTransportOptions {
  /** Deno's program. */
  readonly deno: string;
  /** That of this command. */
  readonly program: string;
  /** `https://address:port`; port 0 for one that the system chooses. */
  readonly url: string;
  /** The chat, as `udp://127.0.0.1:7325`. */
  readonly target: string;
  /** Keeps the certificates. */
  readonly folder: string;
  /** Of the gateway, as its options have them. */
  readonly limits: readonly string[];
  readonly report: Report;
}

const FIRST_PAUSE_MS = 500;
const MAX_PAUSE_MS = 60_000;
/** Who has run for so long is not one that cannot run. */
const STEADY_MS = 60_000;
/** For how long it may take to say goodbye. */
const GRACE_MS = 3_000;
/** Of what it says that is no event. */
const MAX_WORDS = 1_000;

export class WebTransportGateway {
  /** Settles once the first start has come to something. */
  readonly started: Promise<void>;
  readonly #options: WebTransportOptions;
  readonly #stop = new AbortController();
  readonly #ended: Promise<void>;
  #url: string | undefined;
  #hashes: readonly ToldHash[] = [];
  #child: ChildProcess | undefined;
  #settleStarted = () => {};
  #isMissed = false;

  constructor(options: WebTransportOptions) {
    this.#options = options;
    this.started = new Promise((resolve) => {
      this.#settleStarted = resolve;
    });
    this.#ended = this.#run();
  }

  /** Where it listens, or has listened; `undefined` if it never has. */
  get url(): string | undefined {
    return this.#url;
  }

  /** Of its certificates. */
  get hashes(): readonly ToldHash[] {
    return this.#hashes;
  }

  /** The process, for tests of what happens without it. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  async #run(): Promise<void> {
    const { report } = this.#options;
    const { signal } = this.#stop;
    let pauseMs = FIRST_PAUSE_MS;
    while (!signal.aborted) {
      const beganMs = performance.now();
      const why = await this.#serve();
      this.#settleStarted();
      if (signal.aborted) return;
      if (performance.now() - beganMs >= STEADY_MS) pauseMs = FIRST_PAUSE_MS;
      if (!this.#isMissed) {
        const url = this.#url ?? this.#options.url;
        const until = `browsers get WebSocket until WebTransport, which is tried again, is at ${url}`;
        report.warn("no_webtransport", `${until}: ${why}`);
      }
      this.#isMissed = true;
      await pause(pauseMs, undefined, { signal }).catch(() => {});
      pauseMs = Math.min(2 * pauseMs, MAX_PAUSE_MS);
    }
  }

  /** Runs the process to its end, and answers why it has ended. */
  async #serve(): Promise<string> {
    const { deno } = this.#options;
    const child = spawn(deno, this.#args(), {
      env: { ...process.env, DENO_NO_UPDATE_CHECK: "1", NO_COLOR: "1" },
      stdio: ["pipe", "ignore", "pipe"],
      // Ctrl-C is for this process: it says goodbye to its clients first, and they hear it by way of the other.
      detached: process.platform !== "win32",
      windowsHide: true,
    });
    this.#child = child;
    child.stdin.on("error", () => {});
    let why = "";
    createInterface(child.stderr).on("line", (line) => {
      why = this.#hear(line) ?? why;
    });
    try {
      const [code, signal] = await once(child, "close");
      return why || `Deno has ended (${signal ?? code})`;
    } catch (error) {
      return `Deno does not start: ${(error as Error).message}`;
    } finally {
      this.#child = undefined;
    }
  }

  #args(): string[] {
    const { program, target, limits, url } = this.#options;
    // Deno takes a list there.
    const folder = this.#options.folder.replaceAll(",", ",,");
    return [
      ...["run", "--quiet", "--no-lock", "--no-prompt", "--cached-only", "--unstable-net"],
      ...["--allow-net", "--allow-env", `--allow-read=${folder}`, `--allow-write=${folder}`],
      ...[program, "gateway", "--json", "--until-eof", "--listen", "http://127.0.0.1:0"],
      ...["--webtransport", this.#url ?? url, "--certificate-folder", this.#options.folder],
      ...["--target", `chat=${target}`, ...limits.flatMap((limit) => ["--limit", limit])],
    ];
  }

  /** Answers why it may be about to end, if the line says so. */
  #hear(line: string): string | undefined {
    let said: Readonly<Record<string, unknown>>;
    try {
      said = JSON.parse(line);
    } catch {
      return line.slice(0, MAX_WORDS);
    }
    if (said.event === "listening") {
      this.#url = said.webTransportUrl as string;
      this.#hashes = said.certificateHashes as ToldHash[];
      if (this.#isMissed) {
        this.#options.report.event("webtransport", { url: this.#url }, "WebTransport is there again");
      }
      this.#isMissed = false;
      this.#settleStarted();
    }
    if (said.event === "certificates") this.#hashes = said.certificateHashes as ToldHash[];
    return said.event === "error" ? String(said.message) : undefined;
  }

  /** Ends the process. Idempotent. */
  async close(): Promise<void> {
    this.#stop.abort();
    const child = this.#child;
    child?.stdin?.end();
    const timer = setTimeout(() => child?.kill("SIGKILL"), GRACE_MS);
    await this.#ended;
    clearTimeout(timer);
  }
}
