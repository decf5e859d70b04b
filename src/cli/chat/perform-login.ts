/** What a user logs in with, as they ask for it. */
import { resolve } from "node:path";
import { formatPsk, type Login, type OwnCredential } from "../../apps/chat/client/entry.ts";
import { firstLine, readTextFile } from "../secrets.ts";
import { type Action, ActionError } from "./action.ts";
import { expandHome } from "./files.ts";
import type { Profile } from "./profile.ts";

/** This machine's part in it. */
export interface LoginPlace {
  /** A new password, typed twice where nobody sees it. @throws ActionError if there is nowhere to type it */
  askPassword(question: string): Promise<string>;
  /** From now on this machine logs in so. */
  keepLogin(login: Profile["login"]): Promise<void>;
}

export type LoginAction = Extract<Action, { kind: "logins" | "password" | "key" | "forget" }>;

export type LoginOutcome =
  | { readonly event: "logins"; readonly logins: readonly OwnCredential[] }
  | { readonly event: "login_changed"; readonly change: "password" | "key" }
  | {
      readonly event: "login_changed";
      readonly change: "forgotten";
      readonly kind: string;
      readonly id: string;
    };

/** @throws ActionError, ChatError */
export async function performLogin(
  action: LoginAction,
  login: Login,
  place: LoginPlace,
): Promise<LoginOutcome> {
  switch (action.kind) {
    case "logins":
      return { event: "logins", logins: await login.list() };
    case "password":
      await login.setPassword(await newPassword(action.file, place));
      return { event: "login_changed", change: "password" };
    case "key":
      await useKey(action.file, login, place);
      return { event: "login_changed", change: "key" };
    case "forget": {
      const { kind, id } = chosen(await login.list(), action.which);
      await login.remove({ kind, id });
      return { event: "login_changed", change: "forgotten", kind, id };
    }
  }
}

async function newPassword(file: string | undefined, place: LoginPlace): Promise<string> {
  const password =
    file === undefined
      ? await place.askPassword("New password")
      : firstLine(await readTextFile(expandHome(file)));
  if (password === "") throw new ActionError("an empty password is none");
  return password;
}

async function useKey(file: string | undefined, login: Login, place: LoginPlace): Promise<void> {
  if (file === undefined) {
    const auth = await login.addPsk();
    if (!("psk" in auth)) return;
    try {
      await place.keepLogin({ kind: "psk", psk: formatPsk(auth.psk) });
    } catch (error) {
      // A key that nobody has is of no use.
      await login.remove({ kind: "psk", id: auth.psk.identity }).catch(() => {});
      throw error;
    }
    login.use(auth);
    return;
  }
  const path = resolve(expandHome(file));
  const key = await readTextFile(path);
  let auth: Awaited<ReturnType<Login["addKey"]>>;
  try {
    auth = await login.addKey(key);
  } catch (error) {
    if (error instanceof TypeError) throw new ActionError(`${path} has no private key that can be used`);
    throw error;
  }
  await place.keepLogin({ kind: "key", path });
  login.use(auth);
}

/** Beginnings of names do, if they are long enough not to be a slip. */
const MIN_BEGINNING = 4;

function chosen(logins: readonly OwnCredential[], which: string): OwnCredential {
  const wanted = which.replace(/^sha256:/, "");
  const found = logins.filter(({ kind, id }) =>
    kind === "password"
      ? which === "password"
      : wanted.length >= MIN_BEGINNING && id.replace(/^sha256:/, "").startsWith(wanted),
  );
  if (found.length === 1) return found[0]!;
  throw new ActionError(
    found.length === 0
      ? "you do not log in with that: say password, or how a key's name begins; /logins lists them"
      : "several keys begin so",
  );
}
