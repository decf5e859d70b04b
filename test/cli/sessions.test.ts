import { randomBytes } from "node:crypto";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { chmodSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { Cli, folder, secretFile, startServer } from "./support.ts";

const key = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
const psk = secretFile("alice.psk", `alice:${key}\n`);
const wrongPsk = secretFile("wrong.psk", `alice:${key.replaceAll("0", "f")}\n`);
const keys = secretFile("all.psk", `# who may come\nalice:${key}\n\nbob:${key.slice(0, 32)}\n`);
const password = secretFile("password", "correct horse\n");
const wrongPassword = secretFile("wrong-password", "battery staple\n");

const connect = (url: string, ...args: string[]) => new Cli(["connect", url, "--json", ...args]);

describe("echo and connect", () => {
  test("each line is a datagram, there and back", async () => {
    const { url, server } = await startServer("echo", "--psk-file", psk);
    const client = connect(url, "--psk-file", psk, "--linger", "0.3", "--stats");
    expect(await client.finish("hello\n\nlast, without a line feed")).toEqual({ code: 0, signal: null });
    expect(client.stdout.toString()).toBe("hello\n\nlast, without a line feed\n");
    expect(client.events.map(({ event }) => event)).toEqual(["connected", "closed", "stats"]);
    expect(await client.event("stats")).toMatchObject({ datagramsSent: 3, datagramsReceived: 3 });
    expect(await client.event("closed")).toMatchObject({ by: "input" });
    expect(await server.event("session")).toMatchObject({
      peer: { kind: "psk", identity: "alice" },
      cipherSuite: "TLS_CHACHA20_POLY1305_SHA256",
      resumed: false,
    });
    expect(await server.event("closed")).not.toHaveProperty("code");
    expect(await server.kill("SIGTERM")).toEqual({ code: 143, signal: null });
  });

  test("--raw carries any bytes", async () => {
    const { url } = await startServer("echo", "--psk-file", psk);
    const client = connect(url, "--psk-file", psk, "--raw", "--linger", "0.5");
    const bytes = randomBytes(20_000);
    expect(await client.finish(bytes)).toEqual({ code: 0, signal: null });
    expect(client.stdout.equals(bytes)).toBe(true);
  });

  test("a line that fits no datagram ends it, and the session", async () => {
    const { url, server } = await startServer("echo", "--psk-file", psk);
    const client = connect(url, "--psk-file", psk);
    client.write("x".repeat(5000));
    expect(await client.ended).toEqual({ code: 1, signal: null });
    expect((await client.event("error")).message).toMatch(/more than \d+ bytes; --raw/);
    expect(await server.event("closed")).not.toHaveProperty("code");
  });

  test("counters come as often as asked for", async () => {
    const { server } = await startServer("echo", "--psk-file", psk, "--stats-interval", "0.1");
    await server.event("stats", 2);
    expect(await server.event("stats")).toMatchObject({ sessions: 0, accepted: 0 });
    expect(await server.kill("SIGINT")).toEqual({ code: 130, signal: null });
  });

  test("people get sentences", async () => {
    const { url } = await startServer("echo", "--psk-file", psk);
    const client = new Cli(["connect", url, "--psk-file", psk, "--linger", "0.2"]);
    await client.finish("hello\n");
    expect(client.stdout.toString()).toBe("hello\n");
    expect(client.stderr).toMatch(
      /^sealgram: connected: alice at 127\.0\.0\.1:\d+, TLS_\w+\nsealgram: closed/,
    );
  });
});

describe("serve", () => {
  test("hears all clients, and speaks to all of them", async () => {
    const { url, server } = await startServer("serve", "--psk-file", keys);
    const [alice, bob] = ["alice", "bob"].map((name) =>
      connect(url, "--psk-file", keys, "--psk-identity", name),
    ) as [Cli, Cli];
    await Promise.all([alice.event("connected"), bob.event("connected"), server.event("session", 1)]);
    alice.write("I am Alice\n");
    bob.write("I am Bob\n");
    await Promise.all([server.printed("I am Alice\n"), server.printed("I am Bob\n")]);
    server.write("welcome\n");
    await Promise.all([alice.printed("welcome\n"), bob.printed("welcome\n")]);
    expect(await server.kill("SIGINT")).toEqual({ code: 130, signal: null });
    for (const client of [alice, bob]) {
      expect(await client.ended).toEqual({ code: 0, signal: null });
      expect(await client.event("closed")).toMatchObject({ by: "peer" });
    }
  });

  test("a client that stops reading does not keep the input from the others", async () => {
    const { url, server } = await startServer("serve", "--psk-file", keys, "--stats");
    const [alice, bob] = ["alice", "bob"].map((name) =>
      connect(url, "--psk-file", keys, "--psk-identity", name),
    ) as [Cli, Cli];
    await Promise.all([alice.event("connected"), bob.event("connected"), server.event("session", 1)]);
    alice.child.kill("SIGSTOP");
    const line = (number: number) => `${number} ${"x".repeat(900)}\n`;
    // As a program would that says something now and then: Bob is fast enough for that.
    for (let number = 0; number < 1500; number++) {
      server.write(line(number));
      if (number % 50 === 49) await bob.printed(line(number));
    }
    expect(await server.event("warning")).toMatchObject({ code: "lost_input" });
    expect((await server.event("warning")).message).toContain("alice");
    alice.child.kill("SIGCONT");
    await server.kill("SIGTERM");
    const { droppedInput } = await server.event("stats");
    expect(droppedInput).toBeGreaterThan(0);
    expect(server.events.filter(({ event }) => event === "warning")).toHaveLength(1);
  });

  test.each([16_500, 200_000])(
    "a line of %i bytes is left out, and nobody's session ends",
    async (length) => {
      const { url, server } = await startServer("serve", "--psk-file", psk);
      const client = connect(url, "--psk-file", psk, "--idle-timeout", "60");
      await Promise.all([client.event("connected"), server.event("session")]);
      server.write(`before\n${"x".repeat(length)}\nafter\n`);
      await client.printed("before\nafter\n");
      await server.event("warning");
      expect(server.events.filter(({ event }) => event === "warning")).toMatchObject([
        { code: "line_too_long" },
      ]);
    },
  );

  test("--once takes one client, and ends with it", async () => {
    const { url, server } = await startServer("serve", "--psk-file", psk, "--once", "--raw");
    const first = connect(url, "--psk-file", psk, "--raw", "--linger", "0");
    await server.event("session");
    const second = connect(url, "--psk-file", psk);
    expect(await second.ended).toEqual({ code: 0, signal: null });
    expect(await second.event("closed")).toMatchObject({ by: "peer" });
    const bytes = randomBytes(3000);
    first.write(bytes);
    await server.until(() => (server.stdout.length >= bytes.length ? true : undefined));
    expect(await first.finish()).toEqual({ code: 0, signal: null });
    expect(await server.ended).toEqual({ code: 0, signal: null });
    expect(server.stdout.equals(bytes)).toBe(true);
  });

  test("the input waits for the first client, and its end ends nothing", async () => {
    const { url, server } = await startServer("serve", "--psk-file", psk);
    server.child.stdin.end("for whom it concerns\n");
    const client = connect(url, "--psk-file", psk);
    await client.printed("for whom it concerns\n");
    client.write("thanks\n");
    await server.printed("thanks\n");
    expect(await server.kill("SIGHUP")).toEqual({ code: 129, signal: null });
  });
});

describe("who may come", () => {
  test("users by password; a wrong one fails as an unknown user does", async () => {
    const users = join(folder, "users.json");
    for (const name of ["alice", "bob"]) {
      const add = new Cli(["user", "add", name, "--store", users, "--iterations", "30000"]);
      expect(await add.finish("correct horse\n")).toEqual({ code: 0, signal: null });
    }
    const { url, server } = await startServer("serve", "--users", users);
    const alice = connect(url, "--user", "alice", "--password-file", password);
    expect(await server.event("session")).toMatchObject({ peer: { kind: "password", identity: "alice" } });
    for (const [name, file] of [
      ["alice", wrongPassword],
      ["carol", password],
    ] as const) {
      const client = connect(url, "--user", name, "--password-file", file);
      expect(await client.ended).toEqual({ code: 3, signal: null });
      expect(await client.event("error")).toMatchObject({ code: "authentication_failed" });
    }
    expect(await server.event("failed", 1)).toMatchObject({ code: "authentication_failed" });
    alice.write("still here\n");
    await server.printed("still here\n");

    const remove = new Cli(["user", "remove", "alice", "--store", users]);
    expect(await remove.ended).toEqual({ code: 0, signal: null });
    await alice.ended;
    expect(await server.event("closed")).toMatchObject({ code: "revoked" });
  });

  test("one user, without a store", async () => {
    const { url } = await startServer("echo", "--user", "node", "--password-file", password);
    const client = connect(url, "--user", "node", "--password-file", password, "--linger", "0.3");
    await client.finish("hello\n");
    expect(client.stdout.toString()).toBe("hello\n");
  });

  test("a wrong pre-shared key", async () => {
    const { url } = await startServer("echo", "--psk-file", psk);
    const client = connect(url, "--psk-file", wrongPsk);
    expect(await client.ended).toEqual({ code: 3, signal: null });
    expect(client.stderr).not.toContain(key.slice(2, 20));
  });

  test("a bare key with an identity, without the importer", async () => {
    const bare = secretFile("bare.psk", key);
    const { url } = await startServer("echo", "--psk-file", psk, "--psk-plain");
    const args = ["--psk-file", bare, "--psk-identity", "alice", "--psk-plain", "--linger", "0.3"];
    const client = connect(url, ...args);
    await client.finish("hello\n");
    expect(client.stdout.toString()).toBe("hello\n");
  });

  test("public keys, by file and by fingerprint", async () => {
    const print: Record<string, string> = {};
    for (const [name, type] of [
      ["server", "ed25519"],
      ["client", "p256"],
      ["other", "ed25519"],
    ]) {
      const keygen = new Cli(["keygen", `${name}.pem`, "--type", type!, "--json"]);
      await keygen.ended;
      print[name!] = JSON.parse(keygen.stdout.toString()).fingerprint;
    }
    const { url, server } = await startServer("echo", "--key", "server.pem", "--peer-key", print.client!);
    const args = ["--key", "client.pem", "--peer-key", "server.pem.pub", "--linger", "0.3"];
    const client = connect(url, ...args);
    await client.finish("hello\n");
    expect(client.stdout.toString()).toBe("hello\n");
    const peer = { kind: "public_key", identity: print.client };
    expect(await server.event("session")).toMatchObject({ peer });

    const stranger = connect(url, "--key", "other.pem", "--peer-key", print.server!);
    expect(await stranger.ended).toEqual({ code: 3, signal: null });
    expect(await stranger.event("error")).toMatchObject({ code: "credential_rejected" });
    const cautious = connect(url, "--key", "client.pem", "--peer-key", print.other!);
    expect(await cautious.ended).toEqual({ code: 3, signal: null });
    expect(await cautious.event("error")).toMatchObject({ code: "untrusted_public_key" });

    const { url: open } = await startServer("echo", "--key", "server.pem", "--any-peer");
    const anybody = connect(open, "--peer-key", print.server!, "--linger", "0.3");
    await anybody.finish("hello\n");
    expect(anybody.stdout.toString()).toBe("hello\n");
  });
});

describe("how it ends", () => {
  test("nobody listens", async () => {
    const socket = createSocket("udp4").bind(0, "127.0.0.1");
    await once(socket, "listening");
    const { port } = socket.address();
    socket.close();
    const client = connect(`udp://127.0.0.1:${port}`, "--psk-file", psk);
    expect(await client.ended).toEqual({ code: 4, signal: null });
    expect(await client.event("error")).toMatchObject({ code: "refused" });
  });

  test("nobody answers", async () => {
    const socket = createSocket("udp4").bind(0, "127.0.0.1");
    onTestFinished(() => void socket.close());
    await once(socket, "listening");
    const client = connect(`udp://127.0.0.1:${socket.address().port}`, "--psk-file", psk, "--timeout", "0.3");
    expect(await client.ended).toEqual({ code: 4, signal: null });
    expect(await client.event("error")).toMatchObject({ code: "timeout" });
  });

  test("a port that is taken", async () => {
    const { url } = await startServer("echo", "--psk-file", psk);
    const second = new Cli(["echo", url, "--psk-file", psk, "--json"]);
    expect(await second.ended).toEqual({ code: 1, signal: null });
    expect(await second.event("error")).toMatchObject({
      code: "EADDRINUSE",
      message: `cannot listen at ${url}: the port is taken`,
    });
  });

  test("a session that stays silent", async () => {
    const { url, server } = await startServer("serve", "--psk-file", psk, "--once", "--idle-timeout", "0.2");
    const client = connect(url, "--psk-file", psk, "--idle-timeout", "0.2");
    expect(await server.ended).toEqual({ code: 4, signal: null });
    expect(await server.event("closed")).toMatchObject({ code: "idle_timeout" });
    expect(await client.ended).toEqual({ code: 4, signal: null });
  });

  test.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const)("%s: the peer is told, and the exit code is %i", async (signal, code) => {
    const { url, server } = await startServer("serve", "--psk-file", psk);
    const client = connect(url, "--psk-file", psk);
    await client.event("connected");
    await server.event("session");
    expect(await client.kill(signal)).toEqual({ code, signal: null });
    // An end without a word would be found out by a time-out only, and have a code.
    expect(await server.event("closed")).not.toHaveProperty("code");
  });

  test("Ctrl-C before there is a session", async () => {
    const socket = createSocket("udp4").bind(0, "127.0.0.1");
    onTestFinished(() => void socket.close());
    await once(socket, "listening");
    const client = connect(`udp://127.0.0.1:${socket.address().port}`, "--psk-file", psk);
    await once(socket, "message");
    expect(await client.kill("SIGINT")).toEqual({ code: 130, signal: null });
  });

  test("a pipe that nobody reads any more", async () => {
    const { url, server } = await startServer("echo", "--psk-file", psk);
    const client = connect(url, "--psk-file", psk);
    await client.event("connected");
    client.child.stdout.destroy();
    // The first write after the reader has gone may still succeed.
    const more = setInterval(() => client.write("more\n"), 20);
    onTestFinished(() => clearInterval(more));
    expect(await client.ended).toEqual({ code: 141, signal: null });
    expect(await server.event("closed")).not.toHaveProperty("code");
  });
});

