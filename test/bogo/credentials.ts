/** The runner's credentials as the library's. */
import { scryptSync } from "node:crypto";
import { readFileSync } from "node:fs";
import type { Bytes } from "../../src/core/bytes.ts";
import { DerReader, encodeDer, Tag } from "../../src/crypto/der.ts";
import { pemBlocks } from "../../src/crypto/key-format.ts";
import { nodeSigner } from "../../src/crypto/node.ts";
import { encodePasswordInput } from "../../src/crypto/password-input.ts";
import type { SignatureScheme, Signer } from "../../src/crypto/provider.ts";
import { createProverSecret, type ProverSecret, reduceScalar } from "../../src/crypto/spake2plus.ts";
import { CertificateType, type Credential, type Psk } from "../../src/dtls/config.ts";
import type { LoginNames } from "../../src/login/spake2plus.ts";
import type { ConnectionFlags, CredentialFlags } from "./flags.ts";

/** A credential and the number by which the runner knows it. */
export type NumberedCredential = { readonly number: number } & (
  | { readonly credential: Credential; readonly psk?: undefined; readonly pake?: undefined }
  | { readonly psk: Psk; readonly credential?: undefined; readonly pake?: undefined }
  | { readonly pake: PakeCredential; readonly credential?: undefined; readonly psk?: undefined }
);

export interface PakeCredential extends LoginNames {
  readonly secret: ProverSecret;
  /** Says that it is used. */
  use(): void;
  /** It is one for the other side, and to be ignored. */
  readonly isForPeer: boolean;
}

/**
 * All that are configured, in the order of preference.
 * @param use called with the number of a credential whose private key is used; what it answers is waited for
 */
export function readCredentials(
  flags: ConnectionFlags,
  use: (number: number) => Promise<void> | undefined,
): NumberedCredential[] {
  const numbered = flags.credentials.map((each, number) => read(each, number, use));
  if (flags.defaultCredential.flags.has("-key-file")) numbered.push(read(flags.defaultCredential, -1, use));
  return numbered;
}

function read(
  { kind, flags }: CredentialFlags,
  number: number,
  use: (number: number) => Promise<void> | undefined,
): NumberedCredential {
  if (kind === "psk") {
    const field = (name: string) => new Uint8Array(Buffer.from(flags.value(name) ?? "", "base64"));
    const psk: Psk = {
      identity: field("-psk-importer-identity"),
      key: field("-psk-importer-key"),
      context: field("-psk-importer-context"),
      hash: flags.has("-psk-importer-sha384") ? "SHA-384" : "SHA-256",
      imported: true,
    };
    return { number, psk };
  }
  if (kind === "pake") return { number, pake: readPake(flags, () => void use(number)) };
  const key = nodeSigner(readFileSync(flags.value("-key-file")!, "utf8"));
  const preferences = flags.numbers("-signing-prefs") as SignatureScheme[] | undefined;
  const signer: Signer = {
    publicKey: key.publicKey,
    schemes: preferences?.filter((scheme) => key.schemes.includes(scheme)) ?? key.schemes,
    sign(scheme, message) {
      const delay = use(number);
      return delay === undefined ? key.sign(scheme, message) : delay.then(() => key.sign(scheme, message));
    },
  };
  if (kind === "rpk") {
    const credential = { type: CertificateType.RawPublicKey, certificates: [key.publicKey], signer };
    return { number, credential };
  }
  const certificates = pemBlocks(readFileSync(flags.value("-cert-file")!, "utf8"), "CERTIFICATE");
  const issuers = certificates.map(issuerOf);
  return {
    number,
    credential: {
      type: CertificateType.X509,
      certificates,
      signer,
      ...(flags.has("-must-match-issuer") ? { issuers } : {}),
    },
  };
}

/** By the derivation that BoringSSL registers passwords with (`deriveScrypt`), here at once. */
function readPake(flags: CredentialFlags["flags"], use: () => void): PakeCredential {
  const field = (name: string) => new Uint8Array(Buffer.from(flags.value(name) ?? "", "base64"));
  const names = {
    identity: field("-pake-client-id"),
    serverIdentity: field("-pake-server-id"),
    context: field("-pake-context"),
  };
  const input = encodePasswordInput(field("-pake-password"), {
    idProver: names.identity,
    idVerifier: names.serverIdentity,
  });
  const output = scryptSync(input, "", 80, { N: 32_768, r: 8, p: 1, maxmem: 64 << 20 });
  const half = (from: number) => reduceScalar(output.subarray(from, from + 40));
  return {
    ...names,
    secret: createProverSecret(half(0), half(40)),
    use,
    isForPeer: flags.has("-wrong-pake-role"),
  };
}

/** The issuer's name in a certificate, as DER (RFC 5280 §4.1). */
function issuerOf(certificate: Uint8Array): Bytes {
  const fields = new DerReader(certificate).enter(Tag.sequence).enter(Tag.sequence);
  const version = 0xa0;
  if (fields.peekTag() === version) fields.read(version);
  fields.read(Tag.integer);
  fields.read(Tag.sequence);
  return encodeDer(Tag.sequence, fields.read(Tag.sequence));
}
