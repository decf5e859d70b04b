/** What is tried between every two peers: the options of each side, and what must come of it. */

export interface Case {
  name: string;
  client: string[];
  server: string[];
  expect: Expectation;
  /** What the network between them does. */
  network?: Network;
  /** Is tried twice: the second time the client comes with the session of the first, to a server started anew. */
  resumes?: true;
}

export interface Network {
  /** Share of datagrams lost each way, from 0 to 1; which ones follows from the seed. */
  loss?: number;
  seed?: number;
  /** After so many datagrams from the client, the server sees it at another address. */
  rebindAfter?: number;
}

export interface Expectation {
  /** The handshake must fail on both sides, and not by running out of time. */
  refused?: true;
  suite?: string;
  /** Whether the session of an earlier connection was resumed. */
  resumed?: boolean;
  group?: string;
  alpn?: string;
  /** Whether there must be a HelloRetryRequest, and in it a cookie. */
  helloRetry?: boolean;
  cookie?: boolean;
  /** Lengths of the connection IDs in records to the server and to the client. */
  cid?: { toServer: number; toClient: number };
  /** The client's key update must show in the epochs of its records; the server's in those of its own. */
  keyUpdate?: "client" | "server";
  largestDatagram?: number;
}

const certificate = (name: string): string[] => ["--cert", `${name}.pem`, "--key", `${name}.key.pem`];
const trust: string[] = ["--ca", "authority.pem"];

/** A client that checks a server's certificate. dimpl has no chains and pins the key; it also needs its own certificate. */
const checks = (server = "server"): string[] => [
  ...trust,
  "--peer-key",
  `${server}.public.pem`,
  ...certificate("client"),
];
const server: string[] = certificate("server");
/** New keys are used once the KeyUpdate is acknowledged, which BoringSSL puts off by 100 ms. */
const paced: string[] = ["--messages", "16", "--interval", "60"];
/** Long enough for tickets to come. */
const unhurried: string[] = ["--interval", "60"];
const fragmented: string[] = ["--group", "x25519mlkem768", "--mtu", "512"];
const PSK = "30313233343536373839616263646566404142434445464748494a4b4c4d4e4f";
const psk: string[] = ["--psk", PSK, "--identity", "alice"];
const imported: string[] = [...psk, "--psk-imported"];
const password: string[] = ["--password", "correct horse", "--identity", "alice", "--name", "server"];
const rawKey = (own: string, other: string): string[] => [
  "--rpk",
  "--cert",
  `${own}.public.pem`,
  "--key",
  `${own}.key.pem`,
  "--peer-key",
  `${other}.public.pem`,
];

/** A client offers X25519 alone unless the case says otherwise, so that one thing is tried at a time. */
function simple(name: string, client: string[], server: string[], expect: Expectation = {}): Case {
  const group = client.includes("--group") ? [] : ["--group", "x25519"];
  return { name, client: [...client, ...group], server, expect };
}

/** The same options on both sides, with a certificate on the server. */
function both(name: string, options: string[], expect: Expectation): Case {
  return simple(name, [...checks(), ...options], [...server, ...options], expect);
}

