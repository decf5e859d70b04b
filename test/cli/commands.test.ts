import { createHash, createPublicKey } from "node:crypto";
import { existsSync, lstatSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { describe, expect, test } from "vitest";
import { messageOf, Stopped } from "../../src/cli/exit.ts";
import { askPassword, type Terminal } from "../../src/cli/prompt.ts";
import { SealgramError } from "../../src/errors.ts";
import { FileRecordStore } from "../../src/login/node-file-store.ts";
import { fromStored, register } from "../../src/login/record.ts";
import { Cli, folder, secretFile } from "./support.ts";

const at = (name: string) => join(folder, name);
const modeOf = (name: string) => statSync(at(name)).mode & 0o777;

async function run(...args: string[]) {
  const cli = new Cli(args);
  const { code } = await cli.finish();
  return { code, stdout: cli.stdout.toString(), stderr: cli.stderr };
}

describe("the command line", () => {
  test("--version is the package's", async () => {
    const { version } = JSON.parse(readFileSync("package.json", "utf8"));
    expect(await run("--version")).toEqual({ code: 0, stdout: `${version}\n`, stderr: "" });
  });

  test("--help names every command, and each has its own, with examples and exit codes", async () => {
    const { code, stdout } = await run("--help");
    expect(code).toBe(0);
    const [, list] = stdout.split(/Commands:|Each takes/);
    const names = [...list!.matchAll(/^ {2}(\w+) +\S/gm)].map(([, name]) => name!);
    for (const name of ["serve", "connect", "echo", "gateway", "keygen", "user"])
      expect(names).toContain(name);
    for (const name of names) {
      const help = await run(name, "--help");
      expect(help).toMatchObject({ code: 0, stderr: "" });
      expect(help.stdout).toMatch(new RegExp(`^Usage: sealgram ${name} [^]*Examples:\n[^]*Exit codes:\n`));
      expect(Math.max(...help.stdout.split("\n").map((line) => line.length))).toBeLessThanOrEqual(120);
    }
  });

  test.each([
    [[]],
    [["nothing"]],
    [["--nothing"]],
    [["connect"]],
    [["connect", "udp://127.0.0.1:1"]],
    [["connect", "udp://127.0.0.1:1", "--nothing"]],
    [["connect", "udp://127.0.0.1:1", "udp://127.0.0.1:2", "--psk-file", "k.psk"]],
    [["connect", "udp://127.0.0.1:1", "--psk-file"]],
    [["connect", "udp://127.0.0.1:1", "--psk-file", "k.psk", "--user", "alice"]],
    [["connect", "udp://127.0.0.1:1", "--psk-identity", "alice"]],
    [["connect", "udp://127.0.0.1:1", "--key", "k.pem"]],
    [["connect", "udp://127.0.0.1:1", "--peer-key", "sha256:short"]],
    [["connect", "udp://127.0.0.1:1", "--users", "u.json"]],
    [["connect", "udp://127.0.0.1:1", "--psk-file", "k.psk", "--timeout", "soon"]],
    [["connect", "udp://127.0.0.1:1", "--psk-file", "k.psk", "--timeout", "0"]],
    [["connect", "udp://127.0.0.1:1", "--psk-file", "k.psk", "--timeout", "9999999"]],
    [["connect", "udp://127.0.0.1:1", "--psk-file", "k.psk", "--linger", "2147484"]],
    [["echo", "udp://127.0.0.1:0", "--psk-file", "k.psk", "--stats-interval", "99999999999999999999"]],
    [["connect", "udp://127.0.0.1", "--psk-file", "k.psk"]],
    [["connect", "gopher://127.0.0.1:1", "--psk-file", "k.psk"]],
    [["connect", "example.net:4433", "--psk-file", "k.psk"]],
    [["connect", "udp://127.0.0.1:1", "--psk-file", "k.psk", "--stream", "--linger", "1"]],
    [["serve", "udp://127.0.0.1:0", "--psk-file", "k.psk", "--stream", "--raw"]],
    [["serve", "udp://127.0.0.1:0"]],
    [["serve", "udp://127.0.0.1:0", "--key", "k.pem"]],
    [["serve", "udp://127.0.0.1:0", "--peer-key", "k.pem.pub"]],
    [["echo", "udp://127.0.0.1:0", "--users", "u.json", "--user", "alice"]],
    [["gateway", "--target", "game=udp://127.0.0.1:1"]],
    [["gateway", "--listen", "http://127.0.0.1:0"]],
    [["gateway", "--listen", "http://127.0.0.1:0", "--target", "udp://127.0.0.1:1"]],
    [["gateway", "--listen", "http://127.0.0.1:0", "--target", "game=tcp://127.0.0.1:1"]],
    [
      [
        "gateway",
        "--listen",
        "http://127.0.0.1:0",
        "--target",
        "game=udp://127.0.0.1:1",
        "--limit",
        "cats=1",
      ],
    ],
    [["gateway", "--listen", "https://127.0.0.1:0", "--target", "game=udp://127.0.0.1:1"]],
    [
      [
        "gateway",
        "--listen",
        "http://127.0.0.1:0",
        "--target",
        "game=udp://127.0.0.1:1",
        "--certificate",
        "c.pem",
        "--key",
        "k.psk",
      ],
    ],
    [["keygen"]],
    [["keygen", "new.pem", "--type", "rsa"]],
    [["keygen", "new.pem", "--identity", "alice"]],
    [["keygen", "new.psk", "--psk", "--identity", "# alice"]],
    [["user", "invite", "alice", "--store", "u.json"]],
    [["user", "add", "--store", "u.json"]],
    [["user", "add", "alice"]],
    [["user", "add", "alice", "--store", "u.json", "--iterations", "1000"]],
  ])("wrong usage: %j", async (args) => {
    secretFile("k.psk", `alice:${"00".repeat(32)}\n`);
    const { code, stdout, stderr } = await run(...args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toMatch(/^sealgram: .+\nsealgram: see sealgram .*--help\n$/);
    expect(existsSync(at("new.pem"))).toBe(false);
  });

  test.each([
    ["connect", "udp://127.0.0.1:1", "--user", "alice", "--password", "hunter2"],
    ["connect", "udp://127.0.0.1:1", "--psk", "hunter2"],
    ["connect", "udp://127.0.0.1:1", "--user", "alice", "--passwd=hunter2"],
    ["user", "add", "alice", "--store", "u.json", "--password", "hunter2"],
    ["user", "add", "alice", "hunter2", "--store", "u.json"],
  ])("a secret as an argument is refused, and not repeated: %s %s", async (...args) => {
    const { code, stdout, stderr } = await run(...args);
    expect(code).toBe(2);
    expect(stdout + stderr).not.toContain("hunter2");
  });

  test("with --json, wrong usage is an event too", async () => {
    const { code, stderr } = await run("connect", "--json");
    expect(code).toBe(2);
    expect(JSON.parse(stderr)).toEqual({ event: "error", code: "usage", message: "connect takes one URL" });
  });
});

describe("what it says of a failure", () => {
  const internal = (cause: unknown) =>
    new SealgramError("internal_error", "an internal error ended the connection", { cause });

  test("a fault on this side that is behind it is told", () => {
    expect(messageOf(internal(new Error("the database is down")))).toBe(
      "an internal error ended the connection: the database is down",
    );
    const wrapped = internal(new SealgramError("alert_decrypt_error", "the peer says so"));
    expect(messageOf(wrapped)).toBe("an internal error ended the connection");
    expect(messageOf(new Error("as it is"))).toBe("as it is");
    expect(messageOf("no error at all")).toBe("no error at all");
  });

  test("a gateway that is not there: and why", async () => {
    const psk = secretFile("gateway.psk", `alice:${"00".repeat(32)}\n`);
    const { code, stderr } = await run("connect", "ws://127.0.0.1:1/game", "--psk-file", psk);
    expect(code).toBe(4);
    expect(stderr).toMatch(/^sealgram: there is no connection to a gateway at .+: .*ECONNREFUSED.*\n$/);
  });
});

describe("keygen", () => {
  test.each(["ed25519", "p256"])("a pair of %s, which OpenSSL reads", async (type) => {
    const { code, stdout } = await run("keygen", `${type}.pem`, "--type", type, "--json");
    expect(code).toBe(0);
    expect([modeOf(`${type}.pem`), modeOf(`${type}.pem.pub`)]).toEqual([0o600, 0o644]);
    // Of the private key: they belong together.
    const der = createPublicKey(readFileSync(at(`${type}.pem`))).export({ format: "der", type: "spki" });
    const pub = createPublicKey(readFileSync(at(`${type}.pem.pub`)));
    expect(pub.export({ format: "der", type: "spki" })).toEqual(der);
    const fingerprint = `sha256:${createHash("sha256").update(der).digest("base64url")}`;
    expect(JSON.parse(stdout)).toEqual({
      event: "key",
      type,
      file: `${type}.pem`,
      publicFile: `${type}.pem.pub`,
      fingerprint,
    });
    expect((await run("keygen", "--fingerprint", `${type}.pem.pub`)).stdout).toBe(`${fingerprint}\n`);
  });

  test("a pre-shared key of 32 bytes, with and without an identity", async () => {
    await run("keygen", "--psk", "bare.psk");
    expect(readFileSync(at("bare.psk"), "utf8")).toMatch(/^[0-9a-f]{64}\n$/);
    const { stdout } = await run("keygen", "--psk", "--identity", "alice:1", "alice.psk");
    const text = readFileSync(at("alice.psk"), "utf8");
    expect(text).toMatch(/^alice:1:[0-9a-f]{64}\n$/);
    expect(stdout).not.toContain(text.slice(8, 20));
    expect(modeOf("alice.psk")).toBe(0o600);
  });

  test("files stay unless --force is said, and then only their owner can read them", async () => {
    for (const name of ["one.pem", "two.pem.pub"]) writeFileSync(at(name), "mine", { mode: 0o644 });
    for (const name of ["one.pem", "two.pem"]) {
      const { code, stderr } = await run("keygen", name);
      expect(code).toBe(1);
      expect(stderr).toMatch(/already; --force replaces it/);
    }
    expect([existsSync(at("one.pem.pub")), existsSync(at("two.pem"))]).toEqual([false, false]);
    expect((await run("keygen", "one.pem", "--force")).code).toBe(0);
    expect(readFileSync(at("one.pem"), "utf8")).toMatch(/^-----BEGIN PRIVATE KEY-----\n/);
    expect(modeOf("one.pem")).toBe(0o600);
  });

  test("a link to nothing is something: no half of a pair is written", async () => {
    symlinkSync(at("nowhere"), at("half.pem.pub"));
    const { code, stderr } = await run("keygen", "half.pem");
    expect(code).toBe(1);
    expect(stderr).toMatch(/half\.pem\.pub already; --force replaces it/);
    expect(existsSync(at("half.pem"))).toBe(false);
    expect(existsSync(at("nowhere"))).toBe(false);
  });

  test("a folder that is not there", async () => {
    expect(await run("keygen", "no/such/key.pem")).toMatchObject({ code: 1, stdout: "" });
  });
});

describe("user", () => {
  const quick = ["--iterations", "30000"];
  const records = () => JSON.parse(readFileSync(at("users.json"), "utf8")).users.map(fromStored);

  test("adds, lists, changes and removes", async () => {
    const file = secretFile("pw", "correct horse\nnot this line\n");
    const store = ["--store", "users.json"];
    expect(await run("user", "list", ...store)).toMatchObject({ code: 1, stdout: "" });
    for (const name of ["alice", "bob"]) {
      expect((await run("user", "add", name, ...store, ...quick, "--password-file", file)).code).toBe(0);
    }
    expect(modeOf("users.json")).toBe(0o600);
    expect(readFileSync(at("users.json"), "utf8")).not.toContain("correct horse");
    expect((await run("user", "list", ...store)).stdout).toBe("alice\nbob\n");
    const json = (await run("user", "list", ...store, "--json")).stdout.trim().split("\n");
    expect(json.map((line) => JSON.parse(line))).toEqual([
      { event: "user", name: "alice" },
      { event: "user", name: "bob" },
    ]);

    expect((await run("user", "add", "alice", ...store, ...quick, "--password-file", file)).code).toBe(1);
    const [before] = records();
    const passwd = new Cli(["user", "passwd", "alice", ...store, ...quick, "--password-file", "-"]);
    expect((await passwd.finish("another one\n")).code).toBe(0);
    expect(records()[0].salt).not.toEqual(before.salt);
    expect((await run("user", "passwd", "carol", ...store, "--password-file", file)).code).toBe(1);

    expect((await run("user", "remove", "bob", ...store)).code).toBe(0);
    expect((await run("user", "remove", "bob", ...store)).code).toBe(1);
    expect((await run("user", "list", ...store)).stdout).toBe("alice\n");
  });

  test.each(["alice\nmallory", "\u001b[2Jalice"])(
    "a name with control characters is refused: %j",
    async (name) => {
      const add = new Cli(["user", "add", name, "--store", "names.json", ...quick]);
      expect((await add.finish("correct horse\n")).code).toBe(2);
      expect(add.stderr).toContain("control characters");
      expect(existsSync(at("names.json"))).toBe(false);
    },
  );

  test("a name of two lines, which other programs may have stored, is one line here", async () => {
    const record = await register({
      identity: "alice\nmallory",
      password: "correct horse",
      iterations: 30_000,
    });
    const store = await FileRecordStore.open(at("strange.json"));
    await store.set(record);
    expect((await run("user", "list", "--store", "strange.json")).stdout).toBe("alice mallory\n");
    const remove = await run("user", "remove", "alice\nmallory", "--store", "strange.json");
    expect(remove).toEqual({ code: 0, stdout: "", stderr: "sealgram: removed: alice mallory\n" });
  });

  test("a file that a link leads to is made where it leads", async () => {
    symlinkSync("real.json", at("link.json"));
    const add = new Cli(["user", "add", "alice", "--store", "link.json", ...quick]);
    expect((await add.finish("correct horse\n")).code).toBe(0);
    expect(lstatSync(at("link.json")).isSymbolicLink()).toBe(true);
    expect((await run("user", "list", "--store", "real.json")).stdout).toBe("alice\n");
    expect(modeOf("real.json")).toBe(0o600);
  });

  test("an empty password is none", async () => {
    const add = new Cli(["user", "add", "alice", "--store", "empty.json", ...quick]);
    expect((await add.finish("\n")).code).toBe(2);
  });

  test("a file that is something else is left alone", async () => {
    writeFileSync(at("other.json"), "{}");
    expect((await run("user", "list", "--store", "other.json")).code).toBe(1);
    expect(readFileSync(at("other.json"), "utf8")).toBe("{}");
  });
});

describe("the password on the terminal", () => {
  /** A terminal with somebody at it. */
  function typist(...typed: string[]) {
    const input = new PassThrough();
    const modes: boolean[] = [];
    let shown = "";
    const terminal: Terminal = {
      input: Object.assign(input, { setRawMode: (isRaw: boolean) => modes.push(isRaw) }) as never,
      write(text) {
        shown += text;
        const next = text.endsWith(": ") ? typed.shift() : undefined;
        if (next !== undefined) input.write(next);
      },
      close: () => input.destroy(),
    };
    return { terminal, modes, shown: () => shown, closed: () => input.destroyed };
  }

  test("is not shown, and may be corrected", async () => {
    const { terminal, modes, shown, closed } = typist("wrong\x15pasz\x7fsword\r");
    expect(await askPassword("Password of alice", false, terminal)).toBe("password");
    expect(shown()).toBe("Password of alice: \n");
    expect(modes).toEqual([true, false]);
    expect(closed()).toBe(true);
  });

  test("a new one is asked for twice", async () => {
    expect(await askPassword("New", true, typist("süß\n", "süß\n").terminal)).toBe("süß");
    // Pasted, or typed ahead.
    expect(await askPassword("New", true, typist("both\nboth\n").terminal)).toBe("both");
    await expect(askPassword("New", true, typist("one\n", "two\n").terminal)).rejects.toThrow("different");
  });

  test("Ctrl-C gives up, and leaves the terminal as it was", async () => {
    const { terminal, modes, closed } = typist("sec\x03");
    await expect(askPassword("Password", false, terminal)).rejects.toThrow(Stopped);
    expect(modes).toEqual([true, false]);
    expect(closed()).toBe(true);
  });

  test("without a terminal there is a way to do without", async () => {
    await expect(askPassword("Password", false, undefined)).rejects.toThrow("--password-file");
  });
});
