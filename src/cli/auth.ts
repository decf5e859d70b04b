/** The options that say who one is and whom to talk to. */
import { stat } from "node:fs/promises";
import { derOrPem, parseSpki } from "../crypto/key-format.ts";
import { createNodeProvider } from "../crypto/node.ts";
import { type Auth, fingerprint, psk, publicKey } from "../endpoint/auth.ts";
import { FileRecordStore } from "../login/node-file-store.ts";
import { password } from "../login/password.ts";
import { codeOf, UsageError } from "./exit.ts";
import { askPassword, openTerminal } from "./prompt.ts";
import type { Report } from "./report.ts";
import { firstLine, parseKeys, readSecretFile, readTextFile, warnIfReadable } from "./secrets.ts";

type Text = { readonly type: "string" };
type Texts = { readonly type: "string"; readonly multiple: true };
type Flag = { readonly type: "boolean" };

interface ClientOptions {
  readonly "psk-file": Text;
  readonly "psk-identity": Text;
  readonly "psk-plain": Flag;
  readonly user: Text;
  readonly "password-file": Text;
  readonly key: Text;
  readonly "peer-key": Texts;
  /** Refused, with a word on why. */
  readonly password: Text;
  readonly psk: Text;
}

interface ServerOptions extends ClientOptions {
  readonly users: Text;
  readonly "any-peer": Flag;
}

/** What parseArgs makes of them. */
export type AuthValues = {
  readonly [Name in keyof ServerOptions]?: ServerOptions[Name] extends Flag
    ? boolean
    : ServerOptions[Name] extends Texts
      ? string[]
      : string;
};

const text: Text = { type: "string" };
const flag: Flag = { type: "boolean" };

export const clientAuthOptions: ClientOptions = {
  "psk-file": text,
  "psk-identity": text,
  "psk-plain": flag,
  user: text,
  "password-file": text,
  key: text,
  "peer-key": { type: "string", multiple: true },
  password: text,
  psk: text,
};

export const serverAuthOptions: ServerOptions = { ...clientAuthOptions, users: text, "any-peer": flag };

const PSK_HELP = `Pre-shared key:
  --psk-file FILE        lines IDENTITY:HEX, as sealgram keygen --psk writes them, or a bare key in hexadecimal
  --psk-identity NAME    whose key to take from the file, or whose a bare key is
  --psk-plain            without the importer of RFC 9258, for peers that lack it
`;

export const CLIENT_AUTH_HELP: string = `${PSK_HELP}
Password:
  --user NAME            asks for the password on the terminal
  --password-file FILE   its first line is the password

Public keys:
  --peer-key KEY         the server's: a file in PEM, or a fingerprint sha256:…; may be repeated
  --key FILE             one's own private key (sealgram keygen makes one), if the server wants to know
`;

export const SERVER_AUTH_HELP: string = `${PSK_HELP}
Passwords:
  --users FILE           the users that sealgram user has registered
  --user NAME            or one user, whose password it asks for on the terminal
  --password-file FILE   the first line is the password of --user

Public keys:
  --key FILE             the server's private key; sealgram keygen makes one
  --peer-key KEY         a client's: a file in PEM, or a fingerprint sha256:…; may be repeated
  --any-peer             instead: any client, which shows no key
`;

/**
 * The one way to authenticate that the options name.
 * @throws UsageError
 */
export async function authOf(values: AuthValues, role: "client" | "server", report: Report): Promise<Auth> {
  if (values.password !== undefined || values.psk !== undefined) {
    throw new UsageError(
      "arguments can be read by everybody on this machine: secrets come from --password-file or --psk-file",
    );
  }
  const byKey = [values.key, values["peer-key"], values["any-peer"]].some((value) => value !== undefined);
  const byPassword = [values.user, values.users, values["password-file"]].some(
    (value) => value !== undefined,
  );
  const byPsk = [values["psk-file"], values["psk-identity"]].some((value) => value !== undefined);
  const ways = Number(byPsk) + Number(byPassword) + Number(byKey);
  if (ways !== 1) {
    const how = role === "client" ? "--psk-file, --user or --peer-key" : "--psk-file, --users or --key";
    throw new UsageError(`say how to authenticate, in one way: ${how}`);
  }
  if (byPsk) return pskAuth(values, role, report);
  return byKey ? keyAuth(values, role, report) : passwordAuth(values, report);
}

