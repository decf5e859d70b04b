/** Every field of every message, changed and cut short, before live connections of both roles. */
import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, test } from "vitest";
import type { Bytes } from "../../src/core/bytes.ts";
import { ContentType } from "../../src/core/index.ts";
import { generateSigner } from "../../src/crypto/signer.ts";
import { CertificateType } from "../../src/dtls/config.ts";
import { Alert } from "../../src/errors.ts";
import { HandshakeType, NamedGroup } from "../../src/tls/codepoints.ts";
import { concat, Lab, type LabOptions, type Role, rewriteMessage } from "../conformance/scripted-peer.ts";
import { Random } from "../sim/random.ts";
import { seeds } from "../sim/seeds.ts";
import { protectedMessages } from "./samples.ts";
import { connection, messages, records, type Target } from "./targets.ts";

const execute = promisify(execFile);
const roles: readonly Role[] = ["client", "server"];

/** Checks that whatever was done to a connection, it ended for a reason or is as it was. */
function check(lab: Lab, what: string): void {
  const { error } = lab;
  if (error?.code === "internal_error") throw new Error(what, { cause: error.cause });
  if (error?.alert !== undefined) {
    expect(Object.keys(Alert), what).toContain(error.alert);
    if (!lab.isClosed) throw new Error(`${what}: an error without an end`);
  }
  lab.subject.close();
  lab.accomplice.close();
}

/** Variants of a message: each byte replaced, each prefix, and bytes behind the end. */
function* variants(body: Bytes, random: Random): Generator<[name: string, body: Bytes]> {
  for (let at = 0; at < body.length; at++) {
    for (const value of [0, 0xff, body[at]! ^ (1 << random.below(8)), (body[at]! + 1) & 0xff]) {
      if (value === body[at]) continue;
      const changed = body.slice();
      changed[at] = value;
      yield [`byte ${at} is ${value}`, changed];
    }
  }
  for (let length = 0; length < body.length; length++) yield [`cut to ${length}`, body.slice(0, length)];
  yield ["a byte more", concat(body, new Uint8Array(1))];
}

describe.each([
  ["server", HandshakeType.client_hello, {}],
  ["client", HandshakeType.server_hello, {}],
  [
    "client",
    HandshakeType.server_hello,
    { client: { keyShareGroups: [NamedGroup.secp256r1] }, server: { groups: [NamedGroup.x25519] } },
  ],
] as [Role, number, LabOptions][])("plaintext messages to a %s", (role, type, options) => {
  test(`each byte of message ${type} changed, and every prefix of it`, () => {
    let original: Bytes | undefined;
    const probe = new Lab(role, { ...options, clientId: new Uint8Array(2), serverId: new Uint8Array(3) });
    probe.rewrite = rewriteMessage(type, (body) => {
      original ??= body;
      return body;
    });
    probe.begin();
    let ended = 0;
    let count = 0;
    for (const [name, body] of variants(original!, new Random(type))) {
      const lab = new Lab(role, { ...options, clientId: new Uint8Array(2), serverId: new Uint8Array(3) });
      // The connection's own randomness differs from the probe's; what is replayed need not make sense any more.
      lab.rewrite = rewriteMessage(type, () => body);
      lab.begin();
      lab.doubt();
      count++;
      if (lab.isClosed) ended++;
      check(lab, `${role}, message ${type}, ${name}`);
    }
    expect(count).toBeGreaterThan(200);
    expect(ended).toBeGreaterThan(count / 4);
  });
});

