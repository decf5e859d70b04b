/** What people are told once a chat is open: where it is, and how to get in. */
import { existsSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import process from "node:process";
import encodeQr from "qr";

/** What there is to tell. */
export interface Opened {
  readonly name: string;
  readonly folder: string;
  /** Where the chat itself listens. */
  readonly url: string;
  /** What the page is opened by; `undefined` if there is none. */
  readonly page: string | undefined;
  /** Whether browsers on other machines can open it, and log in there. */
  readonly isPageForOthers: boolean;
  /** Where WebTransport listens, if it does. */
  readonly webTransport: string | undefined;
  readonly link: string;
  /** What links say, if nobody has said it. */
  readonly guessedHost: string | undefined;
  /** As long as there is no owner: the same with an invitation. */
  readonly owner: { readonly page: string | undefined; readonly link: string } | undefined;
}

/** How this command is run again, from where it was run. */
export function commandName(program: string): string {
  if ("Deno" in globalThis) return "deno run -A --unstable-net npm:sealgram";
  const isClone = existsSync(join(dirname(program), "../src"));
  if (!isClone) return "npx sealgram";
  const path = relative(process.cwd(), program);
  return `node ${path.startsWith("..") ? program : path}`;
}

/** Lines for people. */
export function welcome(opened: Opened, command: string): string[] {
  const { name, folder, page, isPageForOthers, link, owner, guessedHost } = opened;
  const ways = (page: string | undefined, link: string) => [
    ...(page === undefined ? [] : [`  in a browser    ${page}`]),
    `  in a terminal   ${command} chat ${quoted(link)}`,
    "",
  ];
  return [
    "",
    `The chat "${name}" is open. Users, messages and keys are kept in ${folder}`,
    "",
    ...(owner === undefined
      ? [
          ...ways(page, link),
          "Its owner invites others: /invite in the chat makes an invitation for one.",
          "",
        ]
      : [
          "It has no owner yet. This invitation makes one, once:",
          "",
          ...ways(owner.page, owner.link),
          "The owner invites others: /invite in the chat makes an invitation for one. From then on, the chat is here:",
          "",
          ...ways(page, link),
        ]),
    ...(guessedHost === undefined
      ? []
      : [
          `Links say ${guessedHost}, this machine's address in its own network: if others know it by another, start it`,
          "again with --public.",
          "",
        ]),
    ...(page === undefined || isPageForOthers
      ? []
      : [
          "Browsers on other machines can open the page only by https, as they encrypt on no other: start again with",
          "--certificate and --key for that. Terminals need none.",
          "",
        ]),
    "Ctrl-C stops it.",
  ];
}

/** As shells take it. */
function quoted(link: string): string {
  return process.platform === "win32" ? `"${link}"` : `'${link}'`;
}

/** A QR code in colours of its own, whatever the terminal's are; `undefined` if the terminal is too narrow. */
export function qrCode(text: string, columns: number): string | undefined {
  const lines = encodeQr(text, "ascii", { ecc: "low" }).trimEnd().split("\n");
  if (lines[0]!.length > columns) return undefined;
  return lines.map((line) => `\x1b[97;40m${line}\x1b[0m\n`).join("");
}
