/** A server in a process of its own, to be killed: prints where it is, and the owner's invitation. */
import type * as entry from "../../src/apps/chat/server/node-index.ts";

function load(): Promise<Pick<typeof entry, "openChat">> {
  if ("Deno" in globalThis) return import("../../src/apps/chat/server/deno-index.ts");
  if ("Bun" in globalThis) return import("../../src/apps/chat/server/bun-index.ts");
  return import("../../src/apps/chat/server/node-index.ts");
}

const { openChat } = await load();
const [folder, url] = process.argv.slice(2);
const server = await openChat({
  folder: folder!,
  url: url!,
  firstRoom: false,
  limits: { messages: { perSecond: 10_000, burst: 10_000 } },
});
const invitation = server.ownerInvitation;
process.stdout.write(`${JSON.stringify({ url: server.url, link: server.link({ invitation }) })}\n`);
