import { openOutside } from "./outside.node.ts";

// Opens servers and gateways with the programs that the command line names in JSON, says where on standard output, and
// goes on until it is killed.

const { close: _, ...outside } = await openOutside(JSON.parse(process.argv[2]!));
console.log(JSON.stringify(outside));
