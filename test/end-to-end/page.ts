/** Somebody in a browser: the chat's page, at a gateway that reaches the server by the same bad network as all others do. */
import type { Browser, Page } from "playwright-core";
import { formatLink, parseLink } from "../../src/apps/chat/link.ts";
import { ChatPage } from "../../src/cli/chat-server/page.ts";
import { type Gateway, openGateway } from "../../src/gateway/node-index.ts";

const TARGET = "chat";
/** The page may show that it waits for the server. */
const LIMIT_MS = 60_000;
/** Until it has all that the others have. */
const HISTORY_LIMIT_MS = 120_000;

export interface PageUserOptions {
  /** Chromium's program. */
  readonly browser: string;
  /** That of the built page. */
  readonly pageFolder: string;
  /** Where the gateway finds the server: `udp://…`. */
  readonly target: string;
  /** An invitation. */
  readonly link: string;
  readonly name: string;
}

export class PageUser {
  readonly name: string;
  readonly #browser: Browser;
  readonly #gateway: Gateway;
  readonly #page: Page;

  private constructor(name: string, browser: Browser, gateway: Gateway, page: Page) {
    this.name = name;
    this.#browser = browser;
    this.#gateway = gateway;
    this.#page = page;
  }

  /** Joins by the invitation. */
  static async join({
    browser: executablePath,
    pageFolder,
    target,
    link,
    name,
  }: PageUserOptions): Promise<PageUser> {
    const { invitation, ...rest } = parseLink(link);
    let via: string[] = [];
    const pages = new ChatPage(
      pageFolder,
      () => ({ name: "chat", link: formatLink({ ...rest, via }) }),
      () => via,
    );
    const gateway = await openGateway("http://127.0.0.1:0", {
      targets: { [TARGET]: target },
      pages: (request) => pages.answer(request),
    });
    via = [`${gateway.url.replace("http", "ws")}/${TARGET}`];
    const { chromium } = await import("playwright-core");
    const browser = await chromium.launch({
      executablePath,
      chromiumSandbox: false,
      args: ["--disable-gpu"],
    });
    const page = await browser.newPage();
    page.setDefaultTimeout(LIMIT_MS);
    await page.goto(`${gateway.url}/#invitation=${invitation!.id}.${invitation!.secret}`);
    await page.getByLabel("Your name").fill(name);
    await page.getByLabel("A key on this device").check();
    await page.getByRole("button", { name: "Join" }).click();
    await page.getByRole("navigation").waitFor();
    return new PageUser(name, browser, gateway, page);
  }

  /** Goes to a room that is open to everybody. */
  /** Settles once the room is shown. */
  async sees(room: string): Promise<void> {
    await this.#page.getByRole("heading", { name: room, level: 1 }).waitFor();
  }

  async say(texts: readonly string[]): Promise<void> {
    const field = this.#page.locator(".composer textarea");
    for (const text of texts) {
      await field.fill(text);
      await field.press("Enter");
    }
  }

  /** Settles once the room's entry of that position is on the page, and nothing is on its way. */
  async untilPosition(position: number): Promise<void> {
    const isThere = this.#page.waitForFunction(
      (position) =>
        document.querySelector(`[data-position="${position}"]`) !== null &&
        document.querySelector("[data-message] .state.sending") === null,
      position,
      { timeout: HISTORY_LIMIT_MS },
    );
    await isThere.catch(async (error) => {
      const shown = await this.#page.locator("#app").innerText();
      throw new Error(`no entry ${position} on the page, which ends with: ${shown.slice(-500)}`, {
        cause: error,
      });
    });
  }

  /** What the page shows from the end to the beginning, as it is scrolled up: `author: text`, oldest first. */
  async transcript(): Promise<string[]> {
    return this.#page.locator(".log").evaluate(async (box) => {
      const lines = new Map<number, string>();
      const rows = () => [...box.querySelectorAll<HTMLElement>("[data-message]")];
      const hasBeginning = () => box.textContent?.includes("This is the beginning of");
      for (;;) {
        for (const row of rows()) {
          const said = [".author", ".text"].map((name) => row.querySelector(name)?.textContent);
          lines.set(Number(row.dataset.position), said.join(": "));
        }
        if (hasBeginning()) break;
        const before = rows()[0]?.dataset.position;
        box.scrollTop = 0;
        while (rows()[0]?.dataset.position === before && !hasBeginning())
          await new Promise(requestAnimationFrame);
      }
      return [...lines].sort(([a], [b]) => a - b).map(([, line]) => line);
    });
  }

  async close(): Promise<void> {
    await this.#browser.close();
    await this.#gateway.close();
  }
}
