import type { Bytes } from "../core/bytes.ts";
import { DerError, DerReader, Tag } from "./der.ts";

/** GeneralName choices (RFC 5280 §4.2.1.6) by their context tags: explicit ones, and those of constructed types, have 0x20. */
const NameTag = {
  other: 0xa0,
  rfc822: 0x81,
  dns: 0x82,
  x400: 0xa3,
  directory: 0xa4,
  ediParty: 0xa5,
  uri: 0x86,
  ip: 0x87,
  registeredId: 0x88,
} as const;
const nameTags: ReadonlySet<number> = new Set(Object.values(NameTag));

/** The tag and the contents of a GeneralName; what is none could be any name that is to be compared. */
const readGeneralName = (reader: DerReader): { tag: number; contents: Uint8Array } => {
  const tag = reader.peekTag();
  if (!nameTags.has(tag)) throw new DerError("not a GeneralName");
  return { tag, contents: reader.read(tag) };
};

/** The names of a certificate that are compared here, and which other kinds it has. */
export interface SubjectNames {
  /** Lower case. */
  readonly dns: readonly string[];
  /** 4 or 16 bytes. */
  readonly ip: readonly Uint8Array[];
  readonly otherTags: ReadonlySet<number>;
}

/** What a caller expects its peer to be called. */
export type ReferenceName = { readonly dns: string } | { readonly ip: Bytes };

const ascii = (bytes: Uint8Array): string => {
  let text = "";
  for (const byte of bytes) {
    if (byte > 0x7f) throw new DerError("IA5String with a byte above 127");
    text += String.fromCharCode(byte);
  }
  return text.toLowerCase();
};

/** Reads the value of a subjectAltName extension. */
export const parseSubjectAltName = (value: Uint8Array): SubjectNames => {
  const outer = new DerReader(value);
  const names = outer.enter(Tag.sequence);
  outer.end();
  if (names.empty) throw new DerError("subjectAltName without a name");
  const dns: string[] = [];
  const ip: Uint8Array[] = [];
  const otherTags = new Set<number>();
  while (!names.empty) {
    const { tag, contents } = readGeneralName(names);
    if (tag === NameTag.dns) dns.push(ascii(contents));
    else if (tag === NameTag.ip) {
      if (contents.length !== 4 && contents.length !== 16) throw new DerError("iPAddress of a wrong length");
      ip.push(contents);
    } else otherTags.add(tag);
  }
  return { dns, ip, otherTags };
};

const parseIpv4 = (text: string): number[] | null => {
  const parts = text.split(".");
  if (parts.length !== 4 || !parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part))) return null;
  const octets = parts.map(Number);
  return octets.every((octet) => octet < 256) ? octets : null;
};

const parseGroups = (text: string): number[] | null => {
  if (text === "") return [];
  const octets: number[] = [];
  const groups = text.split(":");
  for (const [index, group] of groups.entries()) {
    const last = index === groups.length - 1;
    const embedded = last && group.includes(".") ? parseIpv4(group) : null;
    if (embedded !== null) octets.push(...embedded);
    else if (/^[0-9a-f]{1,4}$/i.test(group)) {
      const value = Number.parseInt(group, 16);
      octets.push(value >> 8, value & 0xff);
    } else return null;
  }
  return octets;
};

/** RFC 4291 §2.2, without zone identifiers. */
const parseIpv6 = (text: string): number[] | null => {
  const halves = text.split("::");
  if (halves.length > 2) return null;
  const head = parseGroups(halves[0]!);
  if (head === null) return null;
  if (halves.length === 1) return head.length === 16 ? head : null;
  const tail = parseGroups(halves[1]!);
  if (tail === null || head.length + tail.length > 14) return null;
  return [...head, ...new Array<number>(16 - head.length - tail.length).fill(0), ...tail];
};

const isDnsName = (name: string): boolean =>
  name.length <= 253 &&
  name.split(".").every((label) => /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/.test(label));

/**
 * A host as people write it: an IPv4 or IPv6 address (in brackets or not), or a DNS name, internationalized
 * labels in their ASCII form (RFC 9525 §6.2). `TypeError` for anything else.
 */
export const parseReferenceName = (host: string): ReferenceName => {
  const bare = host.startsWith("[") && host.endsWith("]") ? host.slice(1, -1) : host;
  const address = bare.includes(":") ? parseIpv6(bare) : parseIpv4(bare);
  if (address !== null) return { ip: Uint8Array.from(address) };
  const dns = host.toLowerCase().replace(/\.$/, "");
  // A last label of digits would be an address that is not quite one.
  if (!isDnsName(dns) || /(^|\.)\d+$/.test(dns)) throw new TypeError("not a host name or IP address");
  return { dns };
};

const sameBytes = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.every((byte, index) => byte === b[index]);

/** RFC 9525 §6.3: a wildcard is the whole left-most label and stands for exactly one label. */
const matchesDns = (presented: string, reference: string): boolean => {
  if (!presented.startsWith("*.")) return isDnsName(presented) && presented === reference;
  const parent = presented.slice(2);
  const dot = reference.indexOf(".");
  // A wildcard right below a top-level domain would match half the world.
  return isDnsName(parent) && parent.includes(".") && dot > 0 && reference.slice(dot + 1) === parent;
};