async function pskAuth(values: AuthValues, role: "client" | "server", report: Report): Promise<Auth> {
  const { "psk-file": file, "psk-identity": name, "psk-plain": isPlain = false } = values;
  if (file === undefined) throw new UsageError("--psk-identity goes with --psk-file");
  const keys = parseKeys(await readSecretFile(file, report), file, name);
  if (name !== undefined && !keys.has(name)) throw new Error(`${file} has no key of that identity`);
  const entry = (key: Uint8Array) => ({ key, imported: !isPlain });
  if (role === "server" && name === undefined) {
    return psk((identity) => {
      const key = keys.get(identity);
      return key && entry(key);
    });
  }
  const identity = name ?? [...keys.keys()][0]!;
  if (name === undefined && keys.size > 1) {
    throw new UsageError(`${file} has several keys: say --psk-identity NAME`);
  }
  return psk({ identity, ...entry(keys.get(identity)!) });
}

async function passwordAuth(values: AuthValues, report: Report): Promise<Auth> {
  const { users, user, "password-file": file } = values;
  if (users !== undefined) {
    if (user !== undefined || file !== undefined) {
      throw new UsageError("--users knows all users: --user and --password-file are for one");
    }
    return password(await openUsers(users, report), { endSessions: true });
  }
  if (user === undefined) throw new UsageError("--password-file goes with --user");
  const secret =
    file === undefined
      ? await askPassword(`Password of ${user}`, false, openTerminal())
      : firstLine(await readSecretFile(file, report));
  return password({ identity: user, password: secret });
}

/** @throws Error if there is no such file: opening a store would make one */
export async function openUsers(path: string, report: Report): Promise<FileRecordStore> {
  try {
    await stat(path);
  } catch {
    throw new Error(`there is no ${path}; sealgram user add makes one`);
  }
  return openOrMakeUsers(path, report);
}

export async function openOrMakeUsers(path: string, report: Report): Promise<FileRecordStore> {
  try {
    const store = await FileRecordStore.open(path);
    // Guesses can be tried on it without asking the server.
    warnIfReadable(await stat(path), path, report);
    return store;
  } catch (error) {
    const reason = error instanceof TypeError ? error.message : (codeOf(error) ?? "failed");
    throw new Error(`${path}: ${reason}`);
  }
}

async function keyAuth(values: AuthValues, role: "client" | "server", report: Report): Promise<Auth> {
  const { key, "peer-key": peerKeys, "any-peer": anyPeer } = values;
  if (role === "server" && key === undefined) throw new UsageError("a server needs --key");
  if (anyPeer && peerKeys !== undefined) throw new UsageError("either --peer-key or --any-peer");
  if (!anyPeer && peerKeys === undefined) {
    throw new UsageError(role === "client" ? "a client needs --peer-key" : "say --peer-key, or --any-peer");
  }
  const own = key === undefined ? {} : { key: await readSecretFile(key, report) };
  if (peerKeys === undefined) return publicKey(own);
  const trusted = new Set(await Promise.all(peerKeys.map(fingerprintOf)));
  return publicKey({ ...own, trusted: (shown) => trusted.has(shown) });
}

/** The fingerprint of a public key: of one in a file, or as it is written. */
async function fingerprintOf(key: string): Promise<string> {
  if (key.startsWith("sha256:")) {
    if (/^sha256:[\w-]{43}$/.test(key)) return key;
    throw new UsageError("a fingerprint has 43 characters after sha256:");
  }
  return fingerprintOfPublicKey(await readTextFile(key), key);
}

/** @param where the text is from */
export function fingerprintOfPublicKey(pem: string, where: string): string {
  try {
    const der = derOrPem(pem, "PUBLIC KEY");
    parseSpki(der);
    return fingerprint(createNodeProvider(), der);
  } catch {
    throw new Error(`${where} has no public key in PEM`);
  }
}
