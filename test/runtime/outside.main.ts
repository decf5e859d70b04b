import { openOutside } from "./outside.node.ts";

// Opens servers and gateways, says where on standard output, and goes on until it is killed.

const { close: _, ...outside } = await openOutside(process.argv.slice(2));
console.log(JSON.stringify(outside));
