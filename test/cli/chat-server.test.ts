/** `sealgram chat-server`, as its user runs it: on ports that are free, with Deno as npm brings it. */
import { spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { get } from "node:https";
import { connect as connectTcp, createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, expect, onTestFinished, test } from "vitest";
import type { ChatRoom } from "../../src/apps/chat/client/entry.ts";
import {
  type ChatAuth,
  ChatClient,
  formatLink,
  formatPsk,
  parseLink,
} from "../../src/apps/chat/client/node-index.ts";
import { findDeno } from "../../src/cli/chat-server/deno.ts";
import { placesOf } from "../../src/cli/chat-server/places.ts";
import { qrCode, welcome } from "../../src/cli/chat-server/welcome.ts";
import { generateCertificate } from "../../src/crypto/certificate-generate.ts";
import { toPem } from "../../src/crypto/key-format.ts";
import { Cli, program, runtime, secretFile } from "./support.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));

beforeAll(() => {
  // Where only the command was built, a page that says nothing does.
  const page = join(dirname(program), "page");
  if (existsSync(page)) return;
  mkdirSync(page);
  writeFileSync(join(page, "index.html"), "<!doctype html><title>Chat</title>");
  writeFileSync(join(page, "page-ABCD2345.js"), "export {};\n");
  writeFileSync(join(page, "notes.unknown"), "not for anybody\n");
});

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "sealgram-host-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

interface Opened {
  readonly event: "open";
  readonly folder: string;
  readonly url: string;
  readonly page: string;
  readonly webTransport?: string;
  readonly link: string;
  readonly owner?: { readonly page: string; readonly link: string };
}

const anywhere = [
  ...["--public", "127.0.0.1", "--listen", "udp://127.0.0.1:0"],
  ...["--page", "http://127.0.0.1:0", "--webtransport", "https://127.0.0.1:0"],
];

/** Starts one that is open when this settles. */
async function host(folder: string, ...args: string[]): Promise<{ server: Cli; opened: Opened }> {
  const server = new Cli(["chat-server", "--json", "--folder", folder, ...anywhere, ...args]);
  return { server, opened: await openedBy(server) };
}

async function openedBy(server: Cli): Promise<Opened> {
  const line = await server.until(() => server.stdout.toString().split("\n").slice(0, -1)[0]);
  return JSON.parse(line) as Opened;
}

async function member(link: string, auth: ChatAuth): Promise<ChatClient> {
  const client = await ChatClient.connect(link, { auth });
  onTestFinished(() => client.close());
  return client;
}

/** The same chat without UDP. */
function only(link: string, protocol: "https:" | "ws:"): string {
  const parsed = parseLink(link);
  return formatLink({ ...parsed, port: 9, via: parsed.via.filter((url) => url.startsWith(protocol)) });
}

/** As Linux tells it. */
function childrenOf(pid: number): number[] {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8");
  return text.split(" ").filter(Boolean).map(Number);
}

async function gone(pid: number): Promise<void> {
  while (existsSync(`/proc/${pid}/exe`)) await new Promise((resolve) => setTimeout(resolve, 20));
}

test("an owner by the invitation, a member by the owner's, by UDP and WebSocket; a restart keeps everything", async () => {
  const folder = join(temporaryFolder(), "data");
  const { server, opened } = await host(folder, "--name", "Friends", "--no-webtransport");
  expect(opened.folder).toBe(folder);
  expect(opened.owner!.page).toMatch(/^http:\/\/localhost:\d+\/#invitation=[\w-]+\.[\w-]+$/);
  const { invitation, ...link } = parseLink(opened.owner!.link);
  expect(formatLink(link)).toBe(opened.link);
  expect(opened.owner!.page).toContain(`${invitation!.id}.${invitation!.secret}`);

  const auth = await ChatClient.join(opened.owner!.link, { name: "olga" });
  const olga = await member(opened.link, auth);
  expect(olga.user.role).toBe("owner");
  const [room] = [...olga.rooms.values()] as [ChatRoom];
  await room.send("before");
  const ben = await ChatClient.join(only(await olga.invite({ room }), "ws:"), { name: "ben" });
  const byWebSocket = await member(only(opened.link, "ws:"), ben);
  const messages = byWebSocket.rooms.get(room.id)!;
  await messages.send("by WebSocket");
  // Nobody else becomes an owner by it.
  await expect(ChatClient.join(opened.owner!.link, { name: "eve" })).rejects.toThrow();

  const told = new Promise<void>((resolve) => olga.on("disconnected", () => resolve()));
  const back = new Promise<void>((resolve) => olga.on("connected", () => resolve()));
  const killedMs = performance.now();
  expect(await server.kill("SIGINT")).toEqual({ code: 130, signal: null });
  expect(server.events.map(({ event }) => event)).toEqual(["closing"]);
  await told;
  // Silence would have told after eight seconds.
  expect(performance.now() - killedMs).toBeLessThan(6_000);

  const { port } = new URL(opened.url.replace("udp", "http"));
  const page = `http://127.0.0.1:${new URL(opened.page).port}`;
  const again = new Cli([
    ...["chat-server", "--json", "--folder", folder, "--name", "Friends", "--no-webtransport"],
    ...["--public", "127.0.0.1", "--listen", `udp://127.0.0.1:${port}`, "--page", page, "--stats"],
  ]);
  const reopened = await openedBy(again);
  expect(reopened.owner).toBeUndefined();
  expect(reopened.link).toBe(opened.link);
  await back;
  const { entries } = await room.history();
  expect(entries.flatMap((entry) => (entry.kind === "message" ? [entry.text] : []))).toEqual([
    "before",
    "by WebSocket",
  ]);
  expect(await again.kill("SIGTERM")).toEqual({ code: 143, signal: null });
  expect(await again.event("stats")).toMatchObject({ chat: expect.anything(), gateway: expect.anything() });
});

test("the page: its files and nothing else, with headers that keep it to itself", async () => {
  const { opened } = await host(join(temporaryFolder(), "data"), "--name", "Friends", "--no-webtransport");
  const { port } = new URL(opened.page);
  const origin = `http://127.0.0.1:${port}`;
  const index = await fetch(`${origin}/`);
  expect(index.status).toBe(200);
  expect(await index.text()).toContain("<title>");
  const headers = Object.fromEntries(index.headers);
  expect(headers).toMatchObject({
    "content-type": "text/html; charset=utf-8",
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "cross-origin-embedder-policy": "require-corp",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": expect.stringContaining("camera=()"),
  });
  const policy = headers["content-security-policy"]!;
  expect(policy).toMatch(/^default-src 'none'; script-src 'self' 'wasm-unsafe-eval';/);
  expect(policy).toContain("require-trusted-types-for 'script'; trusted-types 'none'");
  expect(policy).not.toMatch(/unsafe-inline|'unsafe-eval'|\*/);
  expect(policy).toContain(`connect-src 'self' ws://127.0.0.1:${port} ws://localhost:${port};`);

  const described = await fetch(`${origin}/chat.json`);
  expect(described.headers.get("cache-control")).toBe("no-store");
  expect(described.headers.get("content-type")).toBe("application/json");
  expect(await described.json()).toEqual({ name: "Friends", link: opened.link });
  expect(opened.link).not.toContain("invitation");

  const script = readdirSync(join(dirname(program), "page")).find((name) => /-[A-Z0-9]{8}\.js$/.test(name));
  const hashed = await fetch(`${origin}/${script}`);
  expect(hashed.status).toBe(200);
  expect(hashed.headers.get("content-type")).toBe("text/javascript; charset=utf-8");
  expect(hashed.headers.get("cache-control")).toContain("immutable");
  const etag = hashed.headers.get("etag")!;
  expect((await fetch(`${origin}/${script}`, { headers: { "if-none-match": etag } })).status).toBe(304);
  const head = await fetch(`${origin}/index.html`, { method: "HEAD" });
  expect([head.status, await head.text()]).toEqual([200, ""]);
  expect(Number(head.headers.get("content-length"))).toBeGreaterThan(0);
  expect((await fetch(origin, { method: "POST", body: "x" })).status).toBe(405);
  expect(await (await fetch(`${origin}/.well-known/sealgram`)).json()).toEqual({ certificateHashes: [] });

  const outside = [
    "/../cli.js",
    "/%2e%2e/cli.js",
    "/..%2fcli.js",
    "//etc/passwd",
    "/page/../../package.json",
    "/none",
  ];
  for (const path of [...outside, "/chat", "/notes.unknown"]) {
    expect(await statusOf(Number(port), path), path).toContain(" 404 ");
  }
});

/** Asked for as it is written, without a client that tidies it. */
async function statusOf(port: number, path: string): Promise<string> {
  const socket = connectTcp(port, "127.0.0.1");
  socket.end(`GET ${path} HTTP/1.1\r\nhost: chat\r\nconnection: close\r\n\r\n`);
  const [data] = await once(socket, "data");
  socket.destroy();
  return String(data).split("\r\n", 1)[0]!;
}

test("WebTransport by Deno: killed, it comes back at the same place with the same certificates", async () => {
  const { server, opened } = await host(join(temporaryFolder(), "data"));
  expect(opened.webTransport).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/);
  const { via } = parseLink(opened.link);
  expect(via).toEqual([
    `${opened.webTransport}/chat`,
    expect.stringMatching(/^ws:\/\/127\.0\.0\.1:\d+\/chat$/),
  ]);
  const hashes = async () => (await fetch(new URL("/.well-known/sealgram", opened.page))).json();
  const told = (await hashes()) as { certificateHashes: { value: string }[] };
  expect(told.certificateHashes.map(({ value }) => value.length)).toEqual([44, 44]);

  const auth = await ChatClient.join(opened.owner!.link, { name: "olga" });
  const olga = await member(opened.link, auth);
  const [room] = [...olga.rooms.values()] as [ChatRoom];
  const psk = formatPsk((auth as { psk: never }).psk);
  const [command, ...args] = await runtime("deno");
  const source = fileURLToPath(new URL("chat-webtransport.ts", import.meta.url));
  const say = async () => {
    const child = spawn(command!, [...args, source, opened.link, opened.page, psk, `${room.id}`], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    onTestFinished(() => void child.kill("SIGKILL"));
    let output = "";
    child.stdout.on("data", (data) => {
      output += data;
    });
    expect(await once(child, "close")).toEqual([0, null]);
    return output;
  };
  expect(await say()).toContain("hello by WebTransport");

  const [deno] = childrenOf(server.child.pid!);
  process.kill(deno!, "SIGKILL");
  expect(await server.event("warning")).toMatchObject({ code: "no_webtransport" });
  expect(await server.event("webtransport")).toEqual({ event: "webtransport", url: opened.webTransport });
  expect(await hashes()).toEqual(told);
  expect(await say()).toContain("hello by WebTransport|hello by WebTransport");
  expect(await server.kill("SIGTERM")).toEqual({ code: 143, signal: null });
});

test("however it ends, Deno ends as well", async () => {
  for (const signal of ["SIGKILL", "SIGINT"] as const) {
    const { server } = await host(join(temporaryFolder(), "data"));
    const [deno] = childrenOf(server.child.pid!);
    expect(existsSync(`/proc/${deno}/exe`)).toBe(true);
    await server.kill(signal);
    await gone(deno!);
  }
});

test("a Deno that does not work is said once, and the chat goes on", async () => {
  const folder = temporaryFolder();
  const deno = join(folder, "deno");
  writeFileSync(deno, "#!/bin/sh\necho no such option >&2\nexit 1\n", { mode: 0o755 });
  const { server, opened } = await host(join(folder, "data"), "--deno", deno);
  expect(opened.webTransport).toBeUndefined();
  expect(parseLink(opened.link).via).toHaveLength(1);
  await member(opened.link, await ChatClient.join(opened.owner!.link, { name: "olga" }));
  expect(server.events).toEqual([
    {
      event: "warning",
      code: "no_webtransport",
      message: expect.stringContaining("no such option"),
    },
  ]);
});

test("without Deno: said once, and browsers get WebSocket", async () => {
  const folder = temporaryFolder();
  const installed = join(folder, "node_modules/sealgram");
  cpSync(dirname(program), join(installed, "dist"), { recursive: true });
  const { dependencies } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  for (const name of Object.keys(dependencies)) {
    mkdirSync(dirname(join(folder, "node_modules", name)), { recursive: true });
    symlinkSync(join(root, "node_modules", name), join(folder, "node_modules", name));
  }
  writeFileSync(join(installed, "package.json"), JSON.stringify({ type: "module" }));
  const server = new Cli(
    [join(installed, "dist/cli.js"), "chat-server", "--folder", join(folder, "data"), ...anywhere],
    { PATH: folder },
    [process.execPath, "-e", "process.argv.splice(1, 1); import(process.argv[1])", "--"],
  );
  const text = await server.until(() => {
    const printed = server.stdout.toString();
    return printed.includes("Ctrl-C") ? printed : undefined;
  });
  expect(server.stderr).toContain("npm install deno");
  expect(server.stderr.split("\n")).toHaveLength(2);
  expect(text).toContain(join(folder, "data"));
  expect(text).toMatch(/in a browser {4}http:\/\/localhost:\d+\/#invitation=/);
  expect(text).toMatch(/in a terminal {3}npx sealgram chat 'sealgram:\/\/127\.0\.0\.1:\d+\/\?via=ws\S+'/);
  expect(text).toContain("--certificate");
  // No QR code where nobody looks, and nothing left blank.
  expect(text).not.toMatch(/[▀▄█]|undefined|https%3A/);
});

test.each(["deno", "bun"])("in %s: a member, a restart, and the member again", async (name) => {
  const command = await runtime(name);
  const folder = join(temporaryFolder(), "data");
  const args = ["chat-server", "--json", "--folder", folder, "--no-webtransport", ...anywhere];
  const server = new Cli(args, {}, command);
  const opened = await openedBy(server);
  const auth = await ChatClient.join(only(opened.owner!.link, "ws:"), { name: "olga" });
  await (await member(opened.link, auth)).createRoom("garden");
  expect(await server.kill("SIGTERM")).toEqual({ code: 143, signal: null });
  const again = await openedBy(new Cli(args, {}, command));
  const { rooms } = await member(again.link, auth);
  expect([...rooms.values()].map((room) => room.name)).toEqual(["general", "garden"]);
});

test("ports and folders that are taken are said, with what to do", async () => {
  const folder = join(temporaryFolder(), "data");
  const refused = async (...args: string[]) => {
    const other = new Cli(["chat-server", "--json", ...anywhere, "--no-webtransport", ...args]);
    const end = await other.ended;
    expect(other.stdout.toString()).toBe("");
    return [end.code, other.events.at(-1)];
  };
  const taken = (code: string, message: RegExp) => [
    1,
    { event: "error", code, message: expect.stringMatching(message) },
  ];
  const udp = createSocket("udp4").bind(0, "127.0.0.1");
  const tcp = createServer().listen(0, "127.0.0.1");
  await Promise.all([once(udp, "listening"), once(tcp, "listening")]);
  onTestFinished(() => {
    udp.close();
    tcp.close();
  });
  const { port } = tcp.address() as { port: number };
  expect(await refused("--folder", folder, "--listen", `udp://127.0.0.1:${udp.address().port}`)).toEqual(
    taken("EADDRINUSE", /^udp:\S+ is taken, .* by --listen$/),
  );
  expect(await refused("--folder", folder, "--page", `http://127.0.0.1:${port}`)).toEqual(
    taken("EADDRINUSE", /^http:\S+ is taken, .* by --page$/),
  );
  // What failed has left nothing taken.
  const { server } = await host(folder, "--no-webtransport");
  expect(await refused("--folder", folder)).toEqual(
    taken("failed", new RegExp(`^${folder} is in use by process ${server.child.pid}$`)),
  );
});

test("with a certificate the page is at https, and its WebSocket too", async () => {
  const now = Date.now();
  const { certificate, privateKey } = await generateCertificate({
    subject: "page",
    names: ["localhost"],
    notBeforeMs: now - 1000,
    notAfterMs: now + 3_600_000,
  });
  const ca = toPem("CERTIFICATE", certificate);
  const args = ["--certificate", secretFile("page.pem", ca)];
  args.push("--key", secretFile("page.key", toPem("PRIVATE KEY", privateKey)));
  const folder = join(temporaryFolder(), "data");
  const page = ["--public", "localhost", "--page", "https://127.0.0.1:0", "--no-webtransport"];
  const { opened } = await host(folder, ...args, ...page);
  expect(opened.page).toMatch(/^https:/);
  expect(parseLink(opened.link).via).toEqual([expect.stringMatching(/^wss:/)]);
  const status = await new Promise((resolve) =>
    get(`${opened.page}chat.json`, { ca, servername: "localhost" }, (response) => {
      response.resume();
      resolve(response.statusCode);
    }),
  );
  expect(status).toBe(200);
});

test("behind a proxy, links say what the proxy is reached by", async () => {
  const folder = join(temporaryFolder(), "data");
  const proxied = ["--page-url", "https://chat.example", "--no-webtransport"];
  const { opened } = await host(folder, "--public", "chat.example", ...proxied);
  expect(opened.page).toBe("https://chat.example/");
  expect(parseLink(opened.link)).toMatchObject({ host: "chat.example", via: ["wss://chat.example/chat"] });
});

test.each([
  ["here", [], "127.0.0.1", false],
  ["here, and the page open to others", ["--page", "http://0.0.0.0:0"], "0.0.0.0", true],
  ["elsewhere", ["--trusted-proxy", "10.0.0.0/8"], undefined, false],
])("the page for a proxy %s: where it is, and who is warned of", async (_, more, address, isExposed) => {
  const page = more[0] === "--page" ? more[1] : undefined;
  const places = await placesOf({ page, isProxyHere: !more.includes("--trusted-proxy") }, false);
  const { hostname } = new URL(places.page);
  if (address === undefined) expect(["0.0.0.0", "[::]"]).toContain(hostname);
  else expect(hostname).toBe(address);
  const folder = join(temporaryFolder(), "data");
  const proxied = ["--page-url", "https://chat.example", "--no-webtransport"];
  const { server } = await host(folder, ...proxied, ...more);
  expect(server.stderr.includes("page_exposed")).toBe(isExposed);
});

test.each([
  [["--certificate", "x.pem"]],
  [["--page", "https://127.0.0.1:0"]],
  [["--listen", "127.0.0.1:7325"]],
  [["--webtransport", "http://127.0.0.1:0"]],
  [["--deno", "/nowhere/deno"]],
  [["--limit", "messages=1"]],
  [["--limit", "clients=0"]],
  [["--retention-days", "soon"]],
  [["--name", " "]],
  [["--public", "a b"]],
  [["--page-url", "https://chat.example/path"]],
  [["--trusted-proxy", "127.0.0.1"]],
  [["--page-url", "https://chat.example", "--trusted-proxy", "proxy.example"]],
])("%j is wrong usage, and makes no folder", async (args) => {
  const folder = join(temporaryFolder(), "data");
  const server = new Cli(["chat-server", "--json", "--folder", folder, ...args]);
  expect(await server.ended).toEqual({ code: 2, signal: null });
  expect(server.events.at(-1)).toMatchObject({ event: "error", code: "usage" });
  expect(existsSync(folder)).toBe(false);
});

test("Deno is found where npm puts it, and in PATH", async () => {
  const [command] = await runtime("deno");
  expect(findDeno(undefined, program)).toBe(command);
  const folder = temporaryFolder();
  const { PATH } = process.env;
  onTestFinished(() => {
    process.env.PATH = PATH;
  });
  process.env.PATH = `${folder}:`;
  const elsewhere = join(folder, "cli.js");
  expect(findDeno(undefined, elsewhere)).toBeUndefined();
  writeFileSync(join(folder, "deno"), "", { mode: 0o755 });
  expect(findDeno(undefined, elsewhere)).toBe(join(folder, "deno"));
  expect(findDeno(join(folder, "deno"), program)).toBe(join(folder, "deno"));
});

test("what people are told suits what there is", () => {
  const opened = {
    name: "Friends",
    folder: "/srv/chat",
    url: "udp://[::]:7325",
    page: "https://chat.example:7325/",
    isPageForOthers: true,
    webTransport: undefined,
    link: "sealgram://chat.example:7325/",
    guessedHost: undefined,
    owner: undefined,
  };
  const told = welcome(opened, "npx sealgram").join("\n");
  expect(told).toContain("https://chat.example:7325/\n");
  expect(told).toContain("npx sealgram chat 'sealgram://chat.example:7325/'\n");
  expect(told).toContain("/invite");
  expect(told).not.toMatch(/no owner|--certificate|--public|undefined/);
  expect(welcome({ ...opened, page: undefined, guessedHost: "192.0.2.2" }, "x").join("\n")).toMatch(
    /^Links say 192\.0\.2\.2, .*\nagain with --public/m,
  );
});

test("a QR code is as wide as the terminal at most", () => {
  const code = qrCode("sealgram://127.0.0.1:7325/", 80)!;
  expect(code).toMatch(/[▀▄█]/);
  expect(qrCode("sealgram://127.0.0.1:7325/", 20)).toBeUndefined();
});
