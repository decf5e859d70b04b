/** `sealgram keygen`: key pairs and pre-shared keys. */
import { parseArgs } from "node:util";
import { toHex } from "../crypto/bytes.ts";
import { toPem } from "../crypto/key-format.ts";
import { createNodeProvider } from "../crypto/node.ts";
import { generatePkcs8, signerFromPkcs8 } from "../crypto/signer.ts";
import { fingerprintOfPublicKey } from "./auth.ts";
import { COMMON_HELP, type Command, commonOptions } from "./command.ts";
import { EXIT_CODES, UsageError } from "./exit.ts";
import { refuseExisting, writeNewFile } from "./private-file.ts";
import type { Report } from "./report.ts";
import { readTextFile } from "./secrets.ts";

const PSK_BYTES = 32;
const SECRET_MODE = 0o600;
const PUBLIC_MODE = 0o644;

const HELP = `Usage: sealgram keygen FILE [options]
       sealgram keygen --psk FILE [options]
       sealgram keygen --fingerprint FILE

Makes a key pair: the private key in FILE, which only its owner can read, and the public key in FILE.pub, both in
PEM; and prints the fingerprint of the public key. With --psk it makes a random pre-shared key instead, which both
sides need a copy of; with --fingerprint it reads a public key.

Options:
  --type TYPE            ed25519, which it is unless given, or p256
  --psk                  a pre-shared key of 32 bytes
  --identity NAME        whose it is: the peers see that name on the wire
  --fingerprint          the fingerprint of the public key in FILE
  --force                replaces files
${COMMON_HELP}
Examples:
  sealgram keygen server.pem
  sealgram keygen --psk --identity alice alice.psk

${EXIT_CODES}`;

const types = { ed25519: "Ed25519", p256: "P-256" } as const;

interface Destination {
  readonly file: string;
  readonly replace: boolean;
}

export const keygenCommand: Command = {
  summary: "makes keys",
  help: HELP,
  async run(args, { report }) {
    const { values, positionals } = parseArgs({
      args,
      allowPositionals: true,
      options: {
        ...commonOptions,
        type: { type: "string" },
        psk: { type: "boolean" },
        identity: { type: "string" },
        fingerprint: { type: "boolean" },
        force: { type: "boolean" },
      },
    });
    const [file] = positionals;
    if (file === undefined || positionals.length > 1) throw new UsageError("keygen takes one file");
    const { type = "ed25519", identity, psk = false, force: replace = false } = values;
    if (!isType(type)) throw new UsageError(`--type is one of ${Object.keys(types).join(", ")}`);
    if (identity !== undefined && !psk) throw new UsageError("--identity goes with --psk");
    if (values.fingerprint) {
      const fingerprint = fingerprintOfPublicKey(await readTextFile(file), file);
      report.result("fingerprint", { file, fingerprint }, fingerprint);
    } else if (psk) await makePsk({ file, replace }, identity, report);
    else await makePair({ file, replace }, type, report);
  },
};

function isType(name: string): name is keyof typeof types {
  return Object.hasOwn(types, name);
}

async function makePsk({ file, replace }: Destination, identity: string | undefined, report: Report) {
  if (
    identity !== undefined &&
    (identity === "" || /^#|[\r\n]/.test(identity) || identity !== identity.trim())
  ) {
    throw new UsageError(
      "an identity is not empty, and neither begins with # nor has line ends or outer spaces",
    );
  }
  const key = toHex(createNodeProvider().random(PSK_BYTES));
  const line = identity === undefined ? key : `${identity}:${key}`;
  await writeNewFile(file, `${line}\n`, { mode: SECRET_MODE, replace });
  const fields = { file, ...(identity === undefined ? {} : { identity }) };
  report.result("psk", fields, `pre-shared key: ${file} (keep it secret)`);
}

async function makePair({ file, replace }: Destination, type: keyof typeof types, report: Report) {
  const publicFile = `${file}.pub`;
  if (!replace) await refuseExisting(publicFile);
  const privateKey = await generatePkcs8(types[type]);
  const { publicKey } = await signerFromPkcs8(privateKey);
  const publicPem = toPem("PUBLIC KEY", publicKey);
  await writeNewFile(file, toPem("PRIVATE KEY", privateKey), { mode: SECRET_MODE, replace });
  await writeNewFile(publicFile, publicPem, { mode: PUBLIC_MODE, replace });
  const fingerprint = fingerprintOfPublicKey(publicPem, publicFile);
  report.result(
    "key",
    { type, file, publicFile, fingerprint },
    `private key: ${file} (keep it secret)`,
    `public key:  ${publicFile}`,
    `fingerprint: ${fingerprint}`,
  );
}
