// What was said before: it comes page by page, and what is in sight stays where it is.
import assert from "node:assert/strict";
import { Chat } from "./chat.mjs";

export const tests = {
  "older pages come when they are scrolled to, and nothing moves": (programs) =>
    Chat.use(programs, { limits: ["messages-per-second=1000"] }, readBack),
};

async function readBack(chat) {
  const owner = await chat.owner();
  const room = await owner.createRoom("quay");
  const amir = await chat.person("amir", { room });
  // As many pages as it takes to scroll for them: nothing of it is new to somebody who comes back.
  let last;
  for (let i = 1; i <= 220; i++) last = await room.send(`entry ${i} of the log`);
  await amir.message("entry 220 of the log").waitFor();
  await chat.hasRead(room, "amir", last.position);
  await amir.page.reload();
  await amir.message("entry 220 of the log").waitFor();
  const { pages, moved } = await amir.log.evaluate(scrollToTheBeginning);
  assert.ok(pages >= 3, `${pages} pages`);
  assert.ok(moved <= 1, `what was in sight has moved by ${moved} pixels`);

  const entry = amir.message("entry 20 of the log");
  await entry.scrollIntoViewIfNeeded();
  const topOf = () => entry.evaluate((row) => row.getBoundingClientRect().top);
  const before = await topOf();
  await room.send("one more, at the end");
  await amir.button("1 new message").waitFor();
  assert.equal(await topOf(), before);
  await amir.button("1 new message").click();
}

/** In the page: up to the beginning, page by page, and how far what was in sight has moved at worst. */
async function scrollToTheBeginning(box) {
  const frame = () => new Promise(requestAnimationFrame);
  const rows = () => [...box.querySelectorAll("[data-message]")];
  let pages = 0;
  let moved = 0;
  while (!box.textContent.includes("This is the beginning of")) {
    const first = rows()[0];
    box.scrollTop = 300;
    const { top: edge } = box.getBoundingClientRect();
    const row = rows().find((each) => each.getBoundingClientRect().top > edge);
    const { top } = row.getBoundingClientRect();
    while (rows()[0] === first && !box.textContent.includes("This is the beginning of")) await frame();
    pages++;
    moved = Math.max(moved, Math.abs(row.getBoundingClientRect().top - top));
  }
  return { pages, moved };
}
