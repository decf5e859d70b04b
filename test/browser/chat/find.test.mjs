// From a few letters to a conversation, also before the server has said what rooms there are.
import assert from "node:assert/strict";
import { Chat } from "./chat.mjs";

export const tests = {
  "rooms are found that are not known yet": (programs) => Chat.use(programs, {}, findRooms),
};

async function findRooms(chat) {
  const owner = await chat.owner();
  const quay = await owner.createRoom("quay");
  const amir = await chat.person("amir", { room: quay });
  const open = async (text) => {
    await amir.page.keyboard.press("Control+k");
    await amir.page.keyboard.type(text);
  };
  const options = () => amir.dialog.getByRole("option").allInnerTexts();
  const has = (text) => amir.dialog.getByRole("option").filter({ hasText: text }).waitFor();

  await chat.step("Enter waits for the rooms, and a room is not taken for a person", async () => {
    await owner.createRoom("lighthouse");
    chat.host.pause();
    await open("lighthouse");
    await amir.dialog.getByText("Looking for rooms").waitFor();
    assert.deepEqual(await options(), ["New room"]);
    await amir.page.keyboard.press("Enter");
    chat.host.goOn();
    await amir.isIn("lighthouse");
  });
  await chat.step("own rooms are there at once", async () => {
    chat.host.pause();
    await open("qu");
    await amir.page.keyboard.press("Enter");
    await amir.isIn("quay");
    chat.host.goOn();
  });
  await chat.step("what is typed after Enter is another wish", async () => {
    chat.host.pause();
    await open("bea");
    await amir.page.keyboard.press("Enter");
    await amir.page.keyboard.type("con");
    chat.host.goOn();
    await amir.dialog.getByRole("option", { name: "beacon" }).waitFor();
    await has("Write to this person");
    await amir.page.keyboard.press("Escape");
  });
  await chat.step("without a connection it says so, and looks again when there is one", async () => {
    await owner.createRoom("harbour");
    await chat.host.kill();
    await amir.page.getByText("Connecting again").waitFor();
    await open("harbour");
    await amir.dialog.getByText("Without a connection").waitFor();
    assert.deepEqual(await options(), ["New room"]);
    await chat.host.start();
    await amir.dialog.getByRole("option", { name: "harbour" }).filter({ hasText: "Join" }).click();
    await amir.isIn("harbour");
  });
  await chat.step("people are found by how their names begin, whatever their case", async () => {
    await chat.client("Olivia");
    await open("ol");
    await amir.dialog.getByRole("option", { name: "olga" }).waitFor();
    await amir.dialog.getByRole("option", { name: "Olivia" }).waitFor();
    await amir.page.keyboard.type("I");
    await amir.dialog.getByRole("option", { name: "olga" }).waitFor({ state: "detached" });
    await amir.page.keyboard.press("Enter");
    await amir.isIn("Olivia");
    // At once, before anything was found.
    await open("OLG");
    await amir.page.keyboard.press("Enter");
    await amir.isIn("olga");
  });
  await chat.step("nobody is of a name that nobody has", async () => {
    await open("nobody");
    await amir.page.keyboard.press("Enter");
    await amir.page.getByRole("alert").getByText("There is nobody of that name.").waitFor();
  });
  await chat.step("a room can be made from here, and the dialog for it stays", async () => {
    await amir.page.keyboard.press("Escape");
    await open("");
    await amir.dialog.getByRole("option", { name: "New room" }).click();
    await amir.dialog.getByLabel("Name").fill("buoys");
    await amir.dialog.getByRole("button", { name: "Make the room" }).click();
    await amir.isIn("buoys");
  });
}
