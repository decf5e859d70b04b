import { expect, test } from "vitest";
import type { ChatAuth, chatBy } from "../../src/apps/chat/client/entry.ts";
import { Party, take } from "./support.ts";

/** An application's import is `import { ChatClient } from "sealgram/chat"`, and this is its bot. */
async function bot(ChatClient: ReturnType<typeof chatBy>, link: string, auth: ChatAuth): Promise<void> {
  const chat = await ChatClient.connect(link, { auth });
  const general = await chat.join("general");
  await general.send("I can !add numbers");
  for await (const { room, message } of chat.messages()) {
    if (message.author === chat.user.name) continue;
    const [command, ...rest] = message.text.split(" ");
    if (command === "!add") await room.send(`${rest.map(Number).reduce((a, b) => a + b, 0)}`);
    if (command === "!stop") break;
  }
  await chat.close();
}

test("a bot of twenty lines adds numbers", async () => {
  const party = await Party.open();
  const olga = await party.owner();
  const room = await olga.createRoom("general");
  const messages = room[Symbol.asyncIterator]();
  const running = bot(party.chat, party.server.link(), await party.register({ name: "bot" }));
  await take(1, messages);
  await room.send("!add 1 2 39");
  expect((await take(2, messages)).map(({ text }) => text)).toEqual(["!add 1 2 39", "42"]);
  await room.send("!stop");
  await running;
});
