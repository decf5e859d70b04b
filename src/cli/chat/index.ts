/** `sealgram chat`: the chat on a terminal, in full screen or a line at a time. */
import process from "node:process";
import { parseArgs } from "node:util";
import type { Client } from "../../apps/chat/client/entry.ts";
import { type Command, commonOptions } from "../command.ts";
import { EXIT_CODES, UsageError } from "../exit.ts";
import type { Report } from "../report.ts";
import { firstLine, readSecretFile } from "../secrets.ts";
import { milliseconds } from "../session-options.ts";
import { aborted } from "../stop.ts";
import type { KeepLogin } from "./login.ts";
import type { PlainOptions } from "./plain.ts";
import { keysHelp } from "./screen/help.ts";
import { slashHelp } from "./slash.ts";

const HELP = `Usage: sealgram chat [LINK | HOST[:PORT]] [options]

Joins a chat by the link of an invitation, and comes back to it: without an argument to the one that was used last.
An invitation lets one person in, once. What it takes to come back is kept in a file for your eyes only: the link, your
name, and a key that was agreed on with the server, unless you chose a password, which is kept nowhere.

Options:
  --link-file FILE       the link is the file's first line: others on this machine can read arguments
  --name NAME            for an invitation: what you want to be called
  --password-file FILE   the password is the file's first line
  --no-password          for an invitation: do not ask for one; a key is kept instead
  --user NAME            logs in by password, on a machine that has no profile of that user
  --key FILE             logs in by a private key (sealgram keygen makes one), and joins with it
  --profile FILE         keeps the login there, instead of in ~/.config/sealgram/chats
  --room NAME            the room to begin in, which is joined; @NAME for a direct conversation;
                         general, or the only one you are in, unless given
  --downloads FOLDER     where attachments go: ~/Downloads; nothing there is overwritten
  --plain                a line at a time, without moving the cursor, instead of a full screen; so does an input or an
                         output that is no terminal, TERM=dumb, and any of the options below
  -h, --help

A line at a time:
  --history N            begins with the last N messages of the room
  --verbatim             lines are messages, whatever they begin with
  --stay                 goes on after the end of the input
  --drain SECONDS        how long to wait after the end of the input until everything is stored: 30
  --json                 what happens as one JSON object a line on stdout: message, edit, delete, join, leave, topic,
                         receipts, presence, typing, sent, stored, connected, disconnected, error, ...
                         Lines of the input that are JSON objects are commands; the first field says what to do, "room"
                         where, and "tag" comes back with what comes of it:
                           {"send":"hello","room":"general","tag":1}     {"edit":12,"text":"better"}  {"delete":12}
                           {"history":true,"limit":50,"before":120}      {"join":"garden"}  {"leave":"garden"}
                           {"create":"garden","access":"members"}        {"direct":"bob","text":"psst"}
                           {"members":true}  {"rooms":true}              {"read":12}  {"typing":true}
                           {"logins":true}  {"password_file":"FILE"}     {"key":true}  {"key_file":"FILE"}
                           {"forget":"ID"}
                           {"upload":"a.png"}  {"download":"ID","folder":"."}   {"invite":true}
                           {"role":"moderator","user":"bob"}  {"kick":"bob"}  {"ban":"bob","everywhere":true}

Commands, in the chat:
${slashHelp()
  .map((line) => `  ${line}`)
  .join("\n")}

Keys, in full screen:
${keysHelp().join("\n")}

Examples:
  sealgram chat 'sealgram://example.net:4433/#key=sha256:…&invitation=…'
  sealgram chat
  sealgram chat example.net --user alice
  make 2>&1 | tail -1 | sealgram chat --room builds --verbatim
  sealgram chat --json --stay < /dev/null | jq -r 'select(.event == "message") | .text'

${EXIT_CODES}`;

const DEFAULT_DRAIN_MS = 30_000;
const MAX_HISTORY = 10_000;

const text = { type: "string" } as const;
const flag = { type: "boolean" } as const;

export const chatCommand: Command = {
  summary: "an encrypted chat on the terminal",
  help: HELP,
  async run(args, context) {
    const { report } = context;
    const { values, positionals } = parseArgs({
      args,
      allowPositionals: true,
      options: {
        ...commonOptions,
        "link-file": text,
        name: text,
        "password-file": text,
        "no-password": flag,
        user: text,
        key: text,
        profile: text,
        room: text,
        downloads: text,
        plain: flag,
        history: text,
        verbatim: flag,
        stay: flag,
        drain: text,
        password: text,
      },
    });
    if (values.password !== undefined) {
      throw new UsageError("arguments can be read by everybody on this machine: use --password-file");
    }
    if (positionals.length + (values["link-file"] === undefined ? 0 : 1) > 1) {
      throw new UsageError("chat takes one link, or one host");
    }
    const linkFile = values["link-file"];
    const plain: PlainOptions = {
      isJson: values.json === true,
      room: values.room,
      history: count("--history", values.history ?? "0"),
      isVerbatim: values.verbatim === true,
      isStaying: values.stay === true,
      drainMs: milliseconds("--drain", values.drain) ?? DEFAULT_DRAIN_MS,
      downloads: values.downloads,
    };
    const login = {
      target:
        linkFile === undefined ? positionals[0] : firstLine(await readSecretFile(linkFile, report)).trim(),
      user: values.user,
      name: values.name,
      passwordFile: values["password-file"],
      isWithoutPassword: values["no-password"] === true,
      key: values.key,
      profile: values.profile,
    };
    // Other commands do without all this.
    const [{ loadChat }, { logIn }, begin] = await Promise.all([
      import("./runtime.ts"),
      import("./login.ts"),
      isFullScreen(values) ? fullScreen(plain) : aLineAtATime(plain, report),
    ]);
    const chat = await logIn(await loadChat(), login, report, context.stop, begin);
    try {
      await Promise.race([chat.run(), aborted(context.stop)]);
    } finally {
      await chat.client.close();
    }
  },
};

interface Running {
  readonly client: Client;
  run(): Promise<void>;
}

/** Whether the terminal can show it, and nothing was asked for that is not for looking at. */
function isFullScreen(values: Readonly<Record<string, unknown>>): boolean {
  const isTerminal = process.stdin.isTTY === true && process.stdout.isTTY === true;
  return (
    isTerminal && process.env.TERM !== "dumb" && !LINE_OPTIONS.some((name) => values[name] !== undefined)
  );
}

const LINE_OPTIONS = ["plain", "json", "history", "verbatim", "stay", "drain"];

type Begin = (client: Client, keepLogin: KeepLogin) => Running;

async function fullScreen({ room, downloads }: PlainOptions): Promise<Begin> {
  const { ScreenChat } = await import("./screen/index.ts");
  return (client, keepLogin) => new ScreenChat(client, keepLogin, { room, downloads });
}

async function aLineAtATime(options: PlainOptions, report: Report): Promise<Begin> {
  const { PlainChat } = await import("./plain.ts");
  return (client, keepLogin) => new PlainChat(client, keepLogin, options, report);
}

function count(option: string, value: string): number {
  if (!/^\d{1,6}$/.test(value) || Number(value) > MAX_HISTORY) {
    throw new UsageError(`${option} is a number of messages, ${MAX_HISTORY} at most`);
  }
  return Number(value);
}