export const CASES: Case[] = [
  { name: "all defaults", client: checks(), server, expect: {} },
  simple("certificate P-256", checks(), server, { helloRetry: false }),
  simple("certificate P-384", checks("server-p384"), certificate("server-p384")),
  simple("certificate Ed25519", checks("server-ed25519"), certificate("server-ed25519")),
  simple("certificate RSA-PSS", checks("server-rsa"), certificate("server-rsa")),
  simple("certificates on both sides", checks(), [...server, ...trust, "--verify"]),
  simple(
    "unknown authority refused",
    ["--ca", "stranger.pem", "--peer-key", "client.public.pem", ...certificate("client")],
    server,
    {
      refused: true,
    },
  ),
  simple("raw public keys", rawKey("client", "server"), rawKey("server", "client")),
  simple("raw public keys Ed25519", rawKey("client", "server-ed25519"), rawKey("server-ed25519", "client")),
  simple("wrong raw public key refused", rawKey("client", "server-p384"), rawKey("server", "client"), {
    refused: true,
  }),
  simple("PSK", psk, psk),
  simple("PSK, cookie", psk, [...psk, "--hrr"], { helloRetry: true, cookie: true }),
  simple("wrong PSK refused", ["--psk", "00112233445566778899aabbccddeeff", "--identity", "alice"], psk, {
    refused: true,
  }),
  simple("imported PSK", imported, imported),
  simple("imported PSK, cookie", imported, [...imported, "--hrr"], { helloRetry: true, cookie: true }),
  simple("imported PSK, no key share", [...imported, "--hrr"], imported, { helloRetry: true }),
  ...[checks(), imported].map((options): Case => {
    const name = options === imported ? "imported PSK, resumed" : "certificate, resumed";
    const own = options === imported ? imported : server;
    return { ...simple(name, [...options, ...unhurried], [...own, ...unhurried]), resumes: true };
  }),
  {
    ...simple(
      "raw public keys, resumed",
      [...rawKey("client", "server"), ...unhurried],
      [...rawKey("server", "client"), ...unhurried],
    ),
    resumes: true,
  },
  simple("password", password, password),
  simple("password, cookie", password, [...password, "--hrr"], { helloRetry: true, cookie: true }),
  simple("wrong password refused", ["--password", "battery staple", ...password.slice(2)], password, {
    refused: true,
  }),

  ...[
    "TLS_AES_128_GCM_SHA256",
    "TLS_AES_256_GCM_SHA384",
    "TLS_CHACHA20_POLY1305_SHA256",
    "TLS_SHA256_SHA256",
  ].map((suite) => both(suite, ["--suite", suite], { suite })),
  ...["x25519", "p256", "x25519mlkem768"].map((group) => both(group, ["--group", group], { group })),
  both("ALPN", ["--alpn", "sealgram-test"], { alpn: "sealgram-test" }),

  simple("HelloRetryRequest, cookie", checks(), [...server, "--hrr"], { helloRetry: true, cookie: true }),
  simple("HelloRetryRequest, no key share", [...checks(), "--hrr"], server, { helloRetry: true }),
  simple(
    "HelloRetryRequest, other group",
    [...checks(), "--group", "x25519,p256"],
    [...server, "--group", "p256"],
    { helloRetry: true, group: "p256" },
  ),
  simple(
    "HelloRetryRequest, cookie and group",
    [...checks(), "--group", "x25519,p256"],
    [...server, "--group", "p256", "--hrr"],
    { helloRetry: true, cookie: true, group: "p256" },
  ),

  simple(
    "HelloRetryRequest, cookie, ClientHello in fragments",
    [...checks(), ...fragmented],
    [...server, ...fragmented, "--hrr"],
    { helloRetry: true, cookie: true, group: "x25519mlkem768" },
  ),

  simple("connection IDs", [...checks(), "--cid", "4"], [...server, "--cid", "8"], {
    cid: { toServer: 8, toClient: 4 },
  }),
  simple("connection ID to the server only", [...checks(), "--cid", "0"], [...server, "--cid", "20"], {
    cid: { toServer: 20, toClient: 0 },
  }),
  simple("connection ID offered in vain", [...checks(), "--cid", "4"], server, {
    cid: { toServer: 0, toClient: 0 },
  }),
  {
    ...simple(
      "connection IDs, the client's address changes",
      [...checks(), "--cid", "4", "--messages", "12"],
      [...server, "--cid", "8"],
    ),
    network: { rebindAfter: 8 },
  },

  simple("key update by the client", [...checks(), ...paced, "--key-update"], [...server, ...paced], {
    keyUpdate: "client",
  }),
  simple("key update by the server", [...checks(), ...paced], [...server, ...paced, "--key-update"], {
    keyUpdate: "server",
  }),

  both("MTU 512", ["--mtu", "512"], { largestDatagram: 512 }),
  both("MTU 512, x25519mlkem768", fragmented, {
    largestDatagram: 512,
    group: "x25519mlkem768",
  }),
  both("MTU 296", ["--mtu", "296"], { largestDatagram: 296 }),

  ...[1, 2, 3].map((seed) => ({
    ...simple(
      `certificates, 15 % loss (seed ${seed})`,
      [...checks(), "--timeout", "30000"],
      [...server, ...trust, "--verify", "--hrr", "--timeout", "30000"],
    ),
    network: { loss: 0.15, seed },
  })),
  {
    ...simple(
      "imported PSK, 15 % loss",
      [...imported, "--timeout", "30000"],
      [...imported, "--timeout", "30000"],
    ),
    network: { loss: 0.15, seed: 4 },
  },
  {
    ...simple("PSK, 15 % loss", [...psk, "--timeout", "30000"], [...psk, "--timeout", "30000"]),
    network: { loss: 0.15, seed: 5 },
  },
];
