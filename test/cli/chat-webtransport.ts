/** A member in Deno who comes by WebTransport alone, as a page does: says hello in a room, and prints what is in it. */
import process from "node:process";
import { chatBy, formatLink, parseLink, parsePsk } from "../../src/apps/chat/client/entry.ts";
import { connect, gatewayHashes, SealgramError } from "../../src/endpoint/deno-index.ts";

const [link, page, psk, room] = process.argv.slice(2) as [string, string, string, string];
const { via, ...parsed } = parseLink(link);
const pages = chatBy(async (url, options) => {
  if (new URL(url).protocol === "udp:") throw new SealgramError("no_udp", "as in a page");
  return connect(url, options);
});
const client = await pages.connect(
  formatLink({ ...parsed, via: via.filter((url) => url.startsWith("https:")) }),
  { auth: { psk: parsePsk(psk) }, serverCertificateHashes: () => gatewayHashes(page) },
);
const entered = client.rooms.get(Number(room))!;
await entered.send("hello by WebTransport");
const { entries } = await entered.history();
process.stdout.write(`${entries.map((entry) => (entry.kind === "message" ? entry.text : "")).join("|")}\n`);
await client.close();
