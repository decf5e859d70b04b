#!/usr/bin/env node
/** The `sealgram` command. */
import { createRequire } from "node:module";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { chatCommand } from "./chat/index.ts";
import { chatServerCommand } from "./chat-server/index.ts";
import type { Command } from "./command.ts";
import { connectCommand } from "./connect.ts";
import { echoCommand } from "./echo.ts";
import { EXIT_CODES, exitCodeOf, Stopped, UsageError } from "./exit.ts";
import { gatewayCommand } from "./gateway.ts";
import { keygenCommand } from "./keygen.ts";
import { createReport } from "./report.ts";
import { serveCommand } from "./serve.ts";
import { prepareStandardStreams, written } from "./standard-streams.ts";
import { stopSignal } from "./stop.ts";
import { userCommand } from "./user.ts";

const commands: Readonly<Record<string, Command>> = {
  chat: chatCommand,
  "chat-server": chatServerCommand,
  serve: serveCommand,
  connect: connectCommand,
  echo: echoCommand,
  gateway: gatewayCommand,
  keygen: keygenCommand,
  user: userCommand,
};

const HELP = `Usage: sealgram COMMAND [options]

Secure datagram sessions (DTLS 1.3) on the command line.

Commands:
${Object.entries(commands)
  .map(([name, { summary }]) => `  ${name.padEnd(11)} ${summary}`)
  .join("\n")}

Each takes --help. Others:
  --version
  --help

Examples:
  sealgram keygen --psk --identity alice key.psk
  sealgram echo udp://127.0.0.1:4433 --psk-file key.psk
  echo hello | sealgram connect udp://127.0.0.1:4433 --psk-file key.psk

${EXIT_CODES}`;

/** What may still be under way when the command is done, such as a socket's last words, gets so long. */
const GRACE_MS = 2_000;

async function main([name, ...args]: string[]): Promise<void> {
  if (name === undefined) throw new UsageError("no command");
  if (name === "--help" || name === "-h" || name === "help") {
    process.stdout.write(HELP);
    return;
  }
  if (name === "--version") {
    const { version } = createRequire(import.meta.url)("sealgram/package.json");
    process.stdout.write(`${version}\n`);
    return;
  }
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (command === undefined) throw new UsageError("there is no such command");
  if (args.includes("--help") || args.includes("-h")) {
    process.stdout.write(command.help);
    return;
  }
  let stop: AbortSignal | undefined;
  await command.run(args, {
    report,
    program: fileURLToPath(import.meta.url),
    get stop() {
      stop ??= stopSignal();
      return stop;
    },
  });
}

const args = process.argv.slice(2);
const report = createReport(args.includes("--json"));
prepareStandardStreams();
try {
  await main(args);
  await written();
} catch (error) {
  if (!(error instanceof Stopped)) {
    const isOfCommand = args[0] !== undefined && Object.hasOwn(commands, args[0]);
    report.error(error, `sealgram ${isOfCommand ? `${args[0]} ` : ""}--help`);
  }
  process.exitCode = exitCodeOf(error);
  await written().catch(() => {});
}
process.stdin.destroy();
setTimeout(() => process.exit(), GRACE_MS).unref();
