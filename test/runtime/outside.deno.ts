import { openGateway } from "../../deno/gateway.ts";

// The WebTransport gateway, in Deno: says where it is on standard output, and stops when standard input ends.

const { url, hashes, targets, folder } = JSON.parse(process.argv[3]!);
const gateway = await openGateway(hashes, {
  targets,
  webTransport: url,
  certificateFolder: folder,
  limits: { clientsPerAddress: 1000 },
});
console.log(JSON.stringify({ url: gateway.webTransportUrl, hashes: gateway.url }));
process.stdin.resume().once("end", async () => {
  await gateway.close();
  process.exit();
});
