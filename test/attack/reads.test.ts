/** Members who ask for what is dear to look up, all the time, and somebody else who just wants to say something. */
import { expect, onTestFinished, test } from "vitest";
import { type Client, chatBy } from "../../src/apps/chat/client/entry.ts";
import { connect } from "../../src/endpoint/node-index.ts";
import { ServerProcess } from "../chat/server-process.ts";
import { temporaryFolder } from "../chat/support.ts";

const ATTACKERS = 10;
/** That each has under way. */
const ASKED = 4;
const EDITS = 205;
const SENDS = 40;

const ChatClient = chatBy(connect);
const median = (values: readonly number[]) => [...values].sort((a, b) => a - b)[values.length >> 1]!;

test(`${ATTACKERS} members who page through edits of a long message do not come before one who sends`, async () => {
  const server = await ServerProcess.start(temporaryFolder());
  const clients: Client[] = [];
  onTestFinished(() => Promise.all(clients.map((client) => client.close())).then(() => {}));
  const login = async (name: string, link: string) => {
    const client = await ChatClient.connect(link, { auth: await ChatClient.join(link, { name }) });
    clients.push(client);
    return client;
  };
  const olga = await login("olga", server.link);
  const room = await olga.createRoom("garden");
  const { position } = await room.send("x");
  for (let i = 0; i < EDITS; i++) await room.edit(position, i === EDITS - 1 ? "x".repeat(65_536) : `${i}`);
  const quiet = await olga.createRoom("quiet");

  const send = async () => {
    const [startMs, before] = [performance.now(), answers];
    await quiet.send("hello");
    return { ms: performance.now() - startMs, answers: answers - before };
  };
  let answers = 0;
  const alone = [];
  for (let i = 0; i < SENDS; i++) alone.push(await send());

  let isOver = false;
  const asking = [];
  for (let i = 0; i < ATTACKERS; i++) {
    const mallorys = await (await login(`mallory${i}`, await olga.invite())).join(room.id);
    for (let j = 0; j < ASKED; j++) {
      asking.push(
        (async () => {
          while (!isOver) {
            await mallorys.history({ before: position + EDITS, limit: 200 });
            answers++;
          }
        })(),
      );
    }
  }
  await expect.poll(() => answers).toBeGreaterThan(ATTACKERS);
  const among = [];
  for (let i = 0; i < SENDS; i++) among.push(await send());
  isOver = true;
  await Promise.all(asking);
  const [ms, between] = [median(among.map((each) => each.ms)), median(among.map((each) => each.answers))];
  process.stdout.write(
    `a message takes ${median(alone.map((each) => each.ms)).toFixed(1)} ms, among ${ATTACKERS} who ask ${ms.toFixed(1)} ms and ${between} of their answers\n`,
  );
  // A few are under way whatever the order: forty wait.
  expect(between).toBeLessThanOrEqual(ATTACKERS);
}, 300_000);
