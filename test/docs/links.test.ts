import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

// What the documentation points to is there.

const root = fileURLToPath(new URL("../../", import.meta.url));
const pagesOf = (folder: string) =>
  readdirSync(join(root, folder))
    .filter((name) => name.endsWith(".md"))
    .map((name) => join(folder, name));
const pages = ["README.md", "CONTRIBUTING.md", ...pagesOf("docs"), ...pagesOf("docs/reference")];

/** Anchors as GitHub makes them of headings. */
function anchorsOf(path: string): Set<string> {
  const text = readFileSync(path, "utf8").replace(/^```[\s\S]*?^```/gm, "");
  const slugs = [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading]) =>
    heading!
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-"),
  );
  const seen = new Map<string, number>();
  return new Set(
    slugs.map((slug) => {
      const count = seen.get(slug) ?? 0;
      seen.set(slug, count + 1);
      return count === 0 ? slug : `${slug}-${count}`;
    }),
  );
}

test.each(pages)("%s", (page) => {
  const text = readFileSync(join(root, page), "utf8").replace(/^```[\s\S]*?^```/gm, "");
  const broken: string[] = [];
  const links = [...text.matchAll(/\]\(([^)\s]+)\)|<img[^>]* src="([^"]+)"|srcset="([^"]+)"/g)];
  for (const [, link, image, source] of links) {
    const target = link ?? image ?? source!;
    if (/^[a-z]+:/.test(target)) continue;
    const [file, anchor] = target.split("#") as [string, string?];
    const path = file === "" ? join(root, page) : join(root, dirname(page), file);
    if (!existsSync(path)) broken.push(target);
    else if (anchor !== undefined && statSync(path).isFile() && path.endsWith(".md")) {
      if (!anchorsOf(path).has(anchor)) broken.push(target);
    }
  }
  expect(broken, relative(root, page)).toEqual([]);
});
