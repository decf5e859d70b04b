// The chat's page in a real browser, on a real server, as people use it: by WebTransport and by WebSocket.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

const LIMIT_MS = 60_000;
const PASSWORD = "correct horse battery";
const INJECTIONS = [
  "<img src=x onerror=alert(1)>",
  "<script>globalThis.injected = 1</script>",
  "javascript:alert(1) data:text/html,<b>x</b>",
  '"><svg onload=alert(1)>',
  "&lt;b&gt;",
];
/** One red pixel. */
const PNG = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==",
  "base64",
);

/**
 * @param executablePath of Chromium
 * @param cli the built command, beside its page
 * @param images a folder for screenshots, if they are wanted
 */
export async function testChatPage(executablePath, cli, images) {
  const { chromium } = await import("playwright-core");
  const browser = await chromium.launch({ executablePath, chromiumSandbox: false, args: ["--disable-gpu"] });
  try {
    for (const way of ["WebTransport", "WebSocket"]) {
      const host = await Host.open(cli, way);
      try {
        await useChat(browser, host, way, way === "WebTransport" ? images : undefined);
      } finally {
        await host.close();
      }
    }
  } finally {
    await browser.close();
  }
}

/** A server of its own, that can be started again at the same place. */
class Host {
  #cli;
  #way;
  #ports;
  #folder = mkdtempSync(join(tmpdir(), "sealgram-page-"));
  #child;
  said;

  static async open(cli, way) {
    const host = new Host();
    host.#cli = cli;
    host.#way = way;
    host.#ports = [await freePort(), await freePort()];
    await host.start();
    return host;
  }

  async start() {
    const [port, second] = this.#ports;
    const ways =
      this.#way === "WebTransport"
        ? ["--webtransport", `https://127.0.0.1:${second}`]
        : ["--no-webtransport"];
    const args = [
      "chat-server",
      "--json",
      "--folder",
      this.#folder,
      "--name",
      "Harbour",
      "--public",
      "127.0.0.1",
    ];
    const places = ["--listen", `udp://127.0.0.1:${port}`, "--page", `http://127.0.0.1:${port}`, ...ways];
    this.#child = spawn(process.execPath, [this.#cli, ...args, ...places], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    this.#child.stderr.on("data", (data) => {
      output += data;
    });
    for await (const line of createInterface(this.#child.stdout)) {
      output += `${line}\n`;
      const event = JSON.parse(line);
      if (event.event === "open") {
        this.said = { ...event, owner: event.owner ?? this.said?.owner };
        this.#child.stdout.resume();
        return;
      }
    }
    throw new Error(`the server did not start:\n${output}`);
  }

  /** As a crash does. */
  async kill() {
    const ended = once(this.#child, "exit");
    this.#child.kill("SIGKILL");
    await ended;
  }

  async close() {
    const ended = once(this.#child, "exit");
    this.#child.kill("SIGTERM");
    await ended;
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** One that TCP and UDP have free: of TCP's, whichever UDP has, too. */
async function freePort() {
  for (;;) {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address();
    const socket = createSocket("udp4");
    const isFree = await new Promise((resolve) => {
      socket.once("error", () => resolve(false)).bind(port, "127.0.0.1", () => resolve(true));
    });
    socket.close();
    server.close();
    if (isFree) return port;
  }
}

/** What one person sees, in a browser profile of their own. */
async function person(browser, faults, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1120, height: 720 }, ...options });
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  const page = await context.newPage();
  page.setDefaultTimeout(LIMIT_MS);
  page.on("pageerror", (error) => faults.push(error));
  page.on("dialog", (dialog) => faults.push(new Error(`a dialog: ${dialog.message()}`)));
  page.on("console", (message) => {
    if (/Content Security Policy|Trusted/.test(message.text())) faults.push(new Error(message.text()));
  });
  return page;
}

async function enter(page, link, name, { key = false, stay = false } = {}) {
  await page.goto(link);
  await page.getByRole("heading", { name: "You are invited" }).waitFor();
  assert.ok(!page.url().includes("invitation"), "the invitation stays in the address bar");
  await page.getByLabel("Your name").fill(name);
  if (key) await page.getByLabel("A key on this device").check();
  else await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  if (stay) await page.getByLabel("Stay logged in").check();
  await page.getByRole("button", { name: "Join" }).click();
  await page.getByRole("navigation").waitFor();
}

const field = (page) => page.locator(".composer textarea");
const messageOf = (page, text) => page.locator("[data-message]", { hasText: text }).last();

