// dist/THIRD-PARTY.txt: the licences of what the package carries along.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { root, ToolError } from "./process.mjs";

const LICENCE_FILE = /^(licen[cs]e|copying)/i;

/** By MIT, as they say themselves, but without its text. */
const WITHOUT_TEXT = { "yoga-layout": "Copyright (c) Meta Platforms, Inc. and affiliates." };

/**
 * @param metafiles what esbuild says of its bundles
 * @returns a text with the licence of each package that a part of is in one of them
 */
export function notices(metafiles) {
  const folders = new Set(metafiles.flatMap(packagesOf));
  const packages = [...folders].map(licenceOf).sort((a, b) => (a.title < b.title ? -1 : 1));
  const texts = new Map(packages.map(({ title, text }) => [title, text]));
  const line = "-".repeat(80);
  return [
    "Parts of these packages are in this one. Their licences:",
    ...[...texts].map(([title, text]) => `${line}\n${title}\n\n${text}`),
    "",
  ].join("\n\n");
}

/** Folders of packages, from the root. */
function packagesOf({ outputs }) {
  return Object.values(outputs)
    .flatMap(({ inputs }) => Object.entries(inputs))
    .filter(([, { bytesInOutput }]) => bytesInOutput > 0)
    .flatMap(([path]) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path) ?? []);
}

function licenceOf(folder) {
  const path = join(root, folder);
  const { name, version } = JSON.parse(readFileSync(join(path, "package.json"), "utf8"));
  const files = readdirSync(path).filter((each) => LICENCE_FILE.test(each));
  const texts = files.map((file) => readFileSync(join(path, file), "utf8").trim());
  if (Object.hasOwn(WITHOUT_TEXT, name)) texts.push(`${WITHOUT_TEXT[name]}\n\n${mitTerms()}`);
  if (texts.length === 0) throw new ToolError(`${folder} has no licence to carry along`);
  return { title: `${name} ${version}`, text: texts.join("\n\n") };
}

/** What all MIT licences have in common, this project's as well. */
function mitTerms() {
  const own = readFileSync(join(root, "LICENSE"), "utf8");
  return own.slice(own.indexOf("Permission is hereby granted")).trim();
}