describe("key logs", () => {
  const label = /^(CLIENT|SERVER)_(HANDSHAKE_TRAFFIC_SECRET|TRAFFIC_SECRET_0) [0-9a-f]{64} [0-9a-f]{64}$/;

  test("--keylog and SSLKEYLOGFILE get the same secrets, which others cannot read", async () => {
    const { url } = await startServer("echo", "--psk-file", psk, "--keylog", "server.log");
    const environment = join(folder, "environment.log");
    const args = ["connect", url, "--json", "--psk-file", psk, "--keylog", "client.log", "--linger", "0.2"];
    const client = new Cli(args, { SSLKEYLOGFILE: environment });
    await client.finish("hello\n");
    const logs = ["server.log", "client.log", environment].map((name) => {
      const path = join(folder, name.replace(`${folder}/`, ""));
      expect(statSync(path).mode & 0o777).toBe(0o600);
      return readFileSync(path, "utf8").split("\n").slice(0, -1).sort();
    });
    expect(logs[0]!.filter((line) => label.test(line))).toHaveLength(4);
    expect(logs[1]).toEqual(logs[0]);
    expect(logs[2]).toEqual(logs[0]);
  });

  test("a file that cannot be written is found out before anything is sent", async () => {
    const client = connect("udp://127.0.0.1:1", "--psk-file", psk, "--keylog", "no/such/folder");
    expect(await client.ended).toEqual({ code: 2, signal: null });
  });
});

