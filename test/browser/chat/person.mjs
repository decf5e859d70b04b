// Somebody at the chat's page, in a browser profile of their own: what they do, and what they see.
import assert from "node:assert/strict";

const LIMIT_MS = 60_000;
export const PASSWORD = "correct horse battery";

export class Person {
  page;

  /**
   * @param browser of Playwright
   * @param faults gets what no page may have: exceptions, dialogs of the browser, violations of the policy
   * @param options of the browser's context
   */
  static async open(browser, faults, options = {}) {
    const person = new Person();
    const context = await browser.newContext({ viewport: { width: 1120, height: 720 }, ...options });
    await context.grantPermissions(["clipboard-read", "clipboard-write"]);
    context.on("page", (page) => person.#watch(page, faults));
    person.page = await context.newPage();
    return person;
  }

  #watch(page, faults) {
    page.setDefaultTimeout(LIMIT_MS);
    page.on("pageerror", (error) => faults.push(error));
    page.on("dialog", (dialog) => faults.push(new Error(`a dialog: ${dialog.message()}`)));
    page.on("console", (message) => {
      if (/Content Security Policy|Trusted/.test(message.text())) faults.push(new Error(message.text()));
    });
  }

  /** Another tab of the same browser. */
  async tab() {
    const person = new Person();
    person.page = await this.page.context().newPage();
    return person;
  }

  /** Joins by an invitation, by a key unless a password is wanted. */
  async join(link, name, { password = false, stay = false } = {}) {
    const { page } = this;
    await page.goto(link);
    await page.getByRole("heading", { name: "You are invited" }).waitFor();
    assert.ok(!page.url().includes("invitation"), "the invitation stays in the address bar");
    await page.getByLabel("Your name").fill(name);
    if (password) await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
    else await page.getByLabel("A key on this device").check();
    if (stay) await page.getByLabel("Stay logged in").check();
    await page.getByRole("button", { name: "Join" }).click();
    await page.getByRole("navigation").waitFor();
  }

  /** The field to write in. */
  get field() {
    return this.page.locator(".composer textarea");
  }

  get log() {
    return this.page.locator(".log");
  }

  get dialog() {
    return this.page.getByRole("dialog");
  }

  button(name) {
    return this.page.getByRole("button", { name });
  }

  /** The newest message with that text. */
  message(text) {
    return this.page.locator("[data-message]", { hasText: text }).last();
  }

  async write(text) {
    await this.field.fill(text);
    await this.field.press("Enter");
  }

  /** By the clipboard, as long texts come. */
  async paste(text) {
    await this.page.evaluate((text) => navigator.clipboard.writeText(text), text);
    await this.field.press("Control+v");
  }

  /** Writes, and settles once the server has it: what is on its way cannot be edited, say. */
  async tell(text) {
    await this.write(text);
    await this.message(text).locator(".state:not(.sending)").waitFor();
  }

  /** Settles once the room is shown, with its messages. */
  async isIn(name) {
    await this.page.getByRole("heading", { name, level: 1, exact: true }).waitFor();
    await this.page.locator(".log[aria-busy=false]").waitFor();
  }

  /** Goes to a room, or a conversation, by the list at the side. */
  async go(name) {
    await this.page.getByRole("navigation").getByRole("button", { name }).click();
    await this.isIn(name);
  }

  /** Puts the tab in front, or behind another one: as the browser tells the page. */
  async look(isInFront) {
    const state = isInFront ? "visible" : "hidden";
    await this.page.evaluate((state) => {
      Object.defineProperty(document, "visibilityState", { value: state, configurable: true });
      Object.defineProperty(document, "hidden", { value: state === "hidden", configurable: true });
      document.dispatchEvent(new Event("visibilitychange"));
    }, state);
  }

  /** What axe finds by the rules of WCAG 2.2 AA. */
  async checkAccess() {
    const { default: axe } = await import("axe-core");
    // The page lets no script in but its own: this one comes by the debugger.
    await this.page.evaluate(`(() => { ${axe.source}; globalThis.axe = axe; })()`);
    const violations = await this.page.evaluate(async () => {
      const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
      const result = await globalThis.axe.run(document, { runOnly: tags, resultTypes: ["violations"] });
      return result.violations.map(
        ({ id, nodes }) =>
          `${id}: ${nodes.map(({ html, failureSummary }) => `${html.slice(0, 150)} ${failureSummary}`).join("; ")}`,
      );
    });
    assert.deepEqual(violations, []);
  }
}
