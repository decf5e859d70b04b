// Who may do what in a room and on the server, by the page; and what those see whom it is done to.
import assert from "node:assert/strict";
import { Chat } from "./chat.mjs";

export const tests = {
  "moderators and owners, and whom they take out": (programs) => Chat.use(programs, {}, moderate),
  "who is banned from the server sees it, and comes back when they may": (programs) =>
    Chat.use(programs, {}, banFromServer),
};

async function moderate(chat) {
  const owner = await chat.owner();
  const room = await owner.createRoom("quay", { topic: "Boats" });
  const other = await owner.createRoom("lighthouse");
  const amir = await chat.person("amir", { room });
  const mona = await chat.person("mona", { room });
  const details = async (person) => {
    await person.button("Topic and members").click();
    await person.dialog.getByRole("heading", { name: "Members" }).waitFor();
    await person.dialog.locator(".members[aria-busy=false]").waitFor();
  };
  const close = async (person) => {
    await person.page.keyboard.press("Escape");
    await person.dialog.waitFor({ state: "detached" });
  };
  const about = (person, name) => person.dialog.locator("li", { has: person.page.locator(`text="${name}"`) });
  const open = (person, name) =>
    about(person, name).getByRole("button", { name, exact: false }).first().click();
  const twice = async (place, label, again) => {
    await place.getByRole("button", { name: label }).click();
    await place.getByRole("button", { name: again }).click();
  };

  await chat.step("members may neither change the topic nor take anybody out", async () => {
    await details(mona);
    assert.equal(await mona.dialog.getByRole("button", { name: "Change the topic" }).count(), 0);
    await open(mona, "amir");
    await about(mona, "amir").getByRole("button", { name: "Write to them" }).waitFor();
    assert.equal(await mona.dialog.getByRole("button", { name: /^(Remove|Ban|Make)/ }).count(), 0);
    await mona.checkAccess();
    await close(mona);
    await amir.tell("a rude word");
    await mona.message("a rude word").hover();
    assert.equal(await mona.message("a rude word").getByRole("button", { name: "Delete" }).count(), 0);
  });
  await chat.step("a moderator's page has more at once", async () => {
    await room.setRole("mona", "moderator");
    await mona.message("a rude word").hover();
    await mona.message("a rude word").getByRole("button", { name: "Delete" }).click();
    await mona.dialog.getByRole("button", { name: "Delete" }).click();
    await amir.page.getByText("This message was deleted.").waitFor();
    await details(mona);
    await mona.dialog.getByRole("button", { name: "Change the topic" }).click();
    await mona.dialog.getByLabel("Topic").fill("Boats, and manners");
    await mona.page.keyboard.press("Enter");
    await amir.page.locator(".heading", { hasText: "Boats, and manners" }).waitFor();
    await amir.page.getByText("has changed the topic").waitFor();
  });
  await chat.step("not against those above", async () => {
    await open(mona, "olga");
    await about(mona, "olga").getByRole("button", { name: "Write to them" }).waitFor();
    assert.equal(await mona.dialog.getByRole("button", { name: /^(Remove|Ban|Make)/ }).count(), 0);
  });
  await chat.step("who is taken out while they write sees by whom, and writes nowhere else", async () => {
    await amir.field.fill("I was about to say");
    await open(mona, "amir");
    await twice(about(mona, "amir"), "Remove", "Really remove");
    await about(mona, "amir").waitFor({ state: "detached" });
    await amir.page.getByRole("alert").getByText("mona has taken you out of quay.").waitFor();
    assert.equal(await amir.field.count(), 0);
    assert.equal(await amir.page.getByRole("navigation").getByRole("button", { name: "quay" }).count(), 0);
    await amir.checkAccess();
  });
  const find = async (name) => {
    await amir.page.keyboard.press("Control+k");
    await amir.page.keyboard.type(name);
    await amir.dialog.getByRole("option", { name }).filter({ hasText: "Join" }).click();
  };
  await chat.step("they may come back to a public room, and find what they had written", async () => {
    await find("quay");
    await amir.isIn("quay");
    assert.equal(await amir.field.inputValue(), "I was about to say");
    await mona.dialog.getByText("amir").waitFor();
  });
  await chat.step("a ban holds until it is taken back", async () => {
    await open(mona, "amir");
    await twice(about(mona, "amir"), "Ban from the room", "Really ban from the room");
    await amir.page.getByRole("alert").getByText("mona has taken you out of quay.").waitFor();
    await find("quay");
    await amir.page.getByRole("alert").getByText("You were banned.").waitFor();
    await close(amir);
    await mona.dialog.getByLabel("Let somebody back in who was banned here").fill("amir");
    await mona.page.keyboard.press("Enter");
    await mona.dialog.getByRole("button", { name: "Allow" }).waitFor();
    await mona.dialog.getByLabel("Add somebody who has a login").fill("amir");
    await mona.page.keyboard.press("Enter");
    await mona.dialog.getByText("amir").waitFor();
    await amir.page.getByRole("navigation").getByRole("button", { name: "quay" }).click();
    await amir.isIn("quay");
    await mona.dialog.getByLabel("Add somebody who has a login").fill("nobody");
    await mona.page.keyboard.press("Enter");
    await mona.page.getByRole("alert").getByText("There is nobody of that name.").waitFor();
    await close(mona);
  });
  await chat.step("being taken out of another room is said beside what one does", async () => {
    await other.add("amir");
    await amir.page.getByRole("navigation").getByRole("button", { name: "lighthouse" }).waitFor();
    await other.remove("amir");
    await amir.page.getByRole("status").getByText("olga has taken you out of lighthouse.").waitFor();
    await amir.isIn("quay");
    await amir.button("Close this note").click();
    await amir.page.getByText("olga has taken you out of lighthouse.").waitFor({ state: "detached" });
  });
  await chat.step("owners give and take roles", async () => {
    await room.setRole("mona", "owner");
    await details(mona);
    await open(mona, "amir");
    await about(mona, "amir").getByRole("button", { name: "Make moderator" }).click();
    await about(mona, "amir").getByText("moderator", { exact: true }).waitFor();
    await details(amir);
    await amir.dialog.getByRole("button", { name: "Change the topic" }).waitFor();
    await about(mona, "amir").getByRole("button", { name: "Make member" }).click();
    await amir.dialog.getByRole("button", { name: "Change the topic" }).waitFor({ state: "detached" });
    await close(amir);
    await close(mona);
  });
  await chat.step("who leaves has to say so twice, and is told", async () => {
    await details(amir);
    await twice(amir.dialog, "Leave this room", "Really leave this room");
    await amir.page.getByRole("alert").getByText("You are not in quay any more.").waitFor();
    await mona.page.getByText("has left").waitFor();
  });
}