const signer = await generateSigner("Ed25519");
describe.each(roles)("protected messages to a %s", (role) => {
  const trusting = {
    certificateTypes: [CertificateType.RawPublicKey, CertificateType.X509],
    verify: () => signer.publicKey,
  };
  const options: LabOptions = {
    client: { psks: [], verifyServer: trusting, applicationProtocols: ["h2"] },
    server: {
      choosePsk: () => undefined,
      verifyClient: trusting,
      credentials: [{ type: CertificateType.RawPublicKey, certificates: [signer.publicKey], signer }],
    },
    clientId: new Uint8Array(2),
    serverId: new Uint8Array(3),
  };

  test.each(protectedMessages)(
    "$name, each byte changed and every prefix, during and after the handshake",
    ({ type, body }) => {
      for (const [name, changed] of [["unchanged", body] as const, ...variants(body, new Random(type))]) {
        const during = new Lab(role, options);
        during.rewrite = (datagram) =>
          datagram[0] === 22 ? [datagram.slice(0, 13 + ((datagram[11]! << 8) | datagram[12]!))] : [];
        during.begin();
        if (during.hasKeys(2)) {
          let seq = 1;
          if (role === "client" && type !== HandshakeType.encrypted_extensions) {
            during.message(2, HandshakeType.encrypted_extensions, Uint8Array.of(0, 0), seq++);
          }
          during.message(2, type, changed, seq);
        }
        check(during, `${role} in the handshake, ${name}`);
        const after = new Lab(role, { clientId: new Uint8Array(2), serverId: new Uint8Array(3) }).establish();
        after.message(3, type, changed, after.nextMessageSeq);
        after.advance(500);
        check(after, `${role} after the handshake, ${name}`);
      }
    },
  );

  test("ACKs, alerts and routability checks, each byte changed and every prefix", () => {
    const contents = [
      [ContentType.ack, Uint8Array.of(0, 16, ...new Uint8Array(7), 3, ...new Uint8Array(8))],
      [ContentType.alert, Uint8Array.of(2, 40)],
      [ContentType.return_routability_check, Uint8Array.of(0, 1, 2, 3, 4, 5, 6, 7, 8)],
      [99, Uint8Array.of(1)],
    ] as const;
    for (const [type, content] of contents) {
      for (const [name, changed] of variants(content, new Random(type))) {
        const lab = new Lab(role, { clientId: new Uint8Array(2), serverId: new Uint8Array(3) }).establish();
        lab.say(lab.record(3, type === 99 ? ContentType.ack : type, changed));
        check(lab, `${role}, content type ${type}, ${name}`);
      }
    }
  });
});

describe("random input, with the seed of what fails", () => {
  const run = (target: Target, count: number, longest: number) => {
    for (const [from, to] of seeds(count, count)) {
      for (let seed = from; seed <= to; seed++) {
        const random = new Random(seed);
        const input = random.bytes(2 + random.below(longest));
        // Half of the connections are those that have most to lose.
        if (random.chance(0.5)) input[0]! |= 0x0c;
        try {
          target(input);
        } catch (error) {
          throw new Error(`seed ${seed}`, { cause: error });
        }
      }
    }
  };
  test("datagrams into records", () => run(records, 20_000, 100));
  test("messages", () => run(messages, 20_000, 200));
  test("connections", () => run(connection, 2000, 400));
});

test("coverage-guided fuzzing finds nothing in a few seconds: npm run fuzz looks longer", async () => {
  const folder = await mkdtemp(join(tmpdir(), "sealgram-fuzz-"));
  try {
    const options = ["--time", "4", "--seed", "1", "--folder", folder];
    const { stdout, stderr } = await execute(process.execPath, ["tools/fuzz.mjs", ...options]);
    expect(stdout).toBe("3 targets passed, 0 failed\n");
    expect(stderr).toMatch(/connection: \d+ inputs/);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("hostile datagrams do not make a connection grow", async () => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const lab = new Lab("server");
  lab.rewrite = () => [];
  const random = new Random(1);
  const attack = () => {
    for (let i = 0; i < 3000; i++) {
      // Fragments of messages of 16 kB, and records of epochs without keys.
      const seq = random.below(256);
      const header = Uint8Array.of(1, 0, 0x3f, 0xff, 0, seq, 0, random.below(63), 0, 0, 0, 1, 7);
      lab.say(lab.record(0, ContentType.handshake, header));
      lab.say(concat(Uint8Array.of(0x2e, 0, i, 4, 0), random.bytes(64), new Uint8Array(960)));
    }
  };
  const measure = async () => {
    for (let i = 0; i < 3; i++) {
      collect();
      await new Promise((resolve) => setImmediate(resolve));
    }
    return process.memoryUsage().arrayBuffers;
  };
  attack();
  expect(lab.isClosed).toBe(false);
  const before = await measure();
  attack();
  attack();
  expect((await measure()) - before).toBeLessThan(100_000);
  lab.subject.close();
});
