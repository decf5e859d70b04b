/** A chat's server: one folder, one socket. */

import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { onAbort } from "../../../abort.ts";
import { fromBase64, toBase64 } from "../../../crypto/bytes.ts";
import { generatePkcs8, signerFromPkcs8 } from "../../../crypto/signer.ts";
import type { ListenOptions } from "../../../endpoint/listen.ts";
import type { Server } from "../../../endpoint/server.ts";
import type { Lock } from "../../../node-lock.ts";
import { checkOptions, type Names, type Some, withDefaults } from "../../../options.ts";
import { createInvitation } from "../invitation.ts";
import { keyFingerprint } from "../key-fingerprint.ts";
import { type ChatLink, formatLink } from "../link.ts";
import { CHAT_PROTOCOL, ChatError, CloseCode } from "../protocol.ts";
import { serverWindows } from "../windows.ts";
import { roomName, serverName } from "../wire.ts";
import { Accounts } from "./accounts.ts";
import { Attachments } from "./attachments.ts";
import { Credentials } from "./credentials.ts";
import { Database } from "./database.ts";
import { Entries } from "./entries.ts";
import { FirstRoom } from "./first-room.ts";
import { ATTACHMENTS_FOLDER, DATABASE_FILE, takeFolder } from "./folder.ts";
import type { House } from "./house.ts";
import { type ChatLimits, defaultLimits } from "./limits.ts";
import { Live } from "./live.ts";
import { logins } from "./logins.ts";
import { Pump } from "./pump.ts";
import { refusalOf } from "./refusal.ts";
import { Rooms } from "./rooms.ts";
import { ServerSession } from "./session.ts";
import { Settings } from "./settings.ts";
import { SettledClock } from "./settled-clock.ts";
import { TICKET_MS, TicketSecrets } from "./ticket-secrets.ts";
import { Usages } from "./usage.ts";

export type Listen = (url: string | URL, options: ListenOptions) => Promise<Server>;

/** Where a server keeps its data, where it listens, and what it allows. */
export interface ChatServerOptions {
  /** Where to keep everything. Made if it is not there; one server at a time has it. */
  readonly folder: string;
  /**
   * Opens a new chat where the database of another is missing and its attachments are not: they are moved to a folder
   * beside them. Unless this is set, such a folder is refused.
   */
  readonly recover?: boolean;
  /** `udp://host:port`; port 0 for any that is free. */
  readonly url: string | URL;
  /** What clients see: "chat" unless given. */
  readonly name?: string | undefined;
  /** Others than the defaults, for those that are given. */
  readonly limits?: Some<ChatLimits> | undefined;
  /**
   * The room in which everybody is from the beginning, but those whose invitation is for another one; its owner is the
   * server's: "general" unless given, `false` for none. It is made with the first owner, and stays what it is.
   */
  readonly firstRoom?: string | false | undefined;
  /**
   * Days after which what was said is forgotten: never unless given. After a date that has jumped, or a server that was off
   * for more than a day, it takes a day more.
   */
  readonly retentionDays?: number | undefined;
  /** Told of the server's own faults, a full disk among them, which clients know as `internal`. */
  readonly onerror?: ((error: unknown) => void) | undefined;
  /** What else `listen` is told. */
  readonly listen?:
    | Omit<ListenOptions, "auth" | "onsession" | "applicationProtocols" | "tickets" | "streams">
    | undefined;
}

const NAMES: Names<ChatServerOptions> = {
  folder: 1,
  url: 1,
  name: 1,
  limits: 1,
  firstRoom: 1,
  recover: 1,
  retentionDays: 1,
  onerror: 1,
  listen: 1,
};
const INVITATION_MS = 7 * 86_400_000;
const SWEEP_MS = 3_600_000;
const DAY_MS = 86_400_000;
/** Clients show signs of life far more often. */
const IDLE_MS = 30_000;
/**
 * A hidden page's timers are held back, for a minute at a time: it asks for no sign of life, but answers what comes. So the
 * server asks, before a client would.
 */
const KEEP_ALIVE_MS = 2_500;
const SECRET_BYTES = 32;
/** A user has several logins, and each of them several devices. */
const SESSIONS_PER_LOGIN = 100;

