/**
 * Pages that vanish: browsers are killed, their contexts closed, their networks cut, in whatever state their connections are.
 * The gateway goes on, in each of its runtimes. What is lost by WebTransport is missed by Deno only 30 s later and more.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { expect, onTestFinished, test } from "vitest";
import { ChatClient } from "../../src/apps/chat/client/node-index.ts";
import { Cli, folder, program, runtime } from "../cli/support.ts";

// Have no declarations.
const tool = (name: string) => import(new URL(`../../tools/${name}`, import.meta.url).href);
const { findRuntime } = (await tool("runtimes.mjs")) as {
  findRuntime(name: string): Promise<{ command: string }>;
};
const { buildPage } = (await tool("build-page.mjs")) as { buildPage(outdir: string): Promise<unknown> };
await buildPage(join(program, "../page"));

/** Above Deno's idle time-out of a QUIC connection, and what it waits for acknowledgements. */
const MISSED_MS = 50_000;
/** Of what is waited for in a page. */
const PAGE_LIMIT_MS = 300_000;

type State = "connecting" | "connected" | "logged in" | "uploading";
const states: readonly State[] = ["connecting", "connected", "logged in", "uploading"];

/** How a page goes. */
const ends: Readonly<
  Record<string, (browser: Browser, context: BrowserContext, pid: number) => Promise<void>>
> = {
  killed: async (_, __, pid) => void process.kill(pid, "SIGKILL"),
  "context closed": (_, context) => context.close(),
  "network offline": (_, context) => context.setOffline(true),
};

/** A browser whose process can be killed. */
async function browse(): Promise<{ browser: Browser; pid: number }> {
  const { command } = await findRuntime("chromium");
  const args = ["--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0"];
  const profile = join(folder, `profile-${Math.random()}`);
  const child = spawn(command, [...args, `--user-data-dir=${profile}`, "about:blank"], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  let said = "";
  while (!/ws:\/\/\S+/.test(said)) said += String((await once(child.stderr, "data"))[0]);
  child.stderr.resume();
  const [endpoint] = /ws:\/\/\S+/.exec(said)!;
  return { browser: await chromium.connectOverCDP(endpoint), pid: child.pid! };
}

async function come(page: Page, url: string, state: State, name: string): Promise<void> {
  page.setDefaultTimeout(PAGE_LIMIT_MS);
  await page.goto(url);
  await page.getByLabel("Your name").fill(name);
  await page.getByLabel("A key on this device").check();
  const join = page.getByRole("button", { name: "Join" });
  if (state === "connecting") return join.click();
  const opened = page.waitForFunction(() => "sealgramOpened" in globalThis);
  await join.click();
  if (state === "connected") return void (await opened);
  await page.getByRole("navigation").waitFor();
  if (state === "logged in") return;
  const file = { name: "large.bin", mimeType: "application/octet-stream", buffer: Buffer.alloc(15_000_000) };
  await page.locator("input[type=file]").first().setInputFiles([file]);
  await page.getByRole("progressbar", { name: "Sending large.bin" }).waitFor();
}

/** Tells when a connection to a gateway is open; with `webSocketAlone` there is no other. */
function observe(webSocketAlone: boolean): void {
  const opened = () => Object.assign(globalThis, { sealgramOpened: true });
  const { WebSocket, WebTransport } = globalThis;
  globalThis.WebSocket = class extends WebSocket {
    constructor(url: string | URL) {
      super(url);
      this.addEventListener("open", opened);
    }
  };
  if (webSocketAlone || WebTransport === undefined) {
    Reflect.deleteProperty(globalThis, "WebTransport");
    return;
  }
  globalThis.WebTransport = class extends WebTransport {
    constructor(url: string | URL, options?: WebTransportOptions) {
      super(url, options);
      this.ready.then(opened, () => {});
    }
  };
}

test.each([
  ["WebTransport by Deno", "node"],
  ["WebSocket by Node", "node"],
  ["WebSocket by Deno", "deno"],
  ["WebSocket by Bun", "bun"],
])("%s", async (carrier, name) => {
  const isWebSocket = carrier.startsWith("WebSocket");
  const places = ["--public", "127.0.0.1", "--listen", "udp://127.0.0.1:0", "--page", "http://127.0.0.1:0"];
  const args = ["chat-server", "--json", "--folder", join(folder, carrier), ...places];
  const webTransport = isWebSocket ? ["--no-webtransport"] : ["--webtransport", "https://127.0.0.1:0"];
  const server = new Cli([...args, ...webTransport], {}, name === "node" ? undefined : await runtime(name));
  const line = await server.until(() => server.stdout.toString().split("\n").slice(0, -1)[0]);
  const opened = JSON.parse(line) as { page: string; owner: { link: string } };
  const owner = await ChatClient.connect(opened.owner.link, {
    auth: await ChatClient.join(opened.owner.link, { name: "olga" }),
  });
  const room = await owner.createRoom("quay");
  let count = 0;
  for (const [end, vanish] of Object.entries(ends)) {
    for (const state of states) {
      const { browser, pid } = await browse();
      const context = await browser.newContext();
      await context.addInitScript(observe, isWebSocket);
      const page = await context.newPage();
      const invitation = new URL(await owner.invite({ room })).hash.split("invitation=")[1];
      await come(page, `${opened.page}#invitation=${invitation}`, state, `user${++count}`);
      await vanish(browser, context, pid);
      if (end !== "killed") onTestFinished(() => browser.close().catch(() => {}));
      expect(server.stderr, `${end}, ${state}`).not.toContain("no_webtransport");
    }
  }
  if (!isWebSocket) await pause(MISSED_MS);
  // It has not been started anew: what has ended would have been said.
  expect(server.stderr).not.toContain("no_webtransport");
  const { browser } = await browse();
  const context = await browser.newContext();
  await context.addInitScript(observe, isWebSocket);
  const page = await context.newPage();
  const invitation = new URL(await owner.invite({ room })).hash.split("invitation=")[1];
  await come(page, `${opened.page}#invitation=${invitation}`, "logged in", "last");
  await page.getByRole("button", { name: /^Sealed/ }).click();
  await page
    .getByRole("dialog")
    .getByText(`by ${carrier.split(" ")[0]}; cannot read`)
    .waitFor();
  await browser.close();
  await owner.close();
  expect((await server.kill("SIGTERM")).code).toBe(143);
});
