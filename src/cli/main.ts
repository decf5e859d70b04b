#!/usr/bin/env node
/** The `sealgram` command. */
import { createRequire } from "node:module";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { mostSimilar } from "../similar.ts";
import { chatCommand } from "./chat/index.ts";
import { chatServerCommand } from "./chat-server/index.ts";
import { type Command, optionsOf } from "./command.ts";
import { completionCommand } from "./completion.ts";
import { connectCommand } from "./connect.ts";
import { echoCommand } from "./echo.ts";
import { codeOf, EXIT_CODES, exitCodeOf, Stopped, UsageError } from "./exit.ts";
import { gatewayCommand } from "./gateway.ts";
import { keygenCommand } from "./keygen.ts";
import { createReport } from "./report.ts";
import { serveCommand } from "./serve.ts";
import { prepareStandardStreams, written } from "./standard-streams.ts";
import { stopSignal } from "./stop.ts";
import { userCommand } from "./user.ts";

const ownCommands: Readonly<Record<string, Command>> = {
  chat: chatCommand,
  "chat-server": chatServerCommand,
  serve: serveCommand,
  connect: connectCommand,
  echo: echoCommand,
  gateway: gatewayCommand,
  keygen: keygenCommand,
  user: userCommand,
};
const commands = { ...ownCommands, completion: completionCommand(ownCommands) } as Readonly<
  Record<string, Command>
>;

const HELP = `Usage: sealgram COMMAND [options]

Secure datagram sessions (DTLS 1.3) on the command line.

Commands:
${Object.entries(commands)
  .map(([name, { summary }]) => `  ${name.padEnd(11)} ${summary}`)
  .join("\n")}

Each takes --help. Others:
  -v, --version
  -h, --help

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
  if (name === "--version" || name === "-v") {
    const { version } = createRequire(import.meta.url)("sealgram/package.json");
    process.stdout.write(`${version}\n`);
    return;
  }
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (command === undefined) throw unknown(name.startsWith("-") ? "option" : "command", name, names);
  if (args.includes("--help") || args.includes("-h")) {
    process.stdout.write(command.help);
    return;
  }
  let stop: AbortSignal | undefined;
  const running = command.run(args, {
    report,
    program: fileURLToPath(import.meta.url),
    get stop() {
      stop ??= stopSignal();
      return stop;
    },
  });
  await running.catch((error) => {
    const [, option] =
      (codeOf(error) === "ERR_PARSE_ARGS_UNKNOWN_OPTION" && UNKNOWN.exec(error.message)) || [];
    throw option === undefined ? error : unknown("option", option, optionsOf(command.help));
  });
}

/** What parseArgs says: the option alone, without a value that may be a secret. */
const UNKNOWN = /^Unknown option '(-[\w-]+)/;
const names = [...Object.keys(commands), "--help", "--version"];

function unknown(what: string, name: string, known: readonly string[]): UsageError {
  const near = mostSimilar(name, known);
  return new UsageError(`there is no ${what} ${name}${near === undefined ? "" : `; did you mean ${near}?`}`);
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