/** Whether one of the certificate's names is the one expected; the subject's common name never counts (RFC 9525 §2). */
export const matchesName = (names: SubjectNames, reference: ReferenceName): boolean =>
  "ip" in reference
    ? names.ip.some((presented) => sameBytes(presented, reference.ip))
    : names.dns.some((presented) => matchesDns(presented, reference.dns));

interface Subtrees {
  readonly dns: readonly string[];
  /** Address and mask. */
  readonly ip: readonly Uint8Array[];
  readonly otherTags: ReadonlySet<number>;
}

/** RFC 5280 §4.2.1.10. */
export interface NameConstraints {
  readonly permitted: Subtrees;
  readonly excluded: Subtrees;
}

/** A domain, or with a dot before it what is below it alone, as issuers write it; empty for all. */
const readDnsConstraint = (contents: Uint8Array): string => {
  const constraint = ascii(contents);
  if (constraint !== "" && !isDnsName(constraint.replace(/^\./, ""))) {
    throw new DerError("a dNSName constraint that is no domain");
  }
  return constraint;
};

/** "encoded in the style of RFC 4632 (CIDR)": an address, and a mask whose ones come first. */
const readIpConstraint = (contents: Uint8Array): Uint8Array => {
  const { length } = contents;
  if (length !== 8 && length !== 32) throw new DerError("iPAddress constraint of a wrong length");
  const mask = Array.from(contents.subarray(length / 2), (byte) => byte.toString(2).padStart(8, "0")).join(
    "",
  );
  if (!/^1*0*$/.test(mask)) throw new DerError("iPAddress constraint with holes in its mask");
  return contents;
};

const parseSubtrees = (reader: DerReader, tag: number): Subtrees => {
  const dns: string[] = [];
  const ip: Uint8Array[] = [];
  const otherTags = new Set<number>();
  if (reader.peekTag() === tag) {
    const subtrees = reader.enter(tag);
    if (subtrees.empty) throw new DerError("nameConstraints without a subtree");
    while (!subtrees.empty) {
      const subtree = subtrees.enter(Tag.sequence);
      const base = readGeneralName(subtree);
      // "minimum MUST be zero, and maximum MUST be absent", and DER leaves the default out.
      subtree.end();
      if (base.tag === NameTag.dns) dns.push(readDnsConstraint(base.contents));
      else if (base.tag === NameTag.ip) ip.push(readIpConstraint(base.contents));
      else otherTags.add(base.tag);
    }
  }
  return { dns, ip, otherTags };
};

/** Reads the value of a nameConstraints extension. What cannot be understood is an error: it is processed, or rejected. */
export const parseNameConstraints = (value: Uint8Array): NameConstraints => {
  const outer = new DerReader(value);
  const fields = outer.enter(Tag.sequence);
  outer.end();
  if (fields.empty) throw new DerError("empty nameConstraints");
  const constraints = { permitted: parseSubtrees(fields, 0xa0), excluded: parseSubtrees(fields, 0xa1) };
  fields.end();
  return constraints;
};

const withinDns = (name: string, constraint: string): boolean => {
  const base = constraint.startsWith(".") ? constraint.slice(1) : constraint;
  if (base === "") return true;
  return name.endsWith(`.${base}`) || (name === base && constraint === base);
};

const withinIp = (address: Uint8Array, constraint: Uint8Array): boolean => {
  const { length } = address;
  return (
    constraint.length === 2 * length &&
    address.every(
      (byte, i) => (byte & constraint[length + i]!) === (constraint[i]! & constraint[length + i]!),
    )
  );
};

/**
 * Whether a certificate's names lie within an issuer's constraints. A constraint on a kind of name that is
 * not compared here fails any certificate that has such a name, as RFC 5280 §4.2.1.10 demands.
 */
export const satisfiesConstraints = (
  { permitted, excluded }: NameConstraints,
  names: SubjectNames,
  hasSubject: boolean,
): boolean => {
  for (const tag of [...permitted.otherTags, ...excluded.otherTags]) {
    if (names.otherTags.has(tag) || (tag === NameTag.directory && hasSubject)) return false;
    // Addresses of a subject without subjectAltName would have to be looked for in its emailAddress attributes.
    if (tag === NameTag.rfc822 && hasSubject) return false;
  }
  const isDnsConstrained = permitted.dns.length > 0 || excluded.dns.length > 0;
  for (const name of names.dns) {
    const wildcard = name.startsWith("*.");
    const parent = wildcard ? name.slice(2) : name;
    // Where a name belongs that is none cannot be told, such as one with a dot behind it.
    if (isDnsConstrained && !isDnsName(parent)) return false;
    if (permitted.dns.length > 0 && !permitted.dns.some((constraint) => withinDns(name, constraint)))
      return false;
    // A wildcard is excluded already if one of the names it stands for is: those with one label more.
    const covers = (base: string) => wildcard && base.slice(base.indexOf(".") + 1) === parent;
    if (excluded.dns.some((base) => withinDns(name, base) || covers(base))) return false;
  }
  for (const address of names.ip) {
    if (permitted.ip.length > 0 && !permitted.ip.some((constraint) => withinIp(address, constraint)))
      return false;
    if (excluded.ip.some((constraint) => withinIp(address, constraint))) return false;
  }
  return true;
};
