// What people write: as it is, as long as it is, in whatever script, and on narrow screens.
import assert from "node:assert/strict";
import { Chat } from "./chat.mjs";

export const tests = {
  "long texts, and texts of all scripts": (programs) => Chat.use(programs, {}, writeAll),
};

const LONG_WORD = "Donaudampfschifffahrtsgesellschaft".repeat(20);
const EMOJI = "👩‍👩‍👧‍👦 🏳️‍🌈 👍🏽 🇪🇺 ❤️‍🔥";
const HEBREW = "שלום עולם, how are you? (טוב)";
const ARABIC = "مرحبا بالعالم";
/** It would turn what is behind it, if it could. */
const OVERRIDE = "\u202egnp.exe";
const MAX_BYTES = 65_536;

async function writeAll(chat) {
  const owner = await chat.owner();
  const room = await owner.createRoom("quay");
  const amir = await chat.person("amir", { room });
  const { page } = amir;
  const messages = room[Symbol.asyncIterator]();
  const next = async () => (await messages.next()).value.text;
  const fits = async () => {
    const { scrollWidth, clientWidth } = await page.evaluate(() => document.documentElement);
    assert.equal(scrollWidth, clientWidth);
    const log = await amir.log.evaluate((box) => [box.scrollWidth, box.clientWidth]);
    assert.equal(log[0], log[1]);
  };
  const say = async (text) => {
    await amir.paste(text);
    await page.keyboard.press("Enter");
    assert.equal(await next(), text);
    const shown = page.locator("[data-message] .text").last();
    await shown.filter({ hasText: text.slice(0, 5) }).waitFor();
    return shown;
  };
  const directionOf = (shown) => shown.evaluate((text) => getComputedStyle(text).direction);

  await chat.step("lines, spaces and a very long word", async () => {
    await amir.field.focus();
    await page.keyboard.type("first line");
    await page.keyboard.press("Shift+Enter");
    await page.keyboard.type("    indented");
    await page.keyboard.press("Enter");
    assert.equal(await next(), "first line\n    indented");
    const shown = page.locator("[data-message] .text").last();
    assert.equal(await shown.innerText(), "first line\n    indented");
    await say(LONG_WORD);
    await fits();
  });
  await chat.step("nothing but spaces is not sent", async () => {
    await amir.field.fill("  \n ");
    assert.ok(await amir.button("Send", { exact: true }).last().isDisabled());
    await amir.field.press("Enter");
    await amir.field.fill("");
    await say("something");
  });
  await chat.step("from right to left, each text by its own beginning", async () => {
    assert.equal(await directionOf(await say(HEBREW)), "rtl");
    assert.equal(await directionOf(await say(ARABIC)), "rtl");
    assert.equal(await directionOf(await say(`in English: ${ARABIC}`)), "ltr");
    await amir.paste(HEBREW);
    assert.equal(await amir.field.evaluate((field) => getComputedStyle(field).direction), "rtl");
    await amir.field.fill("");
  });
  await chat.step("what turns the direction turns its own message only", async () => {
    const shown = await say(OVERRIDE);
    const { left, right } = await shown.evaluate((text) => {
      const by = text.closest("li").querySelector(".state").getBoundingClientRect();
      return { left: text.getBoundingClientRect().right, right: by.left };
    });
    assert.ok(left <= right + 1);
    assert.equal(await directionOf(await say("after it")), "ltr");
  });
  await chat.step("emoji of several code points stay whole, in all places that cut texts", async () => {
    const shown = await say(EMOJI);
    assert.equal(await shown.innerText(), EMOJI);
    const message = amir.message(EMOJI);
    await message.hover();
    await message.getByRole("button", { name: "Reply (R)" }).click();
    await page.locator(".purpose", { hasText: EMOJI }).waitFor();
    await amir.write("an answer");
    assert.equal(await next(), "an answer");
    await amir.message("an answer").locator(".answered", { hasText: EMOJI }).waitFor();
    const family = "👩‍👩‍👧‍👦".repeat(400);
    await say(family);
    const cut = await page.locator("[data-message] .text").last().innerText();
    assert.match(cut, /^(👩‍👩‍👧‍👦)+ …$/u);
    await amir.message("👩‍👩‍👧‍👦".repeat(20)).hover();
    await amir.message("👩‍👩‍👧‍👦".repeat(20)).getByRole("button", { name: "Reply (R)" }).click();
    assert.match(await page.locator(".purpose [dir=auto]").innerText(), /^(👩‍👩‍👧‍👦)+…?$/u);
    await page.keyboard.press("Escape");
  });
  await chat.step("64 kB are taken and shown when somebody wants them; a byte more is not", async () => {
    const text = `${"0123456789abcde\n".repeat(MAX_BYTES / 16 - 1)}0123456789abcdef`;
    assert.equal(text.length, MAX_BYTES);
    const shown = await say(text);
    assert.ok((await shown.innerText()).length < 3_000);
    await amir.button("Show all (66 kB)").click();
    assert.equal((await shown.innerText()).length, MAX_BYTES);
    await amir.button("Show less").click();
    assert.ok((await shown.innerText()).length < 3_000);
    await amir.paste(`${text.slice(1)}é`);
    await page.getByRole("alert").getByText("Too long by 1 bytes").waitFor();
    assert.equal(await amir.field.getAttribute("aria-invalid"), "true");
    await page.keyboard.press("Enter");
    assert.equal((await amir.field.inputValue()).length, MAX_BYTES);
    await amir.field.fill("");
    await say("short again");
  });
  await chat.step("all of it on a narrow screen, and enlarged to twice its size", async () => {
    for (const width of [360, 320]) {
      await page.setViewportSize({ width, height: 640 });
      await fits();
    }
    await page.evaluate(() => {
      document.documentElement.style.fontSize = "200%";
    });
    await fits();
  });
}
