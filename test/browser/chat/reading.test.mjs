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
  // From several people at a time, who say one thing after the other.
  const names = ["bea", "carl", "dora", "emil"];
  const writers = await Promise.all(names.map((name) => chat.client(name, { room })));
  const EACH = 1_250;
  const said = await Promise.all(
    writers.map(async (writer) => {
      const own = writer.rooms.get(room.id);
      const positions = [];
      for (let i = 0; i < EACH; i += 250) {
        const sending = Array.from({ length: 250 }, (_, k) => own.send(`entry ${i + k}`));
        for (const stored of await Promise.all(sending)) positions.push(stored.position);
      }
      return positions;
    }),
  );
  const all = said.flat().sort((a, b) => a - b);
  assert.equal(all.length, 5_000);
  const amir = await chat.person("amir", { room });
  const { page, log } = amir;
  const count = () => page.locator("[data-message]").count();
  const hasRow = (position) => page.locator(`[data-position="${position}"]`).waitFor({ state: "attached" });
  const textOfFocus = () => document.activeElement.querySelector(".text")?.textContent;

  await chat.step("what is on the page stays little, however far one goes back", async () => {
    await hasRow(all.at(-1));
    const counts = await log.evaluate(async (box, oldest) => {
      const counts = [];
      const first = () => Number(box.querySelector("[data-message]")?.dataset.position);
      while (first() !== oldest) {
        const before = first();
        box.scrollTop = 0;
        while (first() === before) await new Promise(requestAnimationFrame);
        counts.push(box.querySelectorAll("[data-message]").length);
      }
      return counts;
    }, all[0]);
    assert.ok(counts.length > 10);
    assert.ok(Math.max(...counts) <= 400, `${Math.max(...counts)} rows`);
  });
  await chat.step("and forth, and nothing is left out on the way", async () => {
    const seen = await log.evaluate(async (box, newest) => {
      const seen = new Set();
      const rows = () => [...box.querySelectorAll("[data-message]")];
      const last = () => Number(rows().at(-1).dataset.position);
      const collect = () => {
        for (const { dataset } of rows()) seen.add(Number(dataset.position));
      };
      collect();
      while (last() !== newest) {
        const before = last();
        box.scrollTop = box.scrollHeight;
        while (last() === before) await new Promise(requestAnimationFrame);
        collect();
      }
      return [...seen];
    }, all.at(-1));
    assert.deepEqual(seen, all);
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
    await hasRow((await room.send("the newest of all")).position);
    assert.ok(await page.getByText("the newest of all", { exact: true }).evaluate(isInSight));
    assert.ok((await count()) <= 400);
  });
  await chat.step("an answer leads to what it answers, far back", async () => {
    const replyTo = all[3_000];
    const { entries } = await room.history({ before: replyTo + 1, limit: 1 });
    await room.send("what was that?", { replyTo });
    await amir.message("what was that?").getByRole("button", { name: "In reply to" }).click();
    await page.waitForFunction(
      (position) => document.activeElement.dataset.position === `${position}`,
      replyTo,
    );
    assert.equal(await page.evaluate(textOfFocus), entries[0].text);
    assert.ok(await page.locator(`[data-position="${replyTo}"]`).evaluate(isInSight));
    await page.keyboard.press("End");
    await page.waitForFunction(
      () => document.activeElement.querySelector(".text")?.textContent === "what was that?",
    );
  });
}
