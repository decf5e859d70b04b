/** Ways to authenticate, ready to be put into the configurations of a client and a server. */
import type { Bytes } from "../../src/core/bytes.ts";
import { createCertificateVerifier } from "../../src/crypto/certificate.ts";
import { type GeneratedCertificate, generateCertificate } from "../../src/crypto/certificate-generate.ts";
import { createNodeProvider } from "../../src/crypto/node.ts";
import type { CryptoProvider, HashName, Signer } from "../../src/crypto/provider.ts";
import { generateSigner, signerFromPkcs8 } from "../../src/crypto/signer.ts";
import { createProverSecret } from "../../src/crypto/spake2plus.ts";
import { TicketKeys } from "../../src/crypto/ticket-keys.ts";
import {
  CertificateType,
  type ClientConfig,
  type ClientPake,
  type Credential,
  type PakeParameters,
  type PeerIdentity,
  type PeerVerifier,
  type Psk,
  type ServerConfig,
  type TicketProtector,
} from "../../src/dtls/config.ts";
import { clientPake, loginContext, respondWith } from "../../src/login/spake2plus.ts";
import type { Network } from "./network.ts";
import { pacedSigner, type Work } from "./work.ts";

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

export const authentications = [
  "psk-imported",
  "psk-plain",
  "psk-many",
  "raw-key-server",
  "raw-key-mutual",
  "x509-server",
  "x509-mutual",
  "password",
  "password-asking",
] as const;
export type Authentication = (typeof authentications)[number];

export interface AuthenticatedPair {
  readonly client: Partial<ClientConfig>;
  readonly server: Partial<ServerConfig>;
  /** Who each side must find the other to be. */
  readonly serverIdentity: PeerIdentity;
  readonly clientIdentity: PeerIdentity | undefined;
}

const proverSecret = createProverSecret(new Uint8Array(32).fill(1), new Uint8Array(32).fill(2));
const registration: Bytes = Uint8Array.of(7);
const loginNames = {
  identity: new TextEncoder().encode("alice"),
  serverIdentity: new TextEncoder().encode("server"),
  context: loginContext,
};

/** Names and times in certificates; the simulation's clock starts within. */
const SERVER_NAME = "server.example";
const epochMs = 1_800_000_000_000;
const validity = { notBeforeMs: epochMs - 86_400_000, notAfterMs: epochMs + 864_000_000 };

const [clientKey, serverKey] = await Promise.all([generateSigner("Ed25519"), generateSigner("P-256")]);
const authority = await generateCertificate({
  subject: "authority",
  authority: {},
  ...validity,
  algorithm: "P-384",
});
const serverCertificate = await generateCertificate({
  subject: "server",
  names: [SERVER_NAME],
  issuer: authority,
  ...validity,
});
const clientCertificate = await generateCertificate({
  subject: "client",
  issuer: authority,
  ...validity,
  algorithm: "Ed25519",
});
const [serverSigner, clientSigner] = await Promise.all([
  signerFromPkcs8(serverCertificate.privateKey),
  signerFromPkcs8(clientCertificate.privateKey),
]);
const verifier = createCertificateVerifier({ trustAnchors: [authority.certificate] });

const rawKey = (signer: Signer, work: Work): Credential => ({
  type: CertificateType.RawPublicKey,
  certificates: [signer.publicKey],
  signer: pacedSigner(signer, work),
});
const x509 = ({ certificate }: GeneratedCertificate, signer: Signer, work: Work): Credential => ({
  type: CertificateType.X509,
  certificates: [certificate],
  signer: pacedSigner(signer, work),
});
const pinned = (publicKey: Bytes, work: Work): PeerVerifier => ({
  certificateTypes: [CertificateType.RawPublicKey],
  verify: ([shown]) =>
    work.run(() => {
      if (!equal(shown!, publicKey)) throw new Error("not the pinned key");
      return publicKey;
    }),
});
const chains = (peer: "client" | "server", network: Network, work: Work): PeerVerifier => ({
  certificateTypes: [CertificateType.X509],
  verify: (certificates) =>
    work.run(() =>
      verifier.verify({
        certificates,
        peer,
        nowMs: epochMs + network.nowMs,
        ...(peer === "server" ? { name: SERVER_NAME } : {}),
      }),
    ),
});

const psk = (name: string, imported: boolean, hash: HashName): Psk => ({
  identity: utf8(name),
  key: utf8(`a key of sixteen bytes or more for ${name}`),
  imported,
  // An imported key goes with any hash.
  ...(imported ? {} : { hash }),
});
function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

function paced(pake: ClientPake, work: Work): ClientPake {
  const start = async (parameters: PakeParameters | undefined) => {
    const prover = await pake.start(parameters);
    return { ...prover, finish: (message: Uint8Array) => work.watch(prover.finish(message)) };
  };
  return { ...pake, start: (parameters) => work.watch(start(parameters)) };
}