describe("key logs that fail", () => {
  const warnings = (cli: Cli) => cli.events.filter(({ event }) => event === "warning");

  test.each([
    ["one that SSLKEYLOGFILE names", { SSLKEYLOGFILE: "no/such/folder" }, []],
    ["a disk that is full", {}, ["--keylog", "/dev/full"]],
  ])("%s: warned of once, and the session goes on", async (_, env, args) => {
    const server = new Cli(["echo", "udp://127.0.0.1:0", "--json", "--psk-file", psk, ...args], env);
    const { url } = await server.event("listening");
    const all = ["connect", String(url), "--json", "--psk-file", psk, "--linger", "0.2", ...args];
    const client = new Cli(all, env);
    expect(await client.finish("hello\n")).toEqual({ code: 0, signal: null });
    expect(client.stdout.toString()).toBe("hello\n");
    await server.event("closed");
    for (const cli of [client, server]) {
      expect(warnings(cli)).toMatchObject([{ code: "unwritable_key_log" }]);
    }
  });

  test("one that others can read is warned of", async () => {
    const open = secretFile("open.log", "");
    chmodSync(open, 0o644);
    const server = new Cli(["echo", "udp://127.0.0.1:0", "--json", "--psk-file", psk, "--keylog", open]);
    await server.event("listening");
    expect(warnings(server)).toMatchObject([{ code: "readable_secret" }]);
  });
});

