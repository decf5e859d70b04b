/** `sealgram user`: who may log in to a server by password. */
import process from "node:process";
import { parseArgs } from "node:util";
import { register } from "../login/record.ts";
import { openOrMakeUsers, openUsers } from "./auth.ts";
import { COMMON_HELP, type Command, commonOptions } from "./command.ts";
import { EXIT_CODES, UsageError } from "./exit.ts";
import { askPassword, openTerminal } from "./prompt.ts";
import type { Report } from "./report.ts";
import { firstLine, readSecretFile } from "./secrets.ts";
import { usageChecked } from "./session-options.ts";

const HELP = `Usage: sealgram user add NAME --store FILE [options]
       sealgram user passwd NAME --store FILE [options]
       sealgram user remove NAME --store FILE
       sealgram user list --store FILE

Keeps the file of users that sealgram serve --users reads. It holds no passwords, but what checks them; running servers
see a change within a second, and end the sessions of a user who is removed or whose password is changed. add makes the
file if there is none, for its owner only. The password is asked for twice on the terminal; without one it is the first
line of the input.

Options:
  --store FILE
  --password-file FILE   the password is the file's first line; - is the input
  --iterations N         rounds of PBKDF2, 600000 unless given, at least 30000
${COMMON_HELP}
Examples:
  sealgram user add alice --store users.json
  sealgram user list --store users.json

${EXIT_CODES}`;

interface Values {
  readonly "password-file"?: string | undefined;
  readonly iterations?: string | undefined;
}

export const userCommand: Command = {
  summary: "adds and removes users, and changes passwords",
  help: HELP,
  async run(args, { report }) {
    const { values, positionals } = parseArgs({
      args,
      allowPositionals: true,
      options: {
        ...commonOptions,
        store: { type: "string" },
        "password-file": { type: "string" },
        iterations: { type: "string" },
        password: { type: "string" },
      },
    });
    const [action, name, ...others] = positionals;
    if (action === undefined || !["add", "passwd", "remove", "list"].includes(action)) {
      throw new UsageError("there are user add, passwd, remove and list");
    }
    if (values.password !== undefined) {
      throw new UsageError("arguments can be read by everybody on this machine: use --password-file");
    }
    const { store: path } = values;
    if (path === undefined) throw new UsageError("--store says which file");
    if (action === "list") {
      if (name !== undefined) throw new UsageError("user list takes no name");
      return list(path, report);
    }
    if (name === undefined || name === "" || others.length > 0) {
      throw new UsageError(`user ${action} takes one name`);
    }
    // Such a name would be two lines wherever names are listed, or worse.
    if (action === "add" && /\p{Cc}/u.test(name)) throw new UsageError("a name has no control characters");
    return action === "remove" ? remove(path, name, report) : set(action, path, name, values, report);
  },
};

async function list(path: string, report: Report): Promise<void> {
  for (const name of await (await openUsers(path, report)).identities())
    report.result("user", { name }, name);
}

async function remove(path: string, name: string, report: Report): Promise<void> {
  if (!(await (await openUsers(path, report)).delete(name))) throw new Error(`there is no user ${name}`);
  report.event("removed", { name }, `removed: ${name}`);
}

async function set(action: string, path: string, name: string, values: Values, report: Report) {
  const isNew = action === "add";
  const store = isNew ? await openOrMakeUsers(path, report) : await openUsers(path, report);
  const exists = (await store.identities()).includes(name.normalize("NFC"));
  if (isNew && exists) throw new Error(`there is a user ${name} already; user passwd changes the password`);
  if (!isNew && !exists) throw new Error(`there is no user ${name}`);
  const iterations = values.iterations === undefined ? {} : { iterations: Number(values.iterations) };
  const password = await newPassword(name, values["password-file"], report);
  await store.set(await usageChecked(register({ identity: name, password, ...iterations })));
  report.event(isNew ? "added" : "changed", { name }, `${isNew ? "added" : "changed"}: ${name}`);
}

async function newPassword(name: string, file: string | undefined, report: Report): Promise<string> {
  if (file !== undefined && file !== "-") return firstLine(await readSecretFile(file, report));
  if (file === undefined && process.stdin.isTTY)
    return askPassword(`Password of ${name}`, true, openTerminal());
  let text = "";
  for await (const chunk of process.stdin.setEncoding("utf8")) {
    text += chunk;
    if (text.includes("\n")) break;
  }
  return firstLine(text);
}
