// Files: picked, pasted and dropped; sent, given up, received, and never opened by the page.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Chat } from "./chat.mjs";

const LIMITS = ["upload-bytes-per-second=500000", "attachment-bytes=16000000"];
/** What the server takes at once, by that limit: sixteen seconds' worth. */
const AT_ONCE = 8_000_000;

export const tests = {
  "files are pasted, dropped and picked": (programs) => Chat.use(programs, {}, sendFiles),
  "files on their way show how far they are, and can be given up": (programs) =>
    Chat.use(programs, { limits: LIMITS }, giveUp),
  "what was sent is saved, and nothing of it is opened": (programs) => Chat.use(programs, {}, saveOnly),
};

const picker = (person) => person.page.locator("input[type=file]");
const file = (name, buffer, mimeType = "application/octet-stream") => ({ name, mimeType, buffer });

/** What a client gets of the newest message of a room, once it has come. */
async function contentOf(room, attachment) {
  const { content } = await room.download(attachment);
  const chunks = [];
  for await (const chunk of content) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function sendFiles(chat) {
  const owner = await chat.owner();
  const room = await owner.createRoom("quay");
  const amir = await chat.person("amir", { room });
  const { page } = amir;
  const messages = room[Symbol.asyncIterator]();
  const next = async () => (await messages.next()).value;

  await chat.step("a picture is pasted", async () => {
    // As a screenshot is copied.
    await page.evaluate(async () => {
      const canvas = new OffscreenCanvas(30, 20);
      const context = canvas.getContext("2d");
      context.fillStyle = "teal";
      context.fillRect(0, 0, 30, 20);
      const blob = await canvas.convertToBlob({ type: "image/png" });
      await navigator.clipboard.write([new ClipboardItem({ "image/png": blob })]);
    });
    await amir.field.focus();
    await page.keyboard.press("Control+v");
    const { attachment } = await next();
    assert.equal(attachment.type, "image/png");
    const content = await contentOf(room, attachment);
    assert.deepEqual(
      [...content.subarray(1, 4)],
      [..."PNG"].map((letter) => letter.charCodeAt(0)),
    );
    const picture = page.locator(".picture img");
    await picture.waitFor();
    assert.equal(await picture.evaluate((image) => image.decode().then(() => image.naturalWidth)), 30);
    assert.equal(await amir.field.inputValue(), "");
  });
  await chat.step("it is shown large, and the focus comes back", async () => {
    await amir.button(/^Show .* large$/).click();
    await amir.dialog.locator("img").waitFor();
    await amir.checkAccess();
    await page.keyboard.press("Escape");
    await amir.dialog.waitFor({ state: "detached" });
    assert.match(await page.evaluate(() => document.activeElement.ariaLabel), /^Show .* large$/);
  });
  await chat.step("text is pasted as text", async () => {
    await amir.paste("from the clipboard");
    assert.equal(await amir.field.inputValue(), "from the clipboard");
    await page.keyboard.press("Enter");
    assert.equal((await next()).text, "from the clipboard");
  });
  await chat.step("files are dropped, two at a time", async () => {
    const folder = mkdtempSync(join(tmpdir(), "sealgram-drop-"));
    try {
      const files = ["tides.csv", "a name with spaces & <tags>.txt"].map((name) => join(folder, name));
      for (const path of files) writeFileSync(path, `${path}\n`);
      await drop(page, ".log", files);
      const sent = [(await next()).attachment, (await next()).attachment];
      assert.deepEqual(sent.map(({ name }) => name).sort(), ["a name with spaces & <tags>.txt", "tides.csv"]);
      for (const attachment of sent)
        assert.equal(`${await contentOf(room, attachment)}`, `${join(folder, attachment.name)}\n`);
      await page.getByText("a name with spaces & <tags>.txt", { exact: true }).waitFor();
      await page.locator(".conversation[data-dropping=false]").waitFor();
      // Beside it, they are not sent, and not opened either.
      await drop(page, ".rooms", files.slice(0, 1));
      await amir.write("still here");
      assert.equal((await next()).text, "still here");
      assert.equal(page.context().pages().length, 1);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
  await chat.step("twenty files at once all arrive", async () => {
    const names = Array.from({ length: 20 }, (_, i) => `file ${i}`);
    await picker(amir).setInputFiles(names.map((name) => file(name, Buffer.from(name))));
    const sent = [];
    for (const _ of names) sent.push((await next()).attachment.name);
    assert.deepEqual(sent.sort(), [...names].sort());
    await page
      .locator(".state.uploading, .state.sending, .state.failed")
      .first()
      .waitFor({ state: "detached" });
  });
  await chat.step("an empty one, and one with a very long name", async () => {
    await picker(amir).setInputFiles([file("nothing.txt", Buffer.alloc(0))]);
    const { attachment } = await next();
    assert.equal(attachment.bytes, 0);
    const name = `${"ü".repeat(120)}.tar.gz`;
    await picker(amir).setInputFiles([file(name, Buffer.from("long"))]);
    const long = (await next()).attachment.name;
    assert.ok(long.endsWith(".tar.gz") && Buffer.byteLength(long) <= 255, long);
    await page.setViewportSize({ width: 360, height: 640 });
    const { scrollWidth, clientWidth } = await page.evaluate(() => document.documentElement);
    assert.equal(scrollWidth, clientWidth);
  });
}

/** As a desktop does it. */
async function drop(page, place, files) {
  const session = await page.context().newCDPSession(page);
  const { x, y, width, height } = await page.locator(place).boundingBox();
  const at = { x: x + width / 2, y: y + height / 2, data: { items: [], files, dragOperationsMask: 1 } };
  for (const type of ["dragEnter", "dragOver", "dragOver", "drop"])
    await session.send("Input.dispatchDragEvent", { type, ...at });
}

async function giveUp(chat) {
  const owner = await chat.owner();
  const room = await owner.createRoom("quay");
  const amir = await chat.person("amir", { room });
  const { page } = amir;
  const messages = room[Symbol.asyncIterator]();
  const large = randomBytes(AT_ONCE + 7_000_000);

  await chat.step("an upload shows how far it is", async () => {
    await picker(amir).setInputFiles([file("large.bin", large)]);
    const progress = page.getByRole("progressbar", { name: "Sending large.bin" });
    await progress.waitFor();
    await page.waitForFunction(() => document.querySelector("progress")?.value >= 1_000_000);
    assert.equal(await progress.getAttribute("max"), `${large.length}`);
    await amir.checkAccess();
  });
  await chat.step("it can be given up, and the rest goes on", async () => {
    await amir.write("meanwhile");
    assert.equal((await messages.next()).value.text, "meanwhile");
    await amir.button("Cancel: Sending large.bin").click();
    await page.getByText("large.bin").waitFor({ state: "detached" });
    await amir.write("after it");
    // Nothing of the file has come in between.
    assert.equal((await messages.next()).value.text, "after it");
  });
  await chat.step("one that is too large is refused with the reason, and can be discarded", async () => {
    await picker(amir).setInputFiles([file("huge.bin", Buffer.alloc(16_000_001))]);
    const message = amir.message("huge.bin");
    await message.getByRole("alert").getByText("That is larger than the server takes.").waitFor();
    await message.getByRole("button", { name: "Discard" }).click();
    await page.getByText("huge.bin").waitFor({ state: "detached" });
  });
  await chat.step("what is sent without a connection is sent with the next one", async () => {
    await chat.host.kill();
    await page.getByText("Connecting again").waitFor();
    await picker(amir).setInputFiles([file("later.txt", Buffer.from("later"))]);
    await amir.message("later.txt").locator(".state.uploading").waitFor();
    await picker(amir).setInputFiles([file("never.txt", Buffer.from("never"))]);
    await amir.button("Cancel: Sending never.txt").click();
    await chat.host.start();
    await amir.message("later.txt").locator(".state.stored, .state.delivered, .state.read").waitFor();
    assert.equal(await page.getByText("never.txt").count(), 0);
    assert.equal((await messages.next()).value.attachment.name, "later.txt");
  });
  await chat.step("a download shows how far it is, and can be given up", async () => {
    const { attachment } = await sendWith(room, "down.bin", randomBytes(7_000_000));
    const save = amir.button("Save down.bin");
    await save.waitFor();
    chat.host.pause();
    await save.click();
    await page.getByRole("progressbar", { name: "Receiving down.bin" }).waitFor();
    await amir.button("Cancel: Receiving down.bin").click();
    await save.waitFor();
    assert.equal(await page.evaluate(() => document.activeElement.ariaLabel), "Save down.bin");
    chat.host.goOn();
    const [download] = await Promise.all([page.waitForEvent("download"), save.click()]);
    assert.equal(readFileSync(await download.path()).length, attachment.bytes);
  });
}

async function sendWith(room, name, content, type) {
  const attachment = await room.upload(content, { name, bytes: content.length, ...(type && { type }) });
  await room.send("", { attachment });
  return { attachment };
}

async function saveOnly(chat) {
  const owner = await chat.owner();
  const room = await owner.createRoom("quay");
  const amir = await chat.person("amir", { room });
  const { page } = amir;
  const script = "<script>document.title = 'owned'</script>";
  const files = [
    ["page.html", "text/html", script],
    ["drawing.svg", "image/svg+xml", `<svg xmlns="http://www.w3.org/2000/svg"><script>1</script></svg>`],
    ["page.xhtml", "application/xhtml+xml", script],
    // It says to be a picture, and is not one.
    ["photo.png", "image/png", script],
    ["photo.jpg", "image/jpeg", script],
    ["paper.pdf", "application/pdf", "%PDF-1.4"],
    ["worker.js", "text/javascript", "postMessage(1)"],
  ];
  for (const [name, type, text] of files) {
    await chat.step(`${name} as ${type}`, async () => {
      await sendWith(room, name, Buffer.from(text), type);
      const message = amir.message(name);
      await message.waitFor();
      // Not even a link that could be opened in a tab of this origin.
      assert.equal(await message.locator("a, iframe, object, embed, audio, video").count(), 0);
      const made = recordBlobs(page);
      const [download] = await Promise.all([
        page.waitForEvent("download"),
        message.getByRole("button", { name: `Save ${name}` }).click(),
      ]);
      assert.equal(download.suggestedFilename(), name);
      assert.equal(readFileSync(await download.path(), "utf8"), text);
      assert.deepEqual(await made, ["application/octet-stream"]);
    });
  }
  assert.equal(await page.locator(".picture img").count(), 0);
  assert.equal(await page.getByText("This picture cannot be shown").count(), 2);
  assert.equal(page.context().pages().length, 1);
  assert.notEqual(await page.title(), "owned");
}

/** Settles with the types of the blobs that get a URL, once there is one. */
function recordBlobs(page) {
  return page.evaluate(
    () =>
      new Promise((resolve) => {
        const create = URL.createObjectURL;
        URL.createObjectURL = (blob) => {
          URL.createObjectURL = create;
          resolve([blob.type]);
          return create.call(URL, blob);
        };
      }),
  );
}
