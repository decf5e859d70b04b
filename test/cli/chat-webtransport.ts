/** A member in Deno who comes by WebTransport alone: says hello in a room, and prints what is in it. */
import process from "node:process";
import { ChatClient, formatLink, parseLink, parsePsk } from "../../src/apps/chat/client/deno-index.ts";
import { gatewayHashes } from "../../src/endpoint/gateway-hashes.ts";

const [link, page, psk, room] = process.argv.slice(2) as [string, string, string, string];
const { via, ...parsed } = parseLink(link);
const client = await ChatClient.connect(
  // Nobody listens there by UDP.
  formatLink({ ...parsed, port: 9, via: via.filter((url) => url.startsWith("https:")) }),
  { auth: { psk: parsePsk(psk) }, serverCertificateHashes: () => gatewayHashes(page) },
);
const entered = client.rooms.get(Number(room))!;
await entered.send("hello by WebTransport");
const { entries } = await entered.history();
process.stdout.write(`${entries.map((entry) => (entry.kind === "message" ? entry.text : "")).join("|")}\n`);
await client.close();
