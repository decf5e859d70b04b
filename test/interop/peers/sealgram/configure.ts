/** The contract's options as a configuration of a connection. */
import { X509Certificate } from "node:crypto";
import { appendFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import type { Bytes } from "../../../../src/core/bytes.ts";
import { RecordCore } from "../../../../src/core/index.ts";
import { equalBytes } from "../../../../src/crypto/bytes.ts";
import { createCertificateVerifier } from "../../../../src/crypto/certificate.ts";
import { createCoreHashes } from "../../../../src/crypto/core-hashes.ts";
import { pemBlocks } from "../../../../src/crypto/key-format.ts";
import { createNodeProvider, nodeSigner } from "../../../../src/crypto/node.ts";
import { nodeAes } from "../../../../src/crypto/node-aes.ts";
import { deriveScrypt } from "../../../../src/crypto/password.ts";
import { createPinnedKeys } from "../../../../src/crypto/raw-public-key.ts";
import { createVerifierRecord } from "../../../../src/crypto/spake2plus.ts";
import {
  CertificateType,
  type ClientConfig,
  type ClientPake,
  type CommonConfig,
  type Credential,
  commonDefaults,
  type OfferedIdentity,
  type PeerVerifier,
  type Psk,
  type PskChoice,
  type ServerConfig,
  type ServerPake,
  type SessionTicket,
} from "../../../../src/dtls/config.ts";
import { ticketProtector } from "../../../../src/endpoint/tickets.ts";
import { SealgramError } from "../../../../src/errors.ts";
import { clientPake, respondWith } from "../../../../src/login/spake2plus.ts";
import { suiteParameters } from "../../../../src/tls/suites.ts";
import type { Options } from "./options.ts";

const core = RecordCore.loadSync(undefined, { aes: nodeAes });
const crypto = createNodeProvider(createCoreHashes(core));

export async function clientConfig(options: Options): Promise<ClientConfig> {
  const common = commonConfig(options);
  const { authentication, helloRetry, name } = options;
  const verifies = authentication === "certificate" || authentication === "rpk";
  return {
    ...common,
    role: "client",
    psks: usesPsk(options) ? [pskOf(options)] : [],
    ...(authentication === "password" ? { pake: await clientPakeOf(options) } : {}),
    ...(verifies ? { verifyServer: verifierOf(options, "server") } : {}),
    ...(authentication === "certificate" ? { serverName: name } : {}),
    ...sessionOf(options),
    keyShareGroups: helloRetry ? [] : common.groups.slice(0, 1),
  };
}

export async function serverConfig(options: Options): Promise<ServerConfig> {
  const { authentication, verify } = options;
  const verifies = authentication === "rpk" || (authentication === "certificate" && verify);
  return {
    ...commonConfig(options),
    role: "server",
    ...(usesPsk(options) ? { choosePsk: (offered) => choosePsk(pskOf(options), offered) } : {}),
    ...(authentication === "password" ? { pake: await serverPakeOf(options) } : {}),
    ...(verifies ? { verifyClient: verifierOf(options, "client") } : {}),
    requireClientCertificate: verifies,
    acknowledgeServerName: true,
    ...(options.ticketKey === undefined
      ? {}
      : { tickets: ticketProtector(crypto, { secrets: [options.ticketKey] }) }),
  };
}

/** A client's session as JSON, byte fields in base64. */
function sessionOf({ session }: Options): { ticket?: SessionTicket } {
  if (session === undefined || !existsSync(session)) return {};
  const revive = (_: string, value: unknown) =>
    typeof value === "object" && value !== null && "base64" in value
      ? new Uint8Array(Buffer.from(String(value.base64), "base64"))
      : value;
  return { ticket: JSON.parse(readFileSync(session, "utf8"), revive) as SessionTicket };
}

/** Keeps a session for a client that comes later. */
export function keepSession({ session }: Options, ticket: SessionTicket): void {
  if (session === undefined) return;
  const replace = (_: string, value: unknown) =>
    value instanceof Uint8Array ? { base64: Buffer.from(value).toString("base64") } : value;
  writeFileSync(session, JSON.stringify(ticket, replace), { mode: 0o600 });
}

function commonConfig({ suite, groups, alpn, mtuBytes, ...options }: Options): CommonConfig {
  const keyLogFile = process.env.SSLKEYLOGFILE;
  return {
    ...commonDefaults,
    core,
    crypto,
    credentials: credentialsOf(options),
    ...(suite === undefined ? {} : { cipherSuites: [suite] }),
    ...(groups === undefined ? {} : { groups }),
    ...(alpn === undefined ? {} : { applicationProtocols: [alpn] }),
    ...(mtuBytes === undefined ? {} : { mtuBytes }),
    ...(keyLogFile === undefined
      ? {}
      : { keyLog: (line) => appendFileSync(keyLogFile, `${line}\n`, { mode: 0o600 }) }),
  };
}

function usesPsk({ authentication }: Options): boolean {
  return authentication === "psk" || authentication === "psk-imported";
}

function pskOf({ authentication, identity, psk, suite }: Options): Psk {
  const imported = authentication === "psk-imported";
  // An imported key is made for SHA-256, and serves any suite.
  const hash = imported || suite === undefined ? "SHA-256" : suiteParameters(suite).hash;
  return { identity: new TextEncoder().encode(identity), key: psk, hash, imported };
}

function choosePsk(psk: Psk, offered: readonly OfferedIdentity[]): PskChoice | undefined {
  const index = offered.findIndex(({ identity, imported }) =>
    psk.imported
      ? imported !== undefined && imported.context.length === 0 && equalBytes(imported.identity, psk.identity)
      : equalBytes(identity, psk.identity),
  );
  return index === -1 ? undefined : { index, psk };
}

/** By scrypt without a salt and with an empty context, as BoringSSL registers passwords. */
async function passwordOf({ password, identity, name }: Options) {
  const encoder = new TextEncoder();
  const names = {
    identity: encoder.encode(identity),
    serverIdentity: encoder.encode(name),
    context: new Uint8Array(),
  };
  const identities = { idProver: names.identity, idVerifier: names.serverIdentity };
  return { names, secret: await deriveScrypt(encoder.encode(password), identities) };
}

async function clientPakeOf(options: Options): Promise<ClientPake> {
  const { names, secret } = await passwordOf(options);
  return clientPake(crypto, names, secret);
}

async function serverPakeOf(options: Options): Promise<ServerPake> {
  const { names, secret } = await passwordOf(options);
  const record = createVerifierRecord(secret.w0, secret.L);
  return {
    begin: (who) =>
      equalBytes(who.identity, names.identity) && equalBytes(who.serverIdentity, names.serverIdentity)
        ? { respond: respondWith(crypto, record, who, names.context) }
        : undefined,
  };
}

const read = (file: string): string => readFileSync(file, "utf8");

function credentialsOf({
  authentication,
  certificate,
  key,
}: Pick<Options, "authentication" | "certificate" | "key">): Credential[] {
  if (certificate === undefined || key === undefined) return [];
  const signer = nodeSigner(read(key));
  return authentication === "rpk"
    ? [
        {
          type: CertificateType.RawPublicKey,
          certificates: pemBlocks(read(certificate), "PUBLIC KEY"),
          signer,
        },
      ]
    : [{ type: CertificateType.X509, certificates: pemBlocks(read(certificate), "CERTIFICATE"), signer }];
}

function verifierOf(
  { authentication, peerKey, authorities, name }: Options,
  peer: "client" | "server",
): PeerVerifier {
  if (authentication === "rpk") {
    const pinned = createPinnedKeys([read(peerKey!)]);
    return { certificateTypes: [CertificateType.RawPublicKey], verify: ([key]) => pinned.verify(key!) };
  }
  const certificateTypes = [CertificateType.X509];
  if (authorities === undefined) return { certificateTypes, verify: ([leaf]) => publicKeyOf(leaf!) };
  const verifier = createCertificateVerifier({ trustAnchors: [read(authorities)] });
  return {
    certificateTypes,
    verify: (certificates) =>
      verifier.verify({ certificates, peer, nowMs: Date.now(), ...(peer === "server" ? { name } : {}) }),
  };
}

/** Of a certificate that nobody checks. */
function publicKeyOf(certificate: Bytes): Bytes {
  try {
    return new Uint8Array(new X509Certificate(certificate).publicKey.export({ type: "spki", format: "der" }));
  } catch (cause) {
    throw new SealgramError("bad_certificate", "unreadable certificate", { alert: "bad_certificate", cause });
  }
}
