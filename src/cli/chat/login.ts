/** From a link, or what was kept of one, to who a client is. */
import { resolve } from "node:path";
import process from "node:process";
import {
  type ChatAuth,
  ChatError,
  type ChatFace,
  type ChatLink,
  type Client,
  formatLink,
  formatPsk,
  parseLink,
  parsePsk,
} from "../../apps/chat/client/entry.ts";
import { withoutInvitation } from "../../apps/chat/link.ts";
import { userName } from "../../apps/chat/wire.ts";
import { SealgramError } from "../../errors.ts";
import { UsageError } from "../exit.ts";
import { askPassword, openTerminal } from "../prompt.ts";
import type { Report } from "../report.ts";
import { firstLine, readSecretFile } from "../secrets.ts";
import { askLine } from "./ask.ts";
import {
  type KeptProfile,
  listProfiles,
  makeProfilesFolder,
  type Profile,
  profilePath,
  readProfile,
  touchProfile,
  writeProfile,
} from "./profile.ts";

export interface LoginOptions {
  /** A link, or the name of a host, with a port or without; the chat that was used last unless given. */
  readonly target: string | undefined;
  readonly user: string | undefined;
  readonly name: string | undefined;
  readonly passwordFile: string | undefined;
  readonly isWithoutPassword: boolean;
  readonly key: string | undefined;
  readonly profile: string | undefined;
}

/** Changes how this machine logs in the next time. */
export type KeepLogin = (login: Profile["login"]) => Promise<void>;

/**
 * @param begin called as soon as there is a client: what is not listened to from then on is missed
 * @throws what `connect` does, in words that say what to do; UsageError
 */
export async function logIn<T>(
  chat: ChatFace,
  options: LoginOptions,
  report: Report,
  signal: AbortSignal,
  begin: (client: Client, keepLogin: KeepLogin) => T,
): Promise<T> {
  const { profile, path, isNew, auth } = await loginOf(chat, options, report, signal);
  report.event(
    "connecting",
    { user: profile.user, server: authority(profile.link) },
    `connecting as ${profile.user}`,
  );
  let client: Client;
  try {
    client = await chat.connect(profile.link, { auth, signal });
  } catch (error) {
    throw explained(error, profile.login.kind);
  }
  try {
    const begun = begin(client, (login) => keep(path, { ...profile, login }));
    if (isNew) await keep(path, profile);
    else await touchProfile(path);
    return begun;
  } catch (error) {
    await client.close();
    throw error;
  }
}

/** Where a link leads. */
export function authority(link: string): string {
  const { host, port } = parseLink(link);
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}

interface Login {
  readonly profile: Profile;
  readonly path: string;
  /** Whether it is to be kept once it has worked. */
  readonly isNew: boolean;
  readonly auth: ChatAuth;
}

async function loginOf(
  chat: ChatFace,
  options: LoginOptions,
  report: Report,
  signal: AbortSignal,
): Promise<Login> {
  const link = linkOf(options.target);
  const kept = await keptProfile(options, link);
  if (kept !== undefined) return { ...kept, isNew: false, auth: await authOf(kept.profile, options, report) };
  if (link === undefined) {
    throw new UsageError(
      options.target === undefined
        ? "no chat was joined yet: sealgram chat LINK, with the link of an invitation"
        : "nothing is kept of a chat on that host: sealgram chat LINK, with the link of an invitation",
    );
  }
  if (link.invitation !== undefined) return join(chat, link, options, report, signal);
  const user = options.user ?? options.name;
  if (user === undefined) {
    throw new UsageError(
      "the link has no invitation: say who you are by --user NAME, with --key FILE for a key",
    );
  }
  const login = options.key === undefined ? ({ kind: "password" } as const) : keyLogin(options.key);
  const profile = { link: formatLink(link), user: checkedName(user), login };
  const path = options.profile ?? profilePath(profile);
  return { profile, path, isNew: true, auth: await authOf(profile, options, report) };
}