/** The server's table of PSKs, asked asynchronously as a database would be. */
function lookUp(known: readonly Psk[], work: Work): ServerConfig["choosePsk"] {
  return (offered) =>
    work.run(() => {
      for (const [index, { identity, imported }] of offered.entries()) {
        const name = imported?.identity ?? identity;
        const found = known.find((each) => equal(each.identity, name));
        if (found !== undefined) return Promise.resolve({ index, psk: found });
      }
      return undefined;
    });
}

/**
 * Configurations by which a client and a server prove who they are.
 * @param hash of the suite that they use
 * @param crypto what passwords compute with
 */
export function authenticate(
  method: Authentication,
  hash: HashName,
  network: Network,
  work: Work,
  crypto: CryptoProvider = createNodeProvider(),
): AuthenticatedPair {
  const byPsk = (mine: readonly Psk[], known: readonly Psk[], used: Psk): AuthenticatedPair => {
    const identity = { kind: "psk", identity: new Uint8Array(used.identity) } as const;
    return {
      client: { psks: mine },
      server: { choosePsk: lookUp(known, work) },
      serverIdentity: identity,
      clientIdentity: identity,
    };
  };
  const noPsk = { choosePsk: () => undefined };
  switch (method) {
    case "psk-imported": {
      const shared = psk("alice", true, hash);
      return byPsk([shared], [shared], shared);
    }
    case "psk-plain": {
      const shared = psk("bob", false, hash);
      return byPsk([shared], [shared], shared);
    }
    case "psk-many": {
      const shared = psk("dora", true, hash);
      return byPsk(
        [psk("carol", true, hash), psk("eve", false, hash), shared],
        [psk("x", true, hash), shared],
        shared,
      );
    }
    case "raw-key-server":
    case "raw-key-mutual": {
      const isMutual = method === "raw-key-mutual";
      return {
        client: {
          psks: [],
          verifyServer: pinned(serverKey.publicKey, work),
          credentials: isMutual ? [rawKey(clientKey, work)] : [],
        },
        server: {
          ...noPsk,
          credentials: [rawKey(serverKey, work)],
          ...(isMutual
            ? { verifyClient: pinned(clientKey.publicKey, work), requireClientCertificate: true }
            : {}),
        },
        serverIdentity: { kind: "raw_public_key", publicKey: serverKey.publicKey },
        clientIdentity: isMutual ? { kind: "raw_public_key", publicKey: clientKey.publicKey } : undefined,
      };
    }
    case "x509-server":
    case "x509-mutual": {
      const isMutual = method === "x509-mutual";
      return {
        client: {
          psks: [],
          serverName: SERVER_NAME,
          verifyServer: chains("server", network, work),
          credentials: isMutual ? [x509(clientCertificate, clientSigner, work)] : [],
        },
        server: {
          ...noPsk,
          credentials: [x509(serverCertificate, serverSigner, work)],
          ...(isMutual
            ? { verifyClient: chains("client", network, work), requireClientCertificate: true }
            : {}),
        },
        serverIdentity: { kind: "certificate", certificates: [serverCertificate.certificate] },
        clientIdentity: isMutual
          ? { kind: "certificate", certificates: [clientCertificate.certificate] }
          : undefined,
      };
    }
    case "password":
    case "password-asking": {
      const secret = method === "password" ? proverSecret : () => work.run(() => proverSecret);
      return {
        client: { psks: [], pake: paced(clientPake(crypto, loginNames, secret), work) },
        server: {
          ...noPsk,
          pake: {
            parameters: () => work.run(() => ({ salt: new Uint8Array(16), iterations: 600_000 })),
            begin(attempt) {
              const respond = respondWith(crypto, proverSecret, attempt);
              return work.run(() => ({
                respond: (share) => work.watch(Promise.resolve(respond(share))),
                registration,
              }));
            },
          },
        },
        serverIdentity: { kind: "password", identity: loginNames.serverIdentity },
        clientIdentity: { kind: "password", identity: loginNames.identity, registration },
      };
    }
  }
}

const TICKET_LIFETIME_SECONDS = 3600;

/**
 * Tickets under a ring of keys.
 * @param crypto unpaced: sealing is one piece of work
 * @param secrets newest first
 */
export function ticketProtector(
  crypto: CryptoProvider,
  secrets: readonly Uint8Array[],
  network: Network,
  work: Work,
): TicketProtector {
  const keys = new TicketKeys(crypto, { secrets, lifetimeMs: TICKET_LIFETIME_SECONDS * 1000 });
  const context = utf8("resumption");
  return {
    seal: (state) => work.run(() => keys.seal(state, context, epochMs + network.nowMs)),
    open: (ticket) =>
      work.run(async () => (await keys.open(ticket, context, epochMs + network.nowMs))?.state),
    now: () => epochMs + network.nowMs,
    lifetimeSeconds: TICKET_LIFETIME_SECONDS,
    totalLifetimeSeconds: TICKET_LIFETIME_SECONDS,
    count: 2,
  };
}