describe("qlog", () => {
  interface Event {
    readonly time: number;
    readonly name: string;
    readonly group_id: string;
    readonly data: { readonly frames?: readonly { readonly frame_type: string }[] };
  }

  /** Of a whole file: each line is a record of RFC 7464, and without its first character one of NDJSON. */
  function read(name: string): { header: Record<string, unknown>; events: Event[] } {
    const text = readFileSync(join(folder, name), "utf8");
    expect(text.endsWith("\n")).toBe(true);
    const [header, ...events] = text
      .slice(0, -1)
      .split("\n")
      .map((line) => {
        expect(line[0]).toBe("\u001e");
        return JSON.parse(line.slice(1));
      });
    return { header, events };
  }

  test("what connect, serve and echo write is JSON-SEQ, with a group for each session", async () => {
    const line = "a secret word\n";
    writeFileSync(join(folder, "echo.qlog"), "of an earlier time", { mode: 0o600 });
    const { url, server } = await startServer("echo", "--psk-file", psk, "--qlog", "echo.qlog");
    for (const name of ["first.qlog", "second.qlog"]) {
      const client = connect(url, "--psk-file", psk, "--linger", "0.2", "--qlog", name);
      expect(await client.finish(line)).toEqual({ code: 0, signal: null });
    }
    expect(await server.kill("SIGTERM")).toEqual({ code: 143, signal: null });

    for (const name of ["first.qlog", "second.qlog", "echo.qlog"]) {
      const { header, events } = read(name);
      const type = name === "echo.qlog" ? "server" : "client";
      expect(header).toMatchObject({
        serialization_format: "application/qlog+json-seq",
        trace: {
          common_fields: { reference_time: { clock_type: "monotonic", epoch: "unknown" } },
          vantage_point: { type },
        },
      });
      const groups = type === "server" ? ["1", "2"] : ["1"];
      expect([...new Set(events.map(({ group_id }) => group_id))]).toEqual(groups);
      for (const group of groups) {
        const own = events.filter(({ group_id }) => group_id === group);
        expect(own.every(({ time }) => time >= 0)).toBe(true);
        for (const direction of ["quic:packet_sent", "quic:packet_received"]) {
          const packets = own.filter(({ name }) => name === direction);
          const frames = packets.flatMap(({ data }) => data.frames!.map(({ frame_type }) => frame_type));
          expect(frames).toContain("datagram");
        }
        expect(own.map(({ name }) => name)).toContain("quic:connection_closed");
      }
      expect(readFileSync(join(folder, name), "utf8")).not.toContain(line.trim());
      expect(statSync(join(folder, name)).mode & 0o777).toBe(0o600);
    }
  });

  test("so much of it that it does not wait", async () => {
    const { url, server } = await startServer(
      "serve",
      "--psk-file",
      psk,
      "--once",
      "--raw",
      "--qlog",
      "serve.qlog",
    );
    const client = connect(url, "--psk-file", psk, "--raw", "--linger", "0.2");
    await client.finish(randomBytes(5_000_000));
    await server.ended;
    expect(read("serve.qlog").events.length).toBeGreaterThan(200);
  });

  test("a file that cannot be written is wrong usage; a full disk is warned of, once", async () => {
    const client = connect("udp://127.0.0.1:1", "--psk-file", psk, "--qlog", "no/such/folder");
    expect(await client.ended).toEqual({ code: 2, signal: null });
    const { url, server } = await startServer("echo", "--psk-file", psk, "--qlog", "/dev/full");
    const other = connect(url, "--psk-file", psk, "--linger", "0.2");
    expect(await other.finish("hello\n")).toEqual({ code: 0, signal: null });
    expect(other.stdout.toString()).toBe("hello\n");
    await server.kill("SIGTERM");
    const warnings = server.events.filter(({ event }) => event === "warning");
    expect(warnings).toMatchObject([{ code: "unwritable_qlog" }]);
  });
});