async function write(page, text) {
  await field(page).fill(text);
  await field(page).press("Enter");
}

async function useChat(browser, host, way, images) {
  const faults = [];
  const step = async (name, act) => {
    try {
      await act();
    } catch (error) {
      throw new Error(`${way}: ${name}: ${error.message}\n${faults.map(String).join("\n")}`, {
        cause: error,
      });
    }
  };
  const origin = new URL(host.said.page).origin;
  const olga = await person(browser, faults, { reducedMotion: "reduce" });
  const amir = await person(browser, faults, { colorScheme: "dark" });
  let link;

  await step("the owner joins and makes a room", async () => {
    await enter(olga, host.said.owner.page, "olga");
    await olga.getByRole("button", { name: "New room" }).first().click();
    const dialog = olga.getByRole("dialog");
    await dialog.getByLabel("Name").fill("general");
    await dialog.getByLabel("Topic, if you like").fill("Boats, weather, and who brings the coffee");
    await dialog.getByRole("button", { name: "Make the room" }).click();
    await olga.getByRole("heading", { name: "general", level: 1 }).waitFor();
  });
  await step("an invitation is copied, and lets somebody in with a key", async () => {
    await olga.getByRole("button", { name: "Invite somebody" }).click();
    await olga.getByRole("button", { name: "Make a link" }).click();
    link = await olga.getByLabel("For a browser").inputValue();
    assert.ok(link.startsWith(`${origin}/#invitation=`), link);
    await olga.getByRole("button", { name: "Copy" }).first().click();
    await olga.getByText("Copied", { exact: true }).waitFor();
    await olga.getByRole("img", { name: "QR code" }).waitFor();
    await olga.keyboard.press("Escape");
    await enter(amir, link, "amir", { key: true });
    await amir.getByRole("heading", { name: "general", level: 1 }).waitFor();
  });
  await step("the way and the fingerprint are shown", async () => {
    await amir.getByRole("button", { name: /^Sealed/ }).click();
    await amir.getByRole("dialog").getByText(`by ${way}; cannot read`).waitFor();
    await amir
      .getByRole("dialog")
      .getByText(/^sha256:[\w-]{43}$/)
      .waitFor();
    await amir.keyboard.press("Escape");
  });
  await step("two pages chat, and receipts come", async () => {
    await write(olga, "Good morning! The *Maria* is back in the water.");
    await messageOf(amir, "Good morning!").waitFor();
    await write(amir, "שלום — wonderful 🎉 see https://example.com/tide?x=1.");
    await messageOf(olga, "wonderful").waitFor();
    const anchor = messageOf(olga, "wonderful").locator("a");
    assert.equal(await anchor.getAttribute("href"), "https://example.com/tide?x=1");
    assert.match(await anchor.getAttribute("rel"), /noopener/);
    await amir.bringToFront();
    await messageOf(olga, "Good morning!").locator(".state.delivered, .state.read").waitFor();
  });
  await step("nothing written becomes markup", async () => {
    for (const text of INJECTIONS) {
      await write(olga, text);
      const seen = messageOf(amir, text);
      await seen.waitFor();
      assert.equal(await seen.locator(".text img, .text svg, .text script, .text a, .text b").count(), 0);
      assert.equal(await seen.locator(".text").innerText(), text);
    }
    assert.equal(await amir.evaluate(() => globalThis.injected), undefined);
  });
  await step("edit, reply, delete", async () => {
    await write(olga, "The race is on Sunday");
    // What is still on its way cannot be edited.
    await messageOf(olga, "The race is on Sunday").locator(".state:not(.sending)").waitFor();
    await field(olga).press("ArrowUp");
    await field(olga).fill("The race is on Saturday, at ten");
    await field(olga).press("Enter");
    await messageOf(amir, "Saturday, at ten").getByText("(edited)").waitFor();
    await messageOf(amir, "Saturday").focus();
    await amir.keyboard.press("r");
    await write(amir, "I bring the coffee");
    await messageOf(olga, "I bring the coffee").getByText("In reply to").waitFor();
    await write(amir, "a mistake");
    await messageOf(olga, "a mistake").waitFor();
    await messageOf(amir, "a mistake").focus();
    await amir.keyboard.press("Delete");
    await amir.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
    await olga.getByText("This message was deleted.").waitFor();
    assert.equal(await olga.getByText("a mistake").count(), 0);
  });
  await step("attachments, both ways", async () => {
    const notes = Buffer.alloc(300_000, "tide ");
    await olga.locator("input[type=file]").setInputFiles([
      { name: "notes.txt", mimeType: "text/plain", buffer: notes },
      { name: "buoy.png", mimeType: "image/png", buffer: PNG },
    ]);
    const [download] = await Promise.all([
      amir.waitForEvent("download"),
      amir.getByRole("button", { name: "Save notes.txt" }).click(),
    ]);
    assert.deepEqual(readFileSync(await download.path()), notes);
    await amir.locator(".picture img").waitFor();
    const html = Buffer.from("<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>");
    await amir
      .locator("input[type=file]")
      .setInputFiles({ name: "x.svg", mimeType: "image/svg+xml", buffer: html });
    const [second] = await Promise.all([
      olga.waitForEvent("download"),
      olga.getByRole("button", { name: "Save x.svg" }).click(),
    ]);
    assert.deepEqual(readFileSync(await second.path()), html);
    assert.equal(await olga.locator("[data-message]", { hasText: "x.svg" }).locator("img").count(), 0);
  });
  await step("what is written while the server is gone arrives when it is back", async () => {
    await host.kill();
    await amir.getByText("Connecting again").waitFor();
    await write(amir, "written in the dark");
    await messageOf(amir, "written in the dark").locator(".state.sending").waitFor();
    await host.start();
    await messageOf(olga, "written in the dark").waitFor();
    assert.equal(await olga.locator("[data-message]", { hasText: "written in the dark" }).count(), 1);
    await amir.getByRole("button", { name: /^Sealed/ }).waitFor();
  });
  await step("accessible in light and dark", async () => {
    for (const page of [olga, amir]) await checkAccess(page);
    await olga.getByRole("button", { name: "Topic and members" }).click();
    await olga.getByRole("dialog").getByText("amir").waitFor();
    await checkAccess(olga);
    await olga.keyboard.press("Escape");
  });
  if (images !== undefined) {
    await olga.screenshot({ path: join(images, "page-light.png") });
    await amir.screenshot({ path: join(images, "page-dark.png") });
  }
  await step("by the keyboard alone", async () => {
    await olga.locator("body").press("Control+k");
    // Nobody types before they see where.
    await olga.locator("input[role=combobox]:focus").waitFor();
    await olga.keyboard.type("amir");
    await olga.keyboard.press("Enter");
    await olga.getByRole("heading", { name: "amir", level: 1 }).waitFor();
    await olga.keyboard.type("between us");
    await olga.keyboard.press("Enter");
    await messageOf(olga, "between us").waitFor();
    await amir.locator(".rooms .count").waitFor();
    await amir.locator("body").press("Alt+ArrowDown");
    await messageOf(amir, "between us").waitFor();
    await olga.locator("body").press("Control+/");
    await olga.getByRole("heading", { name: "Keyboard shortcuts" }).waitFor();
    await olga.keyboard.press("Escape");
  });
  await step("older pages come when they are scrolled to, and nothing moves", async () => {
    await olga.getByRole("navigation").getByRole("button", { name: "general" }).click();
    for (let i = 1; i <= 120; i++) await write(olga, `entry ${i} of the log`);
    await messageOf(olga, "entry 120 of the log").locator(".state:not(.sending)").waitFor();
    await amir.reload();
    await amir.getByRole("navigation").getByRole("button", { name: "general" }).click();
    await messageOf(amir, "entry 120 of the log").waitFor();
    const log = amir.locator(".log");
    // What is in sight stays in the same place, page by page, up to the beginning.
    await log.evaluate(async (box) => {
      const inSight = () => {
        const { top } = box.getBoundingClientRect();
        return [...box.querySelectorAll("[data-message]")].find(
          (row) => row.getBoundingClientRect().top > top,
        );
      };
      const grown = () =>
        new Promise((resolve) => {
          const observer = new MutationObserver(() => {
            observer.disconnect();
            requestAnimationFrame(resolve);
          });
          observer.observe(box.querySelector("ol"), { childList: true });
        });
      while (!box.textContent.includes("This is the beginning of")) {
        box.scrollTop = 300;
        await new Promise(requestAnimationFrame);
        const row = inSight();
        const { top } = row.getBoundingClientRect();
        await Promise.race([grown(), new Promise((resolve) => setTimeout(resolve, 5_000))]);
        const moved = row.getBoundingClientRect().top - top;
        if (Math.abs(moved) > 1) throw new Error(`what was in sight has moved by ${moved} pixels`);
      }
    });
    const topOf = (text) => messageOf(amir, text).evaluate((row) => row.getBoundingClientRect().top);
    await log.getByText("This is the beginning of").waitFor({ state: "attached" });
    const before = await topOf("entry 20 of the log");
    await write(olga, "one more, at the end");
    await amir.getByRole("button", { name: "1 new message" }).waitFor();
    assert.equal(await topOf("entry 20 of the log"), before);
    await amir.getByRole("button", { name: "1 new message" }).click();
  });
  await step("on a phone, the rooms are a drawer", async () => {
    await amir.setViewportSize({ width: 390, height: 780 });
    await amir.getByRole("button", { name: "Rooms" }).click();
    await amir.getByRole("navigation").getByRole("button", { name: "general" }).click();
    await amir.getByRole("heading", { name: "general", level: 1 }).waitFor();
    const { scrollWidth, clientWidth } = await amir.evaluate(() => document.documentElement);
    assert.equal(scrollWidth, clientWidth);
    await checkAccess(amir);
    if (images !== undefined) await amir.screenshot({ path: join(images, "phone.png") });
  });
  await step("a key stays, a password does not, and a wrong one is refused", async () => {
    await amir.reload();
    await amir.getByRole("heading", { name: "general", level: 1 }).waitFor();
    await olga.reload();
    await olga.getByRole("heading", { name: "Log in" }).waitFor();
    await checkAccess(olga);
    await olga.getByLabel("Name").fill("olga");
    await olga.getByLabel("Password").fill("wrong horse");
    await olga.getByRole("button", { name: "Log in" }).click();
    await olga.getByRole("alert").getByText("The name or the password is wrong.").waitFor();
    await olga.getByLabel("Password").fill(PASSWORD);
    await olga.getByRole("button", { name: "Log in" }).click();
    await olga.getByRole("navigation").waitFor();
    const stranger = await person(browser, faults);
    await stranger.goto(link);
    await stranger.getByLabel("Your name").fill("eve");
    await stranger.getByLabel("Password", { exact: true }).fill(PASSWORD);
    await stranger.getByRole("button", { name: "Join" }).click();
    await stranger.getByRole("alert").getByText("This invitation was used").waitFor();
    await stranger.context().close();
  });
  await step("another password, a key on this device, and what was open elsewhere ends", async () => {
    const elsewhere = await person(browser, faults);
    const logIn = async (password) => {
      await elsewhere.goto(origin);
      await elsewhere.getByLabel("Name").fill("olga");
      await elsewhere.getByLabel("Password").fill(password);
      await elsewhere.getByRole("button", { name: "Log in" }).click();
      await elsewhere.getByRole("navigation").waitFor();
    };
    await logIn(PASSWORD);
    await olga.getByRole("button", { name: "olga" }).first().click();
    await olga.getByRole("button", { name: "Password and keys" }).click();
    const dialog = olga.getByRole("dialog");
    await dialog.getByText("used here").waitFor();
    await dialog.getByLabel("Another password").fill("battery staple");
    await dialog.getByRole("button", { name: "Change the password" }).click();
    await dialog.getByText("Your password is set.").waitFor();
    await elsewhere.getByRole("alertdialog").getByText("This login has ended").waitFor();
    await logIn("battery staple");
    await dialog.getByRole("button", { name: "Log in by a key on this device" }).click();
    await dialog.getByText("Key on one device").waitFor();
    await checkAccess(olga);
    await dialog.getByRole("button", { name: "Take away" }).click();
    await dialog.getByRole("button", { name: "Really take it away" }).click();
    await elsewhere.getByRole("alertdialog").waitFor();
    await dialog.getByText("Password", { exact: true }).waitFor({ state: "detached" });
    await olga.reload();
    await olga.getByRole("heading", { name: "general", level: 1 }).waitFor();
    await elsewhere.context().close();
  });
  assert.deepEqual(faults, []);
  await olga.context().close();
  await amir.context().close();
}

/** What axe finds by the rules of WCAG 2.2 AA. */
async function checkAccess(page) {
  const { default: axe } = await import("axe-core");
  // The page lets no script in but its own: this one comes by the debugger.
  await page.evaluate(`(() => { ${axe.source}; globalThis.axe = axe; })()`);
  const violations = await page.evaluate(async () => {
    const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
    const result = await globalThis.axe.run(document, { runOnly: tags, resultTypes: ["violations"] });
    return result.violations.map(
      ({ id, nodes }) =>
        `${id}: ${nodes.map(({ html, failureSummary }) => `${html.slice(0, 150)} ${failureSummary}`).join("; ")}`,
    );
  });
  assert.deepEqual(violations, []);
}