/** A running server. Made by `openChat`. */
export class ChatServer {
  /** Where it listens. */
  readonly url: string;
  /** Of its public key. */
  readonly fingerprint: string;
  /** Lets the owner in, once, as long as there is none: a link's, and a secret. */
  readonly ownerInvitation: ChatLink["invitation"];
  /** Settles when it has ended; rejects if its socket failed, or if another process has taken the folder. */
  readonly closed: Promise<void>;
  readonly #house: House;
  readonly #lock: Lock;
  readonly #server: Server;
  readonly #running: Set<Promise<void>>;
  readonly #sweeper: ReturnType<typeof setInterval>;
  #sweeping: Promise<void> = Promise.resolve();

  private constructor(
    house: House,
    lock: Lock,
    server: Server,
    running: Set<Promise<void>>,
    known: Pick<ChatServer, "fingerprint" | "ownerInvitation">,
    sweep: () => Promise<void>,
  ) {
    this.#house = house;
    this.#lock = lock;
    this.#server = server;
    this.#running = running;
    this.url = server.url;
    this.fingerprint = known.fingerprint;
    this.ownerInvitation = known.ownerInvitation;
    const { lost } = lock;
    this.closed = server.closed.then(() => {
      if (lost.aborted) throw lost.reason;
    });
    this.closed.catch(() => {});
    // Another process writes there now.
    onAbort(lost, () => void this.close().catch((error) => house.report(error)));
    const sweepNow = () => {
      this.#sweeping = this.#sweeping.then(sweep).catch((error) => house.report(error));
    };
    this.#sweeper = setInterval(sweepNow, SWEEP_MS);
    sweepNow();
  }

  /**
   * Opens the folder and begins to listen.
   * @throws Error if another process has the folder; DatabaseMissingError; and as `listen` does
   */
  static async open(listen: Listen, options: ChatServerOptions): Promise<ChatServer> {
    checkOptions("openChat", options, NAMES);
    const { folder, retentionDays = Number.POSITIVE_INFINITY, firstRoom = "general" } = options;
    if (!(retentionDays > 0)) throw new RangeError("retentionDays is above 0");
    if (firstRoom !== false) checkRoomName(firstRoom);
    checkServerName(options.name ?? "");
    const lock = await takeFolder(folder, options.recover);
    let database: Database | undefined;
    try {
      database = new Database(folder);
      return await ChatServer.#on(listen, options, lock, database);
    } catch (error) {
      database?.close();
      await lock.release();
      throw error;
    }
  }

