#!/usr/bin/env node
// `npm run attack`: the long attacks on the running programs. Those that take seconds are unit tests.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { root, run, runMain, ToolError } from "./process.mjs";
import { setup } from "./setup.mjs";

const FOLDER = "test/attack";
const SUFFIX = ".long.test.ts";
const LIMIT_MS = 4 * 3_600_000;

const names = readdirSync(join(root, FOLDER))
  .filter((file) => file.endsWith(SUFFIX))
  .map((file) => file.slice(0, -SUFFIX.length));

const HELP = `Usage: npm run attack -- [options] [NAME …]

Attacks the running servers, gateways and clients for minutes, and checks what they lose, hold and answer meanwhile.
The short attacks are part of npm test. Without a name, all run: ${names.join(", ")}.
The exit code is 1 if any failed.

Options:
  --help
`;

await runMain(async () => {
  const { values, positionals } = parseArgs({
    options: { help: { type: "boolean" } },
    allowPositionals: true,
  });
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const unknown = positionals.find((name) => !names.includes(name));
  if (unknown !== undefined)
    throw new ToolError(`there is no attack "${unknown}": there are ${names.join(", ")}`);
  await setup();
  const vitest = join(root, "node_modules/vitest/vitest.mjs");
  const files = (positionals.length > 0 ? positionals : names).map((name) => `${FOLDER}/${name}${SUFFIX}`);
  const { code } = await run(process.execPath, [vitest, "run", "--project", "attack", ...files], {
    inherit: true,
    limitMs: LIMIT_MS,
  });
  return code ?? 1;
});
