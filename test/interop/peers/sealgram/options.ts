/** The options of the contract in ../../README.md. */
import type { AddressInfo } from "node:net";
import { parseArgs } from "node:util";
import type { NamedGroup } from "../../../../src/crypto/provider.ts";
import { NamedGroup as Groups } from "../../../../src/tls/codepoints.ts";
import { CipherSuite } from "../../../../src/tls/suites.ts";

/** What Sealgram does not have: exit status 89. */
export class Unsupported extends Error {}

export type Authentication = "certificate" | "psk" | "psk-imported" | "password" | "rpk";

export interface Options {
  readonly role: "client" | "server";
  readonly address: AddressInfo;
  readonly authentication: Authentication;
  readonly psk: Uint8Array;
  readonly identity: string;
  readonly password: string;
  /** Paths of PEM files. */
  readonly certificate: string | undefined;
  readonly key: string | undefined;
  readonly authorities: string | undefined;
  readonly peerKey: string | undefined;
  readonly name: string;
  readonly verify: boolean;
  readonly suite: CipherSuite | undefined;
  readonly groups: readonly NamedGroup[] | undefined;
  readonly alpn: string | undefined;
  readonly cidLength: number | undefined;
  readonly helloRetry: boolean;
  /** Where a client keeps its session. */
  readonly session: string | undefined;
  /** What a server seals its tickets with. */
  readonly ticketKey: Uint8Array | undefined;
  readonly keyUpdate: boolean;
  readonly mtuBytes: number | undefined;
  readonly messages: number;
  readonly intervalMs: number;
  readonly timeoutMs: number;
}

const groups: Readonly<Record<string, NamedGroup>> = {
  x25519: Groups.x25519,
  p256: Groups.secp256r1,
  x25519mlkem768: Groups.X25519MLKEM768,
};

const text = { type: "string" } as const;
const flag = { type: "boolean", default: false } as const;

/** @throws TypeError for what is not in the contract, Unsupported for what Sealgram does not have */
export function parseOptions(args: string[]): Options {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      address: { ...text, default: "127.0.0.1:0" },
      psk: text,
      identity: { ...text, default: "interop" },
      "psk-imported": flag,
      password: text,
      cert: text,
      key: text,
      ca: text,
      name: { ...text, default: "localhost" },
      verify: flag,
      rpk: flag,
      "peer-key": text,
      suite: text,
      group: text,
      alpn: text,
      cid: text,
      hrr: flag,
      session: text,
      "ticket-key": text,
      "key-update": flag,
      mtu: text,
      messages: { ...text, default: "4" },
      interval: { ...text, default: "0" },
      timeout: { ...text, default: "10000" },
    },
  });
  const [role] = positionals;
  if (role !== "client" && role !== "server") throw new TypeError("neither client nor server");
  return {
    role,
    address: parseAddress(values.address),
    authentication: authenticationOf(values),
    psk: new Uint8Array(Buffer.from(values.psk ?? "", "hex")),
    identity: values.identity,
    password: values.password ?? "",
    certificate: values.cert,
    key: values.key,
    authorities: values.ca,
    peerKey: values["peer-key"],
    name: values.name,
    verify: values.verify,
    suite: values.suite === undefined ? undefined : lookUp(CipherSuite, values.suite),
    groups: values.group?.split(",").map((name) => lookUp(groups, name)),
    alpn: values.alpn,
    cidLength: optionalNumber(values.cid),
    helloRetry: values.hrr,
    session: values.session,
    ticketKey:
      values["ticket-key"] === undefined
        ? undefined
        : new Uint8Array(Buffer.from(values["ticket-key"], "hex")).slice(0, 32),
    keyUpdate: values["key-update"],
    mtuBytes: optionalNumber(values.mtu),
    messages: Number(values.messages),
    intervalMs: Number(values.interval),
    timeoutMs: Number(values.timeout),
  };
}

interface AuthenticationFlags {
  readonly psk?: string;
  readonly "psk-imported": boolean;
  readonly password?: string;
  readonly rpk: boolean;
}

function authenticationOf(flags: AuthenticationFlags): Authentication {
  if (flags.psk !== undefined) return flags["psk-imported"] ? "psk-imported" : "psk";
  if (flags.password !== undefined) return "password";
  return flags.rpk ? "rpk" : "certificate";
}

function lookUp<Value>(table: Readonly<Record<string, Value>>, name: string): Value {
  if (!Object.hasOwn(table, name)) throw new Unsupported(name);
  return table[name]!;
}

function optionalNumber(value: string | undefined): number | undefined {
  return value === undefined ? undefined : Number(value);
}

/** IPv4 only: the contract's addresses are on loopback. */
function parseAddress(address: string): AddressInfo {
  const [host, port] = address.split(":") as [string, string];
  return { address: host, port: Number(port), family: "IPv4" };
}
