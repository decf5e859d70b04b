import { entryPoint, gatewayEntryPoint } from "./entry-point.ts";
import { openServers } from "./servers.ts";

// The servers in the runtime that the command line names: says where on standard output, and stops when standard input ends.

const runtime = process.argv[2]!;
const { close, ...servers } = await openServers(await entryPoint(runtime), await gatewayEntryPoint(runtime));
console.log(JSON.stringify(servers));
process.stdin.resume().once("end", async () => {
  await close();
  process.exit();
});
