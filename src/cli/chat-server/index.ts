/** `sealgram chat-server`: hosts a chat. */
import process from "node:process";
import { parseArgs } from "node:util";
import { Networks } from "../../gateway/networks.ts";
import { parsePlace } from "../../gateway/options.ts";
import { COMMON_HELP, type Command, type Context, commonOptions } from "../command.ts";
import { EXIT_CODES, UsageError } from "../exit.ts";
import { readSecretFile, readTextFile } from "../secrets.ts";
import { milliseconds, reportStats, STATS_HELP, statsOptions, usageChecked } from "../session-options.ts";
import { aborted } from "../stop.ts";
import { findDeno } from "./deno.ts";
import { Hosting, type HostingOptions } from "./hosting.ts";
import { LIMIT_NAMES, limitsOf } from "./limits.ts";
import { isLoopback, placesOf } from "./places.ts";
import { commandName, qrCode, welcome } from "./welcome.ts";

const DEFAULT_FOLDER = "sealgram-chat";

const HELP = `Usage: sealgram chat-server [options]

Hosts a chat: for terminals by UDP (sealgram chat), for browsers by a page, with WebTransport where Deno is installed
and WebSocket where it is not. Everything is kept in one folder. The first start prints an invitation for the owner,
who invites all others. Links stay valid as long as the folder, the ports and this machine's name stay the same.

Options:
  --folder FOLDER        keeps users, messages and keys: ./${DEFAULT_FOLDER}
  --name NAME            what members see: chat
  --public HOST          this machine's name or address as links say it: its address in the local network
  --listen URL           udp://address:port of the chat: all addresses, port 7325
  --page URL             http:// or https://address:port of the page and its WebSocket: all addresses, port 7325
  --certificate FILE     certificates in PEM, the page's own first, and
  --key FILE             their private key in PEM: the page is at https:// then
  --page-url URL         https:// URL of the page if a proxy with a certificate is in front of it: the page is at
                         this machine's own addresses then, and clients' are those that the proxy adds to
                         X-Forwarded-For
  --trusted-proxy ADDRESS  that proxy, if it is on another machine, or its network as 10.0.0.0/8; may be repeated
  --webtransport URL     https://address:port of WebTransport: all addresses, port 7326
  --deno FILE            Deno's program: that of the npm package deno, or in PATH
  --no-webtransport      goes without
  --recover              where the database is missing, opens a new chat and moves the attachments of the old one to a
                         folder beside it
  --retention-days N     forgets what was said so many days ago
  --limit NAME=N         of a user: ${LIMIT_NAMES.chat.slice(0, 3).join(", ")},
                         ${LIMIT_NAMES.chat.slice(3).join(", ")};
                         of the gateways for browsers: ${LIMIT_NAMES.gateway.join(", ")}; may be repeated
${STATS_HELP}${COMMON_HELP}
Others have to reach UDP port 7325, TCP port 7325 and UDP port 7326 here, or as many of them as they can: each client
takes the first way that works.

Browsers encrypt only on pages that came by https, or from their own machine. Without a certificate the page is for
browsers on this machine, then; terminals do not need one anywhere.

Examples:
  sealgram chat-server
  sealgram chat-server --name Friends --public chat.example --certificate chain.pem --key key.pem
  sealgram chat-server --page http://127.0.0.1:8080 --page-url https://chat.example/ --retention-days 90

${EXIT_CODES}`;

const options = {
  ...commonOptions,
  ...statsOptions,
  folder: { type: "string" },
  name: { type: "string" },
  public: { type: "string" },
  listen: { type: "string" },
  page: { type: "string" },
  certificate: { type: "string" },
  key: { type: "string" },
  "page-url": { type: "string" },
  "trusted-proxy": { type: "string", multiple: true },
  webtransport: { type: "string" },
  deno: { type: "string" },
  "no-webtransport": { type: "boolean" },
  recover: { type: "boolean" },
  "retention-days": { type: "string" },
  limit: { type: "string", multiple: true },
} as const;

