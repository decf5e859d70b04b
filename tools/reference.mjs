// The API reference: what `deno doc --json` knows of the entry points that package.json names, as Markdown.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { output, root, run, ToolError } from "./process.mjs";
import { memberText, signature, type, typeParameters } from "./reference-types.mjs";
import { findRuntime } from "./runtimes.mjs";

/**
 * One page for each entry point with types.
 * @returns `pages`, text by path in the repository; and `missing`, what is public and has no docstring
 */
export async function renderReference() {
  const entries = readEntries();
  const modules = await documentationOf(entries.map(({ source }) => source));
  for (const entry of entries) {
    entry.text = moduleText(entry.source);
    const symbols = modules[entry.source].symbols.sort((a, b) => a.name.localeCompare(b.name, "en"));
    const isElsewhere = ({ declarations }) => declarations.every(({ kind }) => kind === "reference");
    entry.elsewhere = symbols.filter(isElsewhere).map(({ name }) => name);
    entry.symbols = symbols
      .filter((symbol) => !isElsewhere(symbol))
      .map(toSymbol)
      .filter(({ declarations }) => declarations.length > 0);
    entry.anchors = anchorsOf(entry.symbols);
  }
  const missing = new Set(entries.flatMap(({ symbols }) => symbols.flatMap(undocumented)));
  const pages = new Map(entries.map((entry) => [entry.page, page(entry, entries)]));
  pages.set("docs/reference/README.md", index(entries));
  return { pages, missing: [...missing] };
}

/** The entry points, by the sources that their declarations are made of. */
function readEntries() {
  const { name, exports } = JSON.parse(readFileSync(`${root}package.json`, "utf8"));
  return Object.entries(exports)
    .filter(([, { types }]) => types !== undefined)
    .map(([path, { types }]) => ({
      name: name + path.slice(1),
      page: `docs/reference/${path === "." ? name : path.slice(2).replaceAll("/", "-")}.md`,
      source: types.replace("./dist/", "src/").replace(/\.d\.ts$/, ".ts"),
    }));
}