async function banFromServer(chat) {
  const owner = await chat.owner();
  const room = await owner.createRoom("quay");
  const amir = await chat.person("amir", { room });
  const { page } = amir;
  await amir.field.fill("in the middle of a");

  await chat.step("a ban ends the session, says so, and has the focus", async () => {
    await owner.ban("amir");
    const end = page.getByRole("alertdialog", { name: "The session has ended" });
    await end.getByText("You were banned.").waitFor();
    assert.ok(await end.evaluate((dialog) => dialog.contains(document.activeElement)));
    await amir.checkAccess();
    await end.getByRole("button", { name: "Back to the login" }).click();
  });
  await chat.step("the key stays, and is refused for as long as the ban lasts", async () => {
    await amir.button("Continue as amir").click();
    await page.getByRole("alert").getByText("The server does not take this login").waitFor();
    await page.reload();
    await amir.button("Continue as amir").waitFor();
    await page.getByRole("alert").getByText("The server does not take this login").waitFor();
    await amir.checkAccess();
  });
  await chat.step("then it lets in again", async () => {
    await owner.ban("amir", false);
    await amir.button("Continue as amir").click();
    await amir.isIn("quay");
    await amir.tell("back again");
  });
  await chat.step("who is removed is told", async () => {
    await owner.removeUser("amir");
    await page.getByRole("alertdialog").getByText("You were removed from this server.").waitFor();
    await page.getByRole("alertdialog").getByRole("button", { name: "Back to the login" }).click();
    await amir.button("Forget this login of amir").click();
    await amir.button(/^Really forget it/).click();
    await amir.button("Continue as amir").waitFor({ state: "detached" });
    await page.reload();
    await page.getByRole("heading", { name: "Log in" }).waitFor();
    assert.equal(await amir.button("Continue as amir").count(), 0);
  });
}