export const chatServerCommand: Command = {
  summary: "hosts a chat, with a page for browsers",
  help: HELP,
  async run(args, context) {
    const { report, stop } = context;
    const { values } = parseArgs({ args, options });
    milliseconds("--stats-interval", values["stats-interval"]);
    const hosting = await usageChecked(hostingOptions(values, context).then((each) => Hosting.open(each)));
    const endStats = reportStats(values, report, () => hosting.getStats());
    try {
      stop.throwIfAborted();
      const { opened } = hosting;
      report.result("open", { ...opened }, ...welcome(opened, commandName(context.program)));
      if (process.stdout.isTTY && !values.json) showQr(opened.owner ?? opened, opened.isPageForOthers);
      await Promise.race([hosting.closed, aborted(stop)]);
    } finally {
      report.event("closing", {}, "stopping: clients are told, and come back when there is a server again");
      await endStats();
      await hosting.close();
    }
  },
};

/** Of the way in that suits what scans it. */
function showQr({ page, link }: { page?: string | undefined; link: string }, isPageForOthers: boolean): void {
  const code = qrCode(isPageForOthers && page !== undefined ? page : link, process.stdout.columns);
  if (code !== undefined) process.stdout.write(`\n${code}\n`);
}

type Values = ReturnType<typeof parseArgs<{ options: typeof options }>>["values"];

async function hostingOptions(values: Values, { report, program }: Context): Promise<HostingOptions> {
  const { folder = DEFAULT_FOLDER, name = "chat", certificate, key } = values;
  if ((certificate === undefined) !== (key === undefined)) {
    throw new UsageError("--certificate and --key go together");
  }
  const pageUrl = values["page-url"];
  if (pageUrl !== undefined && (!URL.canParse(pageUrl) || new URL(pageUrl).pathname !== "/")) {
    throw new UsageError("--page-url is a URL with a host and no path");
  }
  if (name.trim() === "" || name.length > 64 || /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/u.test(name))
    throw new UsageError("--name has 1 to 64 characters, none of which controls others");
  const days = values["retention-days"];
  if (days !== undefined && !(Number(days) > 0)) throw new UsageError("--retention-days is a number above 0");
  const limits = limitsOf(values.limit ?? []);
  const proxies = values["trusted-proxy"];
  if (proxies !== undefined && pageUrl === undefined)
    throw new UsageError("--trusted-proxy goes with --page-url");
  // Before there is a folder: throws for what is no address.
  new Networks(proxies ?? []);
  const isProxyHere = pageUrl !== undefined && proxies === undefined;
  const places = await placesOf({ ...values, isProxyHere }, certificate !== undefined);
  if (isProxyHere && !isLoopback(parsePlace(places.page).host)) {
    report.warn(
      "page_exposed",
      `${places.page} can be reached without the proxy; X-Forwarded-For is believed from this machine alone: bind it to 127.0.0.1, or name the proxy by --trusted-proxy`,
    );
  }
  return {
    folder,
    recover: values.recover ?? false,
    name,
    places,
    tls:
      certificate === undefined || key === undefined
        ? undefined
        : { cert: await readTextFile(certificate), key: await readSecretFile(key, report) },
    pageUrl,
    trustedProxies: pageUrl === undefined ? [] : (proxies ?? ["loopback"]),
    deno: denoOf(values, program, report),
    program,
    retentionDays: days === undefined ? undefined : Number(days),
    limits,
    report,
  };
}

function denoOf(values: Values, program: string, report: Context["report"]): string | undefined {
  if (values["no-webtransport"]) return undefined;
  const found = findDeno(values.deno, program);
  if (found === undefined) {
    report.warn(
      "no_deno",
      "Deno is not installed (npm install deno): browsers get WebSocket, not WebTransport",
    );
  }
  return found;
}
