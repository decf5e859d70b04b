/** A chat with everything that makes it reachable: UDP, WebSocket and the page on one port, WebTransport. */
import { existsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import type { ChatServer, ChatServerOptions } from "../../apps/chat/server/api.ts";
import type { Gateway } from "../../gateway/gateway.ts";
import { parsePlace, type TlsKeyPair } from "../../gateway/options.ts";
import { loadEndpoint } from "../endpoint.ts";
import { codeOf, messageOf } from "../exit.ts";
import { gatewayLimitsOf, loadGateway } from "../gateway.ts";
import type { Report } from "../report.ts";
import type { Limits } from "./limits.ts";
import { ChatPage } from "./page.ts";
import { fromHere, inUrl, isLoopback, isWildcard, type Places } from "./places.ts";
import { WebTransportGateway } from "./webtransport.ts";
import type { Opened } from "./welcome.ts";

export interface HostingOptions {
  readonly folder: string;
  /** Whether a new chat may be opened where one has lost its database. */
  readonly recover: boolean;
  readonly name: string;
  readonly places: Places;
  readonly tls: TlsKeyPair | undefined;
  /** What others open the page by, if it is behind a proxy. */
  readonly pageUrl: string | undefined;
  /** Who is believed what clients' addresses are. */
  readonly trustedProxies: readonly string[];
  /** Deno's program; `undefined` for no WebTransport. */
  readonly deno: string | undefined;
  /** That of this command, with the page's folder beside it. */
  readonly program: string;
  readonly retentionDays: number | undefined;
  readonly limits: Limits;
  readonly report: Report;
}

/** Of each gateway, unless given. */
const GATEWAY_CLIENTS = 2_000;
const TARGET = "chat";

export class Hosting {
  readonly #options: HostingOptions;
  readonly #chat: ChatServer;
  readonly #webTransport: WebTransportGateway | undefined;
  readonly #hasPage: boolean;
  #gateway: Gateway | undefined;

  private constructor(options: HostingOptions, chat: ChatServer, hasPage: boolean) {
    this.#options = options;
    this.#chat = chat;
    this.#hasPage = hasPage;
    const { deno, program, places, folder, limits, report } = options;
    if (deno === undefined) return;
    this.#webTransport = new WebTransportGateway({
      deno,
      program,
      url: places.webTransport,
      target: this.#target,
      folder: resolve(folder, "webtransport"),
      limits: limits.gateway,
      report,
    });
  }

  /** @throws Error if the folder or a port is taken, and TypeError or RangeError for wrong options */
  static async open(options: HostingOptions): Promise<Hosting> {
    const { program, places, report } = options;
    const pageFolder = join(dirname(program), "page");
    const hasPage = existsSync(pageFolder);
    if (!hasPage) report.warn("no_page", `there is no page for browsers: ${pageFolder} is missing`);
    const { ChatServer } = await import("../../apps/chat/server/api.ts");
    const { listen } = await loadEndpoint();
    const opening = ChatServer.open(listen, chatOptions(options));
    const chat = await opening.catch(recoverable).catch(takenAs(places.listen, "--listen"));
    const hosting = new Hosting(options, chat, hasPage);
    try {
      await hosting.#openGateway(hasPage ? pageFolder : undefined);
      await hosting.#webTransport?.started;
    } catch (error) {
      await hosting.close();
      throw error;
    }
    return hosting;
  }

  async #openGateway(pageFolder: string | undefined): Promise<void> {
    const { places, tls, name, trustedProxies, limits } = this.#options;
    const page = new ChatPage(
      pageFolder,
      () => ({ name, link: this.#link() }),
      () => [...this.#via(), webSocketOf(this.#page)],
    );
    const { openGateway } = await loadGateway();
    const opening = openGateway(places.page, {
      targets: { [TARGET]: this.#target },
      limits: { clients: GATEWAY_CLIENTS, ...gatewayLimitsOf(limits.gateway) },
      trustedProxies,
      pages: (request) => page.answer(request),
      certificateHashes: () => this.#webTransport?.hashes ?? [],
      ...(tls === undefined ? {} : { tls }),
    });
    this.#gateway = await opening.catch(takenAs(places.page, "--page"));
  }

  /** The chat, as programs on this machine reach it. */
  get #target(): string {
    const { hostname, port } = new URL(this.#chat.url.replace(/^udp:/, "http:"));
    return `udp://${inUrl(fromHere(bare(hostname)))}:${port}`;
  }

  /** What the page is opened by: with an end slash. */
  get #page(): string {
    const { pageUrl, places } = this.#options;
    if (pageUrl !== undefined) return new URL(pageUrl).href;
    const { host, port, isSecure } = parsePlace(this.#gateway!.url);
    if (isSecure) return `https://${inUrl(this.#publicHost(host))}:${port}/`;
    return `http://${isWildcard(host) || isLoopback(host) ? "localhost" : inUrl(places.publicHost)}:${port}/`;
  }

  /** The gateways, best first. */
  #via(): string[] {
    const via: string[] = [];
    const webTransport = this.#webTransport?.url;
    if (webTransport !== undefined) {
      const { host, port } = parsePlace(webTransport);
      via.push(`https://${inUrl(this.#publicHost(host))}:${port}/${TARGET}`);
    }
    const { host, port, isSecure } = parsePlace(this.#gateway!.url);
    const own = `http${isSecure ? "s" : ""}://${inUrl(this.#publicHost(host))}:${port}`;
    via.push(webSocketOf(new URL(TARGET, this.#options.pageUrl ?? own).href));
    return via;
  }

  #publicHost(host: string): string {
    return isWildcard(host) ? this.#options.places.publicHost : host;
  }

  #link(invitation?: ChatServer["ownerInvitation"]): string {
    return this.#chat.link({ host: this.#options.places.publicHost, via: this.#via(), invitation });
  }

  /** What there is to tell. */
  get opened(): Opened {
    const { name, folder, places } = this.#options;
    const { ownerInvitation: invitation } = this.#chat;
    const page = this.#hasPage ? this.#page : undefined;
    return {
      name,
      folder: resolve(folder),
      url: this.#chat.url,
      page,
      isPageForOthers: this.#page.startsWith("https:"),
      webTransport: this.#webTransport?.url,
      link: this.#link(),
      guessedHost: places.isGuessed ? places.publicHost : undefined,
      owner: invitation && {
        page: page && `${page}#invitation=${invitation.id}.${invitation.secret}`,
        link: this.#link(invitation),
      },
    };
  }

  /** Rejects if the chat has failed. */
  get closed(): Promise<void> {
    return this.#chat.closed;
  }

  getStats(): object {
    return { chat: this.#chat.stats, gateway: this.#gateway!.getStats() };
  }

  /** Tells all clients, and only then ends what they are told by. */
  async close(): Promise<void> {
    try {
      await this.#chat.close();
    } finally {
      await Promise.all([this.#gateway?.close(), this.#webTransport?.close()]);
    }
  }
}

function chatOptions({
  folder,
  recover,
  name,
  places,
  retentionDays,
  limits,
  report,
}: HostingOptions): ChatServerOptions {
  const { clients = GATEWAY_CLIENTS } = gatewayLimitsOf(limits.gateway);
  return {
    folder,
    recover,
    name,
    url: places.listen,
    limits: limits.chat,
    ...(retentionDays === undefined ? {} : { retentionDays }),
    // All clients of both gateways have this machine's address.
    listen: { limits: { sessionsPerAddress: Math.max(1_000, 2 * clients) } },
    onerror: (error) => report.warn("fault", messageOf(error)),
  };
}

/** What to do about a folder whose database is missing. */
function recoverable(error: unknown): never {
  if (codeOf(error) !== "database_missing") throw error;
  const text = `${messageOf(error)} (--recover does that; nothing is deleted)`;
  throw Object.assign(new Error(text), { code: "database_missing" });
}

/** What to do about a port that somebody has. */
function takenAs(url: string, option: string): (error: unknown) => never {
  return (error) => {
    if (codeOf(error) !== "EADDRINUSE") throw error;
    const text = `${url} is taken, perhaps by another chat: end that, or choose another port by ${option}`;
    throw Object.assign(new Error(text), { code: "EADDRINUSE" });
  };
}

function webSocketOf(url: string): string {
  return url.replace(/^http/, "ws");
}

function bare(hostname: string): string {
  return hostname.replace(/^\[|\]$/g, "");
}