  static async #on(
    listen: Listen,
    options: ChatServerOptions,
    lock: Lock,
    database: Database,
  ): Promise<ChatServer> {
    const { folder, url, name = "chat", retentionDays = Number.POSITIVE_INFINITY } = options;
    const { firstRoom = "general" } = options;
    const accounts = new Accounts(database);
    const rooms = new Rooms(database);
    const settings = new Settings(database);
    const fresh = toBase64(await generatePkcs8("Ed25519"));
    const stored = settings.once("server key", () => new TextEncoder().encode(fresh));
    const loginSecret = settings.once("login secret", () =>
      crypto.getRandomValues(new Uint8Array(SECRET_BYTES)),
    );
    const key = await signerFromPkcs8(fromBase64(new TextDecoder().decode(stored)));
    const report = (error: unknown) => options.onerror?.(error);
    const limits = withDefaults("limits", defaultLimits, options.limits);
    const usages = new Usages(limits);
    let server: Server;
    const house: House = {
      name,
      database,
      accounts,
      credentials: new Credentials(database),
      rooms,
      entries: new Entries(database),
      attachments: new Attachments(database, folder, limits),
      live: new Live(rooms, usages, report),
      pump: new Pump(),
      limits,
      usages,
      firstRoom: new FirstRoom(rooms, settings, firstRoom),
      closeSessionsOf: (...whose) => void server.closeSessionsOf(...whose),
      report,
      refusal: (error) => {
        if (!(error instanceof ChatError)) report(error);
        return refusalOf(error, folder);
      },
    };
    const { unknownFiles } = house.attachments;
    if (unknownFiles > 0)
      report(
        new Error(`${unknownFiles} files in ${join(folder, ATTACHMENTS_FOLDER)} belong to no message here`),
      );
    const ownerInvitation = accounts.hasOwner ? undefined : await inviteOwner(house);
    const tickets = new TicketSecrets(database, settings, report);
    const clock = new SettledClock(settings);
    const running = new Set<Promise<void>>();
    server = await listen(url, {
      idleTimeoutMs: IDLE_MS,
      ...options.listen,
      limits: { sessionsPerIdentity: SESSIONS_PER_LOGIN, ...options.listen?.limits },
      // A channel, and some attachments.
      streams: {
        maxIncomingBidirectional: 9,
        maxIncomingUnidirectional: 0,
        ...serverWindows,
        keepAliveMs: KEEP_ALIVE_MS,
      },
      // Clients come back after a restart without typing anything, and all of them at once without much work.
      tickets: { secrets: () => tickets.current(), lifetimeMs: TICKET_MS },
      auth: logins(accounts, house.credentials, key, loginSecret),
      applicationProtocols: [CHAT_PROTOCOL],
      onsession(session) {
        const run = new ServerSession(house, session).run();
        running.add(run);
        void run.finally(() => running.delete(run));
      },
    });
    const known = { fingerprint: keyFingerprint(key.publicKey), ownerInvitation };
    const sweep = async () => {
      tickets.current();
      const nowMs = Date.now();
      const isSettled = await database.change(() => clock.tick(nowMs));
      if (isSettled) {
        await database.change(() => {
          accounts.forgetEnded(nowMs);
          house.entries.deleteBefore(nowMs - retentionDays * DAY_MS);
          house.entries.takeBack(nowMs);
        });
        await house.attachments.sweep(nowMs);
      }
      database.tidy();
    };
    return new ChatServer(house, lock, server, running, known, sweep);
  }

  /** A link to this server. @param host that others reach it at; where it listens unless given */
  link({ host, via = [], invitation }: Partial<ChatLink> = {}): string {
    const own = new URL(this.url.replace(/^udp:/, "http:"));
    return formatLink({
      host: host ?? own.hostname.replace(/^\[|\]$/g, ""),
      port: this.#server.address.port,
      via,
      serverKey: this.fingerprint,
      invitation,
    });
  }

  /** As those of any server. */
  get stats(): ReturnType<Server["getStats"]> {
    return this.#server.getStats();
  }

  /**
   * Copies everything, as it is now, into a new folder, which a server can be opened on; this one goes on meanwhile, but
   * stands still while the database is written. The folder of a running server cannot be copied by other means: what
   * is copied first and last would not belong together. The copy has all secrets that the folder has.
   * @throws Error if there is a folder already, or no room
   */
  async backup(folder: string): Promise<void> {
    await mkdir(folder, { mode: 0o700 });
    const { database, attachments } = this.#house;
    database.copyTo(join(folder, DATABASE_FILE));
    await attachments.copyTo(folder, attachments.ids());
  }

  /** Tells all clients, who come back when there is a server again, and settles once all is on the disk. Idempotent. */
  async close(): Promise<void> {
    clearInterval(this.#sweeper);
    this.#house.live.endAll(CloseCode.restarting, "the server stops");
    await this.#server.close();
    await Promise.all(this.#running);
    await this.#sweeping;
    this.#house.live.stop();
    this.#house.pump.stop();
    this.#house.database.close();
    await this.#lock.release();
  }
}

function checkRoomName(name: string): void {
  try {
    roomName(name);
  } catch {
    throw new RangeError("firstRoom has up to 32 letters and digits, and . _ - or spaces behind the first");
  }
}

function checkServerName(name: string): void {
  try {
    serverName(name);
  } catch {
    throw new RangeError("name is a line of 256 bytes at most, without characters that control others");
  }
}

async function inviteOwner({ accounts, database }: House): Promise<ChatLink["invitation"]> {
  const { invitation, record } = await createInvitation();
  await database.change(() => {
    accounts.forgetOwnersInvitations();
    accounts.invite(record, { maker: undefined, role: "owner", room: undefined }, INVITATION_MS);
  });
  return invitation;
}
