// What is read: that which was in sight, while somebody looked.
import assert from "node:assert/strict";
import { Chat } from "./chat.mjs";

export const tests = {
  "only what was seen is read": (programs) =>
    Chat.use(programs, { limits: ["messages-per-second=1000"] }, readWhatIsSeen),
  "a room of 5,000 messages": (programs) =>
    Chat.use(programs, { limits: ["messages-per-second=5000"] }, useLongRoom),
};

/** In the page: whether a row is in sight as a whole. */
function isInSight(row) {
  const { top, bottom } = row.getBoundingClientRect();
  const box = row.closest(".log").getBoundingClientRect();
  return top >= box.top - 1 && bottom <= box.bottom + 1;
}

async function readWhatIsSeen(chat) {
  const owner = await chat.owner();
  const room = await owner.createRoom("quay");
  const other = await owner.createRoom("lighthouse");
  const amir = await chat.person("amir", { room });
  const { page } = amir;
  const send = async (count, what) => {
    let last;
    for (let i = 1; i <= count; i++) last = await room.send(`${what} ${i}`);
    return last.position;
  };
  const readNow = async () => (await room.receipts()).find(({ user }) => user === "amir").read;
  const titled = (text) => page.waitForFunction((text) => document.title === text, text);

  await chat.step("what comes while one looks is read, and needs no mark", async () => {
    await chat.hasRead(room, "amir", await send(60, "first"));
    assert.equal(await page.locator(".log .new").count(), 0);
    await titled("quay · Harbour");
  });
  await chat.step("what comes while one is scrolled up is not read, and can be jumped to", async () => {
    const before = await readNow();
    await amir.message("first 20").scrollIntoViewIfNeeded();
    await amir.button("To the newest").waitFor();
    await send(40, "second");
    await amir.button("40 new messages").waitFor();
    await titled("(40) quay · Harbour");
    // Not in sight, not read: the receipt would have come by now.
    await owner.direct("amir").then((direct) => direct.send("hello"));
    await page.getByRole("navigation").getByRole("button", { name: "olga" }).locator(".count").waitFor();
    assert.equal(await readNow(), before);
  });
  await chat.step("scrolling down reads as far as one has come", async () => {
    const target = amir.message("second 10");
    await target.scrollIntoViewIfNeeded();
    // All of them but those that are above its end.
    await amir.button(/^([12]\d|30) new messages$/).click();
    await chat.hasRead(room, "amir", room.position);
    await page.locator(".to-end").waitFor({ state: "detached" });
    await titled("(1) quay · Harbour");
  });
  await chat.step(
    "nothing is read in a tab that is not in front, and the mark is where that began",
    async () => {
      await amir.look(false);
      const before = await readNow();
      await send(50, "third");
      await titled("(51) quay · Harbour");
      assert.equal(await readNow(), before);
      const mark = page.locator(".log .new");
      await mark.waitFor();
      assert.ok(await mark.evaluate(isInSight), "the beginning of what is new is out of sight");
      await amir.look(true);
      await amir.button(/new messages$/).click();
      await chat.hasRead(room, "amir", room.position);
    },
  );
  await chat.step(
    "in another room, nothing of this one is read; coming back shows where it goes on",
    async () => {
      await room.add("amir").catch(() => {});
      await other.add("amir");
      await amir.go("lighthouse");
      const before = await readNow();
      // More than one page of it.
      await send(120, "fourth");
      await page.getByRole("navigation").getByRole("button", { name: "quay" }).getByText("120").waitFor();
      assert.equal(await readNow(), before);
      await amir.go("quay");
      await page.locator(".log .new").waitFor();
      assert.ok(await amir.message("fourth 1").isVisible());
      assert.ok(await page.getByText("fourth 1", { exact: true }).evaluate(isInSight));
    },
  );
  await chat.step("after a reload, too, with pages in between", async () => {
    await amir.button(/new messages$/).click();
    await chat.hasRead(room, "amir", room.position);
    await page.goto("about:blank");
    await send(130, "fifth");
    await page.goto(chat.host.origin);
    await amir.isIn("quay");
    const first = page.getByText("fifth 1", { exact: true });
    await first.waitFor();
    assert.ok(await first.evaluate(isInSight));
    await page.locator(".log .new").waitFor();
  });
}

async function useLongRoom(chat) {
  const owner = await chat.owner();
  const room = await owner.createRoom("quay");
  const COUNT = 5_000;
  for (let i = 1; i <= COUNT; i += 100) {
    await Promise.all(Array.from({ length: 100 }, (_, k) => room.send(`entry ${i + k}`)));
  }
  const amir = await chat.person("amir", { room });
  const { page, log } = amir;
  const rows = page.locator("[data-message]");
  const shown = () => rows.evaluateAll((all) => all.map((row) => row.querySelector(".text").textContent));
  const hasRow = (text) => page.getByText(text, { exact: true }).waitFor({ state: "attached" });

  await chat.step("what is on the page stays little, however far one goes back", async () => {
    await hasRow(`entry ${COUNT}`);
    const counts = await log.evaluate(async (box) => {
      const counts = [];
      const first = () => box.querySelector("[data-message] .text")?.textContent;
      while (first() !== "entry 1") {
        const before = first();
        box.scrollTop = 0;
        while (first() === before) await new Promise(requestAnimationFrame);
        counts.push(box.querySelectorAll("[data-message]").length);
      }
      return counts;
    });
    assert.ok(counts.length > 10);
    assert.ok(Math.max(...counts) <= 400, `${Math.max(...counts)} rows`);
  });
  // A page that is read for hours is not to become slow.
  await chat.step("and forth, and nothing is left out on the way", async () => {
    const seen = await log.evaluate(async (box) => {
      const seen = new Set();
      const last = () => [...box.querySelectorAll("[data-message] .text")].at(-1).textContent;
      const collect = () => {
        for (const row of box.querySelectorAll("[data-message] .text")) seen.add(row.textContent);
      };
      collect();
      while (last() !== "entry 5000") {
        const before = last();
        box.scrollTop = box.scrollHeight;
        while (last() === before) await new Promise(requestAnimationFrame);
        collect();
      }
      return [...seen];
    });
    assert.deepEqual(
      seen,
      Array.from({ length: COUNT }, (_, i) => `entry ${i + 1}`),
    );
  });
  await chat.step("what comes at the end follows, and jumping there is at once", async () => {
    await log.evaluate((box) => {
      box.scrollTop = box.scrollHeight;
    });
    await page.locator(".to-end").waitFor({ state: "detached" });
    await log.evaluate((box) => {
      box.scrollTop = 0;
    });
    await amir.button("To the newest").click();
    await room.send("the newest of all");
    await hasRow("the newest of all");
    const texts = await shown();
    assert.equal(texts.at(-1), "the newest of all");
    assert.ok(texts.length <= 400, `${texts.length} rows`);
  });
  await chat.step("an answer leads to what it answers, far back", async () => {
    const { entries } = await room.history({ before: 3_000, limit: 1 });
    await room.send("what was that?", { replyTo: entries[0].position });
    await amir.message("what was that?").getByRole("button", { name: "In reply to" }).click();
    const answered = amir.page.getByText(entries[0].text, { exact: true });
    await answered.waitFor();
    assert.equal(
      await page.evaluate(() => document.activeElement.querySelector(".text")?.textContent),
      entries[0].text,
    );
    await page.keyboard.press("End");
    await page.waitForFunction(
      () => document.activeElement.querySelector(".text")?.textContent === "what was that?",
    );
  });
}
