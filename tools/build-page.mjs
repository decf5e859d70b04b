// The chat's page: src/apps/chat/page/ -> a folder of files to be served, with hashed names but for index.html.
import { readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { root, ToolError } from "./process.mjs";

const SOURCE = join(root, "src/apps/chat/page");

/** What the page may weigh, gzipped, to begin with: its style and its script with all that it imports statically. */
export const PAGE_LIMIT_BYTES = 112_000;

/** What esbuild makes of it. @param options more of esbuild's */
export async function bundlePage(options) {
  const { build } = await import("esbuild");
  return build({
    bundle: true,
    format: "esm",
    target: ["es2022", "chrome123", "firefox120", "safari17.5"],
    logLevel: "silent",
    absWorkingDir: root,
    entryPoints: [join(SOURCE, "main.tsx"), join(SOURCE, "page.css")],
    entryNames: "[name]-[hash]",
    chunkNames: "[name]-[hash]",
    platform: "browser",
    jsx: "automatic",
    jsxImportSource: "preact",
    minify: true,
    splitting: true,
    metafile: true,
    ...options,
  }).catch((error) => {
    throw new ToolError(`esbuild cannot bundle the chat's page: ${error.message}`);
  });
}

/** @param outdir made if it is not there @returns esbuild's account of it */
export async function buildPage(outdir) {
  const { metafile } = await bundlePage({ outdir });
  const nameOf = (source) => {
    const entry = Object.entries(metafile.outputs).find(([, { entryPoint }]) => entryPoint?.endsWith(source));
    return `/${basename(entry[0])}`;
  };
  const html = readFileSync(join(SOURCE, "index.html"), "utf8")
    .replace("%CSS%", nameOf("page.css"))
    .replace("%JS%", nameOf("main.tsx"));
  writeFileSync(join(outdir, "index.html"), html);
  return metafile;
}