function linkOf(target: string | undefined): ChatLink | undefined {
  if (!target?.startsWith("sealgram:")) return undefined;
  try {
    // Copied from a terminal, a link has its line breaks in it.
    return parseLink(target.replaceAll(/\s/g, ""));
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

// Those who were here before

async function keptProfile(
  options: LoginOptions,
  link: ChatLink | undefined,
): Promise<KeptProfile | undefined> {
  const { profile: path, target, user } = options;
  const fits = ({ profile }: KeptProfile) =>
    isOf(profile, link, target) && (user ?? profile.user) === profile.user;
  if (path === undefined) {
    const kept = (await listProfiles()).find(fits);
    return kept === undefined ? undefined : updated(kept, link);
  }
  const profile = await readProfile(path);
  if (profile === undefined) return undefined;
  if (!fits({ path, profile })) throw new UsageError(`${path} is of another chat, user or invitation`);
  return updated({ path, profile }, link);
}

function isOf(
  { link: own, invitation }: Profile,
  link: ChatLink | undefined,
  target: string | undefined,
): boolean {
  if (target === undefined) return true;
  const { host, port } = parseLink(own);
  if (link === undefined) return [host, `${host}:${port}`, `[${host}]`, `[${host}]:${port}`].includes(target);
  if (link.host !== host || link.port !== port) return false;
  // Another invitation is for another user; that of this one is used, and the same command works again.
  return link.invitation === undefined || link.invitation.id === invitation;
}

/** Gateways may have changed; a server's key only shows that it is another server. */
function updated(kept: KeptProfile, link: ChatLink | undefined): KeptProfile {
  if (link === undefined) return kept;
  const { serverKey } = parseLink(kept.profile.link);
  if (serverKey !== undefined && link.serverKey !== undefined && serverKey !== link.serverKey) {
    throw new SealgramError(
      "untrusted_public_key",
      `the link has another key than the server that ${kept.path} was made for`,
    );
  }
  return kept;
}

async function authOf({ login, user }: Profile, options: LoginOptions, report: Report): Promise<ChatAuth> {
  switch (login.kind) {
    case "psk":
      return { psk: parsePsk(login.psk) };
    case "key":
      return { key: await readSecretFile(options.key ?? login.path, report) };
    case "password": {
      const { passwordFile } = options;
      const password =
        passwordFile === undefined
          ? await askPassword(`Password of ${user}`, false, openTerminal())
          : firstLine(await readSecretFile(passwordFile, report));
      return { user, password };
    }
  }
}

function keyLogin(path: string): Profile["login"] {
  return { kind: "key", path: resolve(path) };
}

// Those who are invited

async function join(
  chat: ChatFace,
  link: ChatLink,
  options: LoginOptions,
  report: Report,
  signal: AbortSignal,
): Promise<Login> {
  const { key } = options;
  const isAsked = process.stdin.isTTY === true;
  const given = options.name ?? options.user;
  if (given === undefined && !isAsked)
    throw new UsageError("an invitation is for a new user: say --name NAME");
  const name = checkedName(given ?? (await askLine("Your name in the chat")));
  const password = key === undefined ? await newPassword(options, isAsked, report) : undefined;
  if (options.profile === undefined) await makeProfilesFolder();
  const own = formatLink(withoutInvitation(link));
  const path = options.profile ?? profilePath({ link: own, user: name });
  if ((await readProfile(path)) !== undefined)
    throw new UsageError(`${path} is of a user of that name already`);
  let auth: ChatAuth;
  try {
    auth = await chat.join(
      formatLink(link),
      {
        name,
        ...(password === undefined ? {} : { password }),
        ...(key === undefined ? {} : { key: await readSecretFile(key, report) }),
      },
      { signal },
    );
  } catch (error) {
    throw explained(error, "invitation");
  }
  const login: Profile["login"] =
    "psk" in auth
      ? { kind: "psk", psk: formatPsk(auth.psk) }
      : key === undefined
        ? { kind: "password" }
        : keyLogin(key);
  const profile = { link: own, user: name, login, invitation: link.invitation!.id };
  // Before anything else: the invitation is used, and there is no other copy of the key.
  await keep(path, profile);
  return { profile, path, isNew: false, auth };
}

async function newPassword(
  { passwordFile, isWithoutPassword }: LoginOptions,
  isAsked: boolean,
  report: Report,
): Promise<string | undefined> {
  if (passwordFile !== undefined) return firstLine(await readSecretFile(passwordFile, report));
  if (isWithoutPassword || !isAsked) return undefined;
  process.stderr.write(
    "A password lets you log in from other machines too. Without one, a key is kept on this one.\n",
  );
  const password = await askPassword("Password (empty for none)", false, openTerminal());
  if (password === "") return undefined;
  if ((await askPassword("The same again", false, openTerminal())) !== password) {
    throw new Error("these are two different passwords");
  }
  return password;
}

function checkedName(name: string): string {
  try {
    return userName(name.normalize("NFC"));
  } catch {
    throw new UsageError("a name has up to 32 letters and digits, and . _ - behind the first");
  }
}

async function keep(path: string, profile: Profile): Promise<void> {
  if (path === profilePath(profile)) await makeProfilesFolder();
  await writeProfile(path, profile);
}

// Those who are kept out

const REFUSALS = {
  invitation: "the invitation lets nobody in: it was used, it has ended, or it is of another server",
  password: "no such user with that password, or one who is banned or was removed",
  psk: "the server does not let this user in any more: banned or removed, or it is another server",
  key: "the server does not know this key, or it is not the server that the link is of",
} as const;

function explained(error: unknown, how: keyof typeof REFUSALS): unknown {
  if (error instanceof SealgramError) {
    const isRefusal = [
      "authentication_failed",
      "unknown_identity",
      "credential_rejected",
      "revoked",
    ].includes(error.code);
    return isRefusal ? new SealgramError(error.code, REFUSALS[how], { cause: error }) : error;
  }
  if (error instanceof ChatError && error.code === "name_taken") {
    return new ChatError("name_taken", "somebody has that name: the invitation still does for another");
  }
  // A link can be well-formed and still not do for that way to log in.
  if (error instanceof TypeError) return new UsageError(error.message);
  return error;
}