async function documentationOf(sources) {
  const { command } = await findRuntime("deno");
  const env = { NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1" };
  const result = await run(command, ["doc", "--json", ...sources], { env, limitMs: 120_000 });
  if (result.code !== 0) throw new ToolError(output(result));
  const { nodes } = JSON.parse(result.stdout);
  return Object.fromEntries(Object.entries(nodes).map(([url, module]) => [pathOf(url), module]));
}

const pathOf = (url) => fileURLToPath(url).slice(root.length).replaceAll("\\", "/");
const linesOf = (path) => readFileSync(root + path, "utf8").split("\n");

/** What the comment at a file's head says. */
function moduleText(source) {
  const [, comment] = /^(?:#!.*\n)?\/\*\*(.*?)\*\//s.exec(readFileSync(root + source, "utf8")) ?? [];
  if (comment === undefined)
    throw new ToolError(`${source} does not begin with a comment that says what it is`);
  return comment.replace(/^ *\* ?/gm, "").trim();
}

const isPublic = ({ jsDoc, accessibility, name }) =>
  accessibility !== "private" &&
  !/^(#|\[util)/.test(name ?? "") &&
  !(jsDoc?.tags ?? []).some(({ kind }) => kind === "internal");

function toSymbol({ name, declarations }) {
  return {
    name,
    declarations: declarations
      .filter((each) => each.declarationKind === "export" && isPublic(each))
      .map((each) => ({ ...each, members: membersOf(each) })),
  };
}

/** A class's or an interface's: the two halves of an accessor are one, and properties below one that has a docstring share it. */
function membersOf({ def }) {
  const { constructors = [], properties = [], methods = [], indexSignatures = [] } = def;
  const members = [];
  const all = [...constructors, ...properties, ...indexSignatures, ...methods].filter(isPublic);
  for (const member of all.sort((a, b) => a.location.line - b.location.line)) {
    const last = members.at(-1);
    if (member.kind === "setter" && last?.members[0].name === member.name) last.members[0].isWritable = true;
    else if (sharesDocs(last, member)) last.members.push(member);
    else members.push({ jsDoc: member.jsDoc, members: [member] });
  }
  return members;
}

const isProperty = ({ functionDef, params }) => functionDef === undefined && params === undefined;

function sharesDocs(group, member) {
  const before = group?.members.at(-1);
  if (before === undefined || member.jsDoc?.doc !== undefined || group.jsDoc?.doc === undefined) return false;
  return isProperty(before) && isProperty(member) && before.location.line + 1 === member.location.line;
}

/** Public items that say nothing of themselves. What overrides something of a base class needs no words. */
function undocumented({ name, declarations }) {
  const place = ({ filename, line }) => `${pathOf(filename)}:${line + 1}`;
  const hasText = (jsDoc) => jsDoc?.doc !== undefined || (jsDoc?.tags ?? []).length > 0;
  return [
    ...(declarations.some(({ jsDoc }) => hasText(jsDoc)) || declarations.length === 0
      ? []
      : [`${place(declarations[0].location)} ${name}`]),
    ...declarations.flatMap(({ members }) =>
      members
        .filter(
          ({ jsDoc, members: [first] }) =>
            !hasText(jsDoc) && !first.isOverride && first.name !== "constructor",
        )
        .map(({ members: [first] }) => `${place(first.location)} ${name}.${first.name}`),
    ),
  ];
}

/** As GitHub makes them of headings. */
function anchorsOf(symbols) {
  const counts = new Map();
  return new Map(
    symbols.map(({ name }) => {
      const slug = name.toLowerCase();
      const count = counts.get(slug) ?? 0;
      counts.set(slug, count + 1);
      return [name, count === 0 ? slug : `${slug}-${count}`];
    }),
  );
}

function index(entries) {
  const rows = entries.map(
    ({ name, page: path, text }) =>
      `- [\`${name}\`](${path.slice("docs/reference/".length)}): ${oneLine(text)}`,
  );
  return `${GENERATED}# API reference\n\nWhat each entry point exports, from the docstrings.\n\n${rows.join("\n")}\n`;
}

const GENERATED = "<!-- Generated by `npm run docs` from the sources: change those. -->\n\n";
const oneLine = (text) => text.replace(/\s*\n\s*/g, " ");

function page(entry, entries) {
  const context = { entry, entries };
  const list = entry.symbols.map(({ name }) => `[${name}](#${entry.anchors.get(name)})`).join(" · ");
  const sections = entry.symbols.map((symbol) => section(symbol, context));
  const others = entry.elsewhere.map((name) => linkTo(name, context)).join(", ");
  const text = [
    linked(entry.text, context),
    list,
    ...(others === "" ? [] : [`Also exported here: ${others}.`]),
  ];
  return `${GENERATED}# ${entry.name}\n\n${text.join("\n\n")}\n\n${sections.join("\n")}`;
}

function section({ name, declarations }, context) {
  const parts = declarations.map((declaration) => {
    const { jsDoc, members } = declaration;
    const mentioned = new Set();
    const code = `\`\`\`ts\n${head(name, declaration, mentioned)}\n\`\`\`\n`;
    const links = linksTo(mentioned, name, context);
    const text = [code, documented(jsDoc, context), links === "" ? "" : `See ${links}.\n`].filter(
      (part) => part !== "",
    );
    if (members.length > 0) text.push(`${members.map((member) => row(member, name, context)).join("\n")}\n`);
    return text.join("\n");
  });
  return `## ${name}\n\n${parts.join("\n")}`;
}

/** The declaration without its members; of types and constants all of it, as the source has it. */
function head(name, { kind, def, location }, mentioned) {
  if (kind === "function") return `function ${name}${signature(def, mentioned)}`;
  if (kind === "typeAlias" || kind === "variable") return sourceOf(location);
  const written = (types = []) => types.map((each) => type(each, mentioned));
  const bases = kind === "class" ? [def.extends ?? []].flat() : written(def.extends);
  const promised = written(def.implements);
  return [
    `${kind} ${name}${typeParameters(def.typeParams)}`,
    ...(bases.length === 0 ? [] : [`extends ${bases.join(", ")}`]),
    ...(promised.length === 0 ? [] : [`implements ${promised.join(", ")}`]),
  ].join(" ");
}

/** A statement from its line on, which deno counts from 0, to the semicolon that ends it. */
function sourceOf({ filename, line }) {
  const lines = linesOf(pathOf(filename)).slice(line);
  let depth = 0;
  const end = lines.findIndex((each) => {
    const code = each.replace(/\/\*.*?\*\/|\/\/.*|^\s*\/?\*.*|"[^"]*"|=>/g, "");
    depth += (code.match(/[([{<]/g) ?? []).length - (code.match(/[)\]}>]/g) ?? []).length;
    return depth <= 0 && each.endsWith(";");
  });
  return lines
    .slice(0, end + 1)
    .join("\n")
    .replace(/^export (declare )?/, "");
}

function row({ jsDoc, members }, owner, context) {
  const mentioned = new Set();
  const code = members.map((member) => `\`${memberText(member, owner, mentioned)}\``).join(", ");
  const links = linksTo(mentioned, owner, context);
  const [first = "", ...rest] = documented(jsDoc, context).trimEnd().split("\n");
  const text = [
    `- ${code}${links === "" ? "" : ` (${links})`}${first === "" ? "" : `<br>\n  ${first}`}`,
    ...rest.map((line) => `  ${line}`.trimEnd()),
  ];
  return text.join("\n");
}

/** A docstring: its text, then what its tags say. */
function documented(jsDoc, context) {
  if (jsDoc === undefined) return "";
  const tags = (jsDoc.tags ?? []).filter(({ doc, value }) => doc !== undefined || value !== undefined);
  const rows = tags.map(({ kind, name, doc, value }) => {
    const word =
      kind === "param" ? `\`${name}\`:` : kind === "throws" ? "throws" : kind === "return" ? "returns" : "";
    return `- ${word} ${oneLine(linked(doc ?? value, context))}`.replace("-  ", "- ");
  });
  const text = jsDoc.doc === undefined ? "" : `${linked(jsDoc.doc, context)}\n`;
  return [text, rows.length === 0 ? "" : `${rows.join("\n")}\n`].filter((part) => part !== "").join("\n");
}

function linked(text, context) {
  return text.replace(/\{@link ([\w.]+)\}/g, (_, name) => linkTo(name, context) ?? `\`${name}\``);
}

/** A link to what is exported, here or else in another entry point. */
function linkTo(name, { entry, entries }) {
  const [symbol] = name.split(".");
  const owner = [entry, ...entries].find(({ anchors }) => anchors.has(symbol));
  if (owner === undefined) return undefined;
  const file = owner === entry ? "" : owner.page.slice("docs/reference/".length);
  return `[\`${name}\`](${file}#${owner.anchors.get(symbol)})`;
}

function linksTo(names, own, context) {
  const links = [...names].filter((name) => name !== own).map((name) => linkTo(name, context));
  return links.filter((link) => link !== undefined).join(", ");
}
