// The chat's page as people use it: two of them, by WebTransport and by WebSocket.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { Chat } from "./chat.mjs";

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

export const tests = {
  "a conversation by WebTransport": (programs) => converse(programs, "WebTransport"),
  "a conversation by WebSocket": (programs) => converse(programs, "WebSocket"),
};

async function converse(programs, way) {
  await Chat.use(programs, { webTransport: way === "WebTransport" }, (chat) => converseIn(chat, way));
}

async function converseIn(chat, way) {
  const { host } = chat;
  const step = (name, act) => chat.step(name, act);
  const olga = await chat.stranger({ reducedMotion: "reduce" });
  const amir = await chat.stranger({ colorScheme: "dark" });

  await step("the owner joins, is in the first room, and says what it is about", async () => {
    await olga.join(host.said.owner.page, "olga", { password: true });
    await olga.isIn("general");
    await olga.button("Topic and members").click();
    await olga.button("Change the topic").click();
    await olga.page.getByRole("textbox", { name: "Topic" }).fill("Boats, weather, and who brings the coffee");
    await olga.button("Save").click();
    await olga.dialog.getByText("who brings the coffee").waitFor();
    await olga.page.keyboard.press("Escape");
  });
  await step("an invitation is copied, and lets somebody in with a key", async () => {
    await olga.button("Invite somebody").click();
    await olga.button("Make a link").click();
    const link = await olga.page.getByLabel("For a browser").inputValue();
    assert.ok(link.startsWith(`${host.origin}/#invitation=`), link);
    await olga.button("Copy").first().click();
    await olga.page.getByText("Copied", { exact: true }).waitFor();
    await olga.page.getByRole("img", { name: "QR code" }).waitFor();
    await olga.page.keyboard.press("Escape");
    await amir.join(link, "amir");
    await amir.isIn("general");
  });
  await step("the way and the fingerprint are shown", async () => {
    await amir.button(/^Sealed/).click();
    await amir.dialog.getByText(`by ${way}; cannot read`).waitFor();
    await amir.dialog.getByText(/^sha256:[\w-]{43}$/).waitFor();
    await amir.page.keyboard.press("Escape");
  });
  await step("two pages chat, and receipts come", async () => {
    await olga.write("Good morning! The *Maria* is back in the water.");
    await amir.message("Good morning!").waitFor();
    await amir.write("שלום — wonderful 🎉 see https://example.com/tide?x=1.");
    await olga.message("wonderful").waitFor();
    const anchor = olga.message("wonderful").locator("a");
    assert.equal(await anchor.getAttribute("href"), "https://example.com/tide?x=1");
    assert.match(await anchor.getAttribute("rel"), /noopener/);
    await amir.page.bringToFront();
    await olga.message("Good morning!").locator(".state.delivered, .state.read").waitFor();
  });
  await step("nothing written becomes markup", async () => {
    for (const text of INJECTIONS) {
      await olga.write(text);
      const seen = amir.message(text);
      await seen.waitFor();
      assert.equal(await seen.locator(".text img, .text svg, .text script, .text a, .text b").count(), 0);
      assert.equal(await seen.locator(".text").innerText(), text);
    }
    assert.equal(await amir.page.evaluate(() => globalThis.injected), undefined);
  });
  await step("edit, reply, delete", async () => {
    await olga.tell("The race is on Sunday");
    await olga.field.press("ArrowUp");
    await olga.field.fill("The race is on Saturday, at ten");
    await olga.field.press("Enter");
    await amir.message("Saturday, at ten").getByText("(edited)").waitFor();
    await amir.message("Saturday").focus();
    await amir.page.keyboard.press("r");
    await amir.write("I bring the coffee");
    await olga.message("I bring the coffee").getByText("In reply to").waitFor();
    await amir.tell("a mistake");
    await olga.message("a mistake").waitFor();
    await amir.message("a mistake").focus();
    await amir.page.keyboard.press("Delete");
    await amir.dialog.getByRole("button", { name: "Delete" }).click();
    await olga.page.getByText("This message was deleted.").waitFor();
    assert.equal(await olga.page.getByText("a mistake").count(), 0);
  });
  await step("attachments, both ways", async () => {
    const notes = Buffer.alloc(300_000, "tide ");
    await olga.page.locator("input[type=file]").setInputFiles([
      { name: "notes.txt", mimeType: "text/plain", buffer: notes },
      { name: "buoy.png", mimeType: "image/png", buffer: PNG },
    ]);
    const [download] = await Promise.all([
      amir.page.waitForEvent("download"),
      amir.button("Save notes.txt").click(),
    ]);
    assert.deepEqual(readFileSync(await download.path()), notes);
    await amir.page.locator(".picture img").waitFor();
    const html = Buffer.from("<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>");
    await amir.page
      .locator("input[type=file]")
      .setInputFiles({ name: "x.svg", mimeType: "image/svg+xml", buffer: html });
    const [second] = await Promise.all([
      olga.page.waitForEvent("download"),
      olga.button("Save x.svg").click(),
    ]);
    assert.deepEqual(readFileSync(await second.path()), html);
    assert.equal(await olga.page.locator("[data-message]", { hasText: "x.svg" }).locator("img").count(), 0);
  });
  await step("what is written while the server is gone arrives when it is back", async () => {
    await host.kill();
    await amir.page.getByText("Connecting again").waitFor();
    await amir.write("written in the dark");
    await amir.message("written in the dark").locator(".state.sending").waitFor();
    await host.start();
    await olga.message("written in the dark").waitFor();
    assert.equal(await olga.page.locator("[data-message]", { hasText: "written in the dark" }).count(), 1);
    await amir.button(/^Sealed/).waitFor();
  });
  await step("accessible in light and dark", async () => {
    for (const person of [olga, amir]) await person.checkAccess();
    await olga.button("Topic and members").click();
    await olga.dialog.getByText("amir").waitFor();
    await olga.checkAccess();
    await olga.page.keyboard.press("Escape");
  });
  await step("by the keyboard alone", async () => {
    await olga.page.locator("body").press("Control+k");
    // Nobody types before they see where.
    await olga.page.locator("input[role=combobox]:focus").waitFor();
    await olga.page.keyboard.type("amir");
    await olga.page.keyboard.press("Enter");
    await olga.isIn("amir");
    await olga.page.keyboard.type("between us");
    await olga.page.keyboard.press("Enter");
    await olga.message("between us").waitFor();
    await amir.page.locator(".rooms .count").waitFor();
    await amir.page.locator("body").press("Alt+ArrowDown");
    await amir.message("between us").waitFor();
    await olga.page.locator("body").press("Control+/");
    await olga.page.getByRole("heading", { name: "Keyboard shortcuts" }).waitFor();
    await olga.page.keyboard.press("Escape");
  });
  await step("on a phone, the rooms are a drawer", async () => {
    await amir.page.setViewportSize({ width: 390, height: 780 });
    await amir.button("Rooms").click();
    await amir.page.getByRole("navigation").getByRole("button", { name: "general" }).click();
    await amir.isIn("general");
    const { scrollWidth, clientWidth } = await amir.page.evaluate(() => document.documentElement);
    assert.equal(scrollWidth, clientWidth);
    await amir.checkAccess();
  });
}
