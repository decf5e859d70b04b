// Logging in by the page: what is kept on the device, what is refused, and what a user may change about it.
import { Chat } from "./chat.mjs";
import { PASSWORD } from "./person.mjs";

export const tests = {
  "a key stays, a password does not, and a wrong one is refused": (programs) =>
    Chat.use(programs, {}, comeBack),
  "another password, a key on this device, and what was open elsewhere ends": (programs) =>
    Chat.use(programs, {}, changeLogin),
};

async function logIn(person, name, password) {
  await person.page.getByLabel("Name").fill(name);
  await person.page.getByLabel("Password").fill(password);
  await person.button("Log in").click();
}

async function comeBack(chat) {
  const owner = await chat.owner();
  const room = await owner.createRoom("quay");
  const amir = await chat.person("amir", { room });
  await amir.page.reload();
  await amir.isIn("quay");

  const link = await chat.pageLink(await owner.invite({ room }));
  const bea = await chat.stranger();
  await bea.join(link, "bea", { password: true });
  await bea.page.reload();
  await bea.page.getByRole("heading", { name: "Log in" }).waitFor();
  await bea.checkAccess();
  await logIn(bea, "bea", "wrong horse");
  await bea.page.getByRole("alert").getByText("The name or the password is wrong.").waitFor();
  await bea.page.getByLabel("Password").fill(PASSWORD);
  await bea.button("Log in").click();
  await bea.isIn("quay");

  const eve = await chat.stranger();
  await eve.page.goto(link);
  await eve.page.getByLabel("Your name").fill("eve");
  await eve.page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await eve.button("Join").click();
  await eve.page.getByRole("alert").getByText("This invitation was used").waitFor();
}

async function changeLogin(chat) {
  const owner = await chat.owner();
  const room = await owner.createRoom("quay");
  const bea = await chat.person("bea", { room, password: true });
  const elsewhere = await chat.stranger();
  await elsewhere.page.goto(chat.host.origin);
  await logIn(elsewhere, "bea", PASSWORD);
  await elsewhere.page.getByRole("navigation").waitFor();

  await bea.button("bea").first().click();
  await bea.button("Password and keys").click();
  const { dialog } = bea;
  await dialog.getByText("used here").waitFor();
  await dialog.getByLabel("Another password").fill("battery staple");
  await dialog.getByRole("button", { name: "Change the password" }).click();
  await dialog.getByText("Your password is set.").waitFor();
  await elsewhere.page.getByRole("alertdialog").getByText("This login has ended").waitFor();

  await elsewhere.page.goto(chat.host.origin);
  await logIn(elsewhere, "bea", "battery staple");
  await elsewhere.page.getByRole("navigation").waitFor();
  await dialog.getByRole("button", { name: "Log in by a key on this device" }).click();
  await dialog.getByText("Key on one device").waitFor();
  await bea.checkAccess();
  await dialog.getByRole("button", { name: "Take away" }).click();
  await dialog.getByRole("button", { name: "Really take it away" }).click();
  await elsewhere.page.getByRole("alertdialog").waitFor();
  await dialog.getByText("Password", { exact: true }).waitFor({ state: "detached" });
  await bea.page.reload();
  await bea.isIn("quay");
}
