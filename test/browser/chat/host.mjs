// A chat's server of its own, as the built command runs it; it can be killed, and started again at the same place.
import { spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

export class Host {
  #cli;
  #args;
  #folder = mkdtempSync(join(tmpdir(), "sealgram-page-"));
  #child;
  /** What the command has said when it was open. */
  said;

  /**
   * @param cli the built command, beside its page
   * @param options `webTransport` for the gateway in Deno, too; `limits` as of `--limit`
   */
  static async open(cli, { webTransport = false, limits = [] } = {}) {
    const host = new Host();
    host.#cli = cli;
    const [port, second] = [await freePort(), await freePort()];
    host.#args = [
      ...["chat-server", "--json", "--folder", host.#folder, "--name", "Harbour", "--public", "127.0.0.1"],
      ...["--listen", `udp://127.0.0.1:${port}`, "--page", `http://127.0.0.1:${port}`],
      ...(webTransport ? ["--webtransport", `https://127.0.0.1:${second}`] : ["--no-webtransport"]),
      ...limits.flatMap((limit) => ["--limit", limit]),
    ];
    await host.start();
    return host;
  }

  async start() {
    this.#child = spawn(process.execPath, [this.#cli, ...this.#args], { stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    this.#child.stderr.on("data", (data) => {
      output += data;
    });
    for await (const line of createInterface(this.#child.stdout)) {
      output += `${line}\n`;
      const event = JSON.parse(line);
      if (event.event === "open") {
        this.said = { ...event, owner: event.owner ?? this.said?.owner };
        this.#child.stdout.resume();
        return;
      }
    }
    throw new Error(`the server did not start:\n${output}`);
  }

  get origin() {
    return new URL(this.said.page).origin;
  }

  /** As a crash does. */
  async kill() {
    const ended = once(this.#child, "exit");
    this.#child.kill("SIGKILL");
    await ended;
  }

  /** From now on it neither hears nor says anything, until it goes on. */
  pause() {
    this.#child.kill("SIGSTOP");
  }

  goOn() {
    this.#child.kill("SIGCONT");
  }

  /** The gateway in Deno. Linux only. */
  signalWebTransport(signal) {
    const { pid } = this.#child;
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ");
    for (const child of children) process.kill(Number(child), signal);
  }

  async close() {
    const { exitCode, signalCode } = this.#child;
    if (exitCode === null && signalCode === null) {
      const ended = once(this.#child, "exit");
      this.goOn();
      this.#child.kill("SIGTERM");
      await ended;
    }
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** One that TCP and UDP have free: of TCP's, whichever UDP has, too. */
async function freePort() {
  for (;;) {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address();
    const socket = createSocket("udp4");
    const isFree = await new Promise((resolve) => {
      socket.once("error", () => resolve(false)).bind(port, "127.0.0.1", () => resolve(true));
    });
    socket.close();
    server.close();
    if (isFree) return port;
  }
}