describe("secrets", () => {
  test("a file of users that others can read is warned of", async () => {
    const users = join(folder, "open.json");
    const args = ["--store", users, "--iterations", "30000", "--password-file", password];
    expect((await new Cli(["user", "add", "alice", ...args]).ended).code).toBe(0);
    chmodSync(users, 0o640);
    for (const command of [
      ["echo", "udp://127.0.0.1:0", "--users", users],
      ["user", "list", "--store", users],
    ]) {
      const cli = new Cli([...command, "--json"]);
      expect(await cli.event("warning")).toMatchObject({ code: "readable_secret" });
      cli.child.kill("SIGKILL");
    }
  });

  test("a file that others can read is warned of", async () => {
    const open = secretFile("open.psk", `alice:${key}\n`);
    chmodSync(open, 0o644);
    const server = new Cli(["echo", "udp://127.0.0.1:0", "--json", "--psk-file", open]);
    expect(await server.event("warning")).toMatchObject({ code: "readable_secret" });
    await server.event("listening");
  });

  test("a mistake in a file of keys says where, not what", async () => {
    const bad = secretFile("bad.psk", `alice:${key}\nbob:${key}xyz\n`);
    const client = connect("udp://127.0.0.1:1", "--psk-file", bad);
    expect((await client.ended).code).toBe(1);
    expect(client.stderr).toContain("bad.psk:2");
    expect(client.stderr).not.toContain(key.slice(0, 8));
  });
});
