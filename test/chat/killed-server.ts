/** A server in a process of its own, to be killed: prints where it is, and the owner's invitation. */
import { openChat } from "../../src/apps/chat/server/index.ts";

const [folder, url] = process.argv.slice(2);
const server = await openChat({
  folder: folder!,
  url: url!,
  limits: { messages: { perSecond: 10_000, burst: 10_000 } },
});
const invitation = server.ownerInvitation;
process.stdout.write(`${JSON.stringify({ url: server.url, link: server.link({ invitation }) })}\n`);
