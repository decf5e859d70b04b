// How the page gets to the server: by another way where one is blocked, and again when the connection is lost.
import assert from "node:assert/strict";
import { Chat } from "./chat.mjs";

export const tests = {
  "where WebTransport is blocked, it is WebSocket": (programs) =>
    Chat.use(programs, { webTransport: true }, fallBack),
  "a lost connection is said, and comes back by itself": (programs) => Chat.use(programs, {}, reconnect),
  "two tabs of one user": (programs) => Chat.use(programs, {}, useTwoTabs),
};

async function goesBy(person, way) {
  await person.button(/^Sealed/).click();
  await person.dialog.getByText(`by ${way}; cannot read`).waitFor();
  await person.page.keyboard.press("Escape");
}

async function fallBack(chat) {
  const owner = await chat.owner();
  const room = await owner.createRoom("quay");

  await chat.step("silent from the beginning, as behind a firewall", async () => {
    chat.host.signalWebTransport("SIGSTOP");
    const amir = await chat.person("amir", { room });
    await goesBy(amir, "WebSocket");
    await amir.tell("by the other way");
    chat.host.signalWebTransport("SIGCONT");
    await amir.page.context().close();
  });
  await chat.step("in a browser without it", async () => {
    const bea = await chat.stranger();
    await bea.page.addInitScript(() => delete globalThis.WebTransport);
    await bea.join(await chat.pageLink(await chat.invite({ room })), "bea");
    await bea.isIn("quay");
    await goesBy(bea, "WebSocket");
    await bea.page.context().close();
  });
  await chat.step("silent in the middle of a session", async () => {
    const carl = await chat.person("carl", { room });
    await goesBy(carl, "WebTransport");
    chat.host.signalWebTransport("SIGSTOP");
    await carl.page.getByText("Connecting again").waitFor();
    await carl.write("written meanwhile");
    await carl.message("written meanwhile").locator(".state:not(.sending)").waitFor();
    await goesBy(carl, "WebSocket");
    chat.host.signalWebTransport("SIGCONT");
  });
}

async function reconnect(chat) {
  const owner = await chat.owner();
  const room = await owner.createRoom("quay");
  const amir = await chat.person("amir", { room });
  const { page } = amir;
  const status = page.getByRole("status");

  await chat.step("the loss is said, and what is written waits", async () => {
    await chat.host.kill();
    await status.getByText("Connecting again").waitFor();
    await amir.button(/^Offline/).waitFor();
    for (const text of ["first", "second", "third"]) await amir.write(text);
    assert.equal(await page.locator(".state.sending").count(), 3);
    await amir.checkAccess();
    await amir.button(/^Offline/).click();
    await amir.dialog.getByRole("heading", { name: "Not connected at present" }).waitFor();
    await page.keyboard.press("Escape");
  });
  await chat.step("what takes the server says so", async () => {
    await amir.message("first").hover();
    await amir.button("Topic and members").click();
    await page.getByRole("alert").getByText("There is no connection at present.").waitFor();
    await chat.host.start();
    // The members come with the connection.
    await amir.dialog.getByText("olga").waitFor();
    await page.getByRole("alert").getByText("There is no connection").waitFor({ state: "detached" });
    await page.keyboard.press("Escape");
  });
  await chat.step("back, it is said, and all of it is there once, in order", async () => {
    await amir.button(/^Sealed/).waitFor();
    await page.locator(".state.sending").first().waitFor({ state: "detached" });
    const texts = await page.locator("[data-message] .text").allInnerTexts();
    assert.deepEqual(texts, ["first", "second", "third"]);
    await status.getByText("Connected again").waitFor({ state: "detached" });
  });
  await chat.step("edits and deletions that fail say so", async () => {
    await chat.host.kill();
    await status.getByText("Connecting again").waitFor();
    await amir.message("second").focus();
    await page.keyboard.press("Delete");
    await amir.dialog.getByRole("button", { name: "Delete" }).click();
    await page.getByRole("alert").getByText("There is no connection at present.").waitFor();
    await amir.field.press("ArrowUp");
    await amir.field.fill("third, edited");
    await amir.field.press("Enter");
    await page.getByRole("alert").getByText("There is no connection at present.").waitFor();
    // It is not lost.
    assert.equal(await amir.field.inputValue(), "third, edited");
    await chat.host.start();
    await amir.button(/^Sealed/).waitFor();
    await amir.field.press("Enter");
    await amir.message("third, edited").getByText("(edited)").waitFor();
  });
  await chat.step("a reload without a server says so, and tries again when asked", async () => {
    const html = await page.content();
    assert.ok(html.length > 0);
    await page.route("**/chat.json", (route) => route.abort());
    await page.reload();
    await page.getByRole("alert").waitFor();
    await amir.checkAccess();
    await page.unroute("**/chat.json");
    await amir.button("Try again").click();
    await amir.isIn("quay");
  });
}

async function useTwoTabs(chat) {
  const owner = await chat.owner();
  const room = await owner.createRoom("quay");
  const first = await chat.person("amir", { room });
  const second = await first.tab();
  await second.page.goto(chat.host.origin);
  await second.isIn("quay");

  await chat.step("what one says is in both, as one's own, once", async () => {
    await first.tell("from the first tab");
    await second.message("from the first tab").waitFor();
    await second.tell("from the second tab");
    await first.message("from the second tab").waitFor();
    for (const tab of [first, second]) assert.equal(await tab.page.locator("[data-message]").count(), 2);
    await second.message("from the first tab").hover();
    await second.message("from the first tab").getByRole("button", { name: "Edit (E)" }).click();
    await second.field.fill("edited in the second tab");
    await second.field.press("Enter");
    await first.message("edited in the second tab").getByText("(edited)").waitFor();
  });
  await chat.step("what is read in one is read in the other", async () => {
    await first.look(false);
    await second.look(false);
    await room.send("news");
    for (const { page } of [first, second])
      await page.waitForFunction(() => document.title === "(1) quay · Harbour");
    await second.look(true);
    for (const { page } of [first, second])
      await page.waitForFunction(() => document.title === "quay · Harbour");
    await first.look(true);
  });
  await chat.step("whoever logs out in one stays in the other, which cannot come back", async () => {
    await second.button(/your login$/).click();
    await second.button("Log out, and forget the key").click();
    await second.button("Really forget the key").click();
    await second.page.getByRole("heading", { name: "Log in" }).waitFor();
    await first.tell("still here");
    await first.page.reload();
    await first.page.getByRole("heading", { name: "Log in" }).waitFor();
  });
}
