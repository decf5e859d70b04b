#!/usr/bin/env node
// `npm run docs`: the documentation that follows from the sources.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { renderCli } from "./cli-reference.mjs";
import { root, runMain, say, ToolError } from "./process.mjs";
import { renderReference } from "./reference.mjs";
import { setup } from "./setup.mjs";

const HELP = `Usage: npm run docs [-- --help]

Writes docs/reference/ from the docstrings of what the package exports, and docs/cli.md from the help of the sealgram
command. Public items without a docstring are listed, and fail it.
`;

const REFERENCE = "docs/reference";

/** Pages by path, as the sources have them. */
async function render() {
  const [{ pages, missing }, cli] = await Promise.all([renderReference(), renderCli()]);
  if (missing.length > 0) throw new ToolError(`without a docstring:\n${missing.join("\n")}`);
  return pages.set("docs/cli.md", cli);
}

/** Pages that are there and that nothing makes any more. */
function leftOver(pages) {
  if (!existsSync(join(root, REFERENCE))) return [];
  const files = readdirSync(join(root, REFERENCE)).map((name) => `${REFERENCE}/${name}`);
  return files.filter((path) => !pages.has(path));
}

/** Pages that are not what the sources make of them. Fails where docstrings are missing. */
export async function staleDocs() {
  const pages = await render();
  const stale = [...pages].filter(([path, text]) => {
    const file = join(root, path);
    return !existsSync(file) || readFileSync(file, "utf8") !== text;
  });
  return [...stale.map(([path]) => path), ...leftOver(pages)];
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await runMain(async () => {
    const { values } = parseArgs({ options: { help: { type: "boolean" } } });
    if (values.help) {
      process.stdout.write(HELP);
      return 0;
    }
    await setup({ core: false });
    const pages = await render();
    for (const path of leftOver(pages)) rmSync(join(root, path));
    for (const [path, text] of pages) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), text);
    }
    say(`wrote ${pages.size} pages: ${[...pages.keys()].join(", ")}`);
    return 0;
  });
}
