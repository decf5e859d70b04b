/** How the two sides prove who they are. */
import { type Bytes, ownBytes } from "../core/bytes.ts";
import { equalBytes, toBase64Url } from "../crypto/bytes.ts";
import type { Awaitable, CertificateVerifier, CryptoProvider, HashName, Signer } from "../crypto/provider.ts";
import { createPinnedKeys } from "../crypto/raw-public-key.ts";
import type {
  ClientConfig,
  Credential,
  PeerIdentity,
  PeerVerifier,
  Psk,
  ServerConfig,
} from "../dtls/config.ts";
import { SealgramError } from "../errors.ts";
import { loadPart } from "../lazy.ts";
import type { Revocation } from "../login/password.ts";
import { checkOptions, type Names } from "../options.ts";
import { CertificateType } from "../tls/codepoints.ts";
import { isIpAddress } from "../transport/address.ts";

/** What a way to authenticate is told. */
export interface AuthContext {
  /** The runtime's cryptography. */
  readonly crypto: CryptoProvider;
  /** The host of the URL, unless it is an IP address. */
  readonly serverName?: string | undefined;
}

/** A way to authenticate, for `connect` and `listen`: its part of either side's configuration. */
export interface Auth {
  /** A client's part. Fails with a TypeError if this way is not for clients. */
  client(context: AuthContext): Awaitable<Partial<ClientConfig>>;
  /** A server's part. Fails with a TypeError if this way is not for servers. */
  server(context: AuthContext): Awaitable<Partial<ServerConfig>>;
  /** Reports peers whose sessions are to end, until the answered function is called. */
  revocations?(report: (revocation: Revocation) => void): () => void;
}

/** Who the peer has proved to be. */
export type Peer =
  | { readonly kind: "psk"; readonly identity: string }
  /** A client by its password; or the server that has its record, whose name is often empty. */
  | { readonly kind: "password"; readonly identity: string }
  /** `identity` is the {@link fingerprint} of the key. */
  | { readonly kind: "public_key"; readonly identity: string; readonly publicKey: Bytes }
  /** `identity` is the fingerprint of the first certificate. */
  | { readonly kind: "certificate"; readonly identity: string; readonly certificates: readonly Bytes[] };

// Pre-shared keys

/** A pre-shared key: at least 16 random bytes. A password is not one: it can be guessed from a recording. */
export interface PresharedKey {
  /** Visible on the wire. */
  readonly identity: string;
  /** At least 16 random bytes. It is copied. */
  readonly key: Uint8Array;
  /** Separates the uses of one key (RFC 9258 §3.1); visible on the wire. */
  readonly context?: Uint8Array | undefined;
  /**
   * Whether the key goes through the importer (RFC 9258), as it does by default. Only for a peer that has no importer
   * it does not; use such a key with that peer's kind only.
   */
  readonly imported?: boolean | undefined;
  /** Without the importer: the hash that the key is for, SHA-256 unless given. */
  readonly hash?: HashName | undefined;
}

/** Finds the key of an identity; `undefined` for one that is not known. */
export type PresharedKeyLookup = (
  identity: string,
) => Awaitable<Uint8Array | Omit<PresharedKey, "identity"> | undefined>;

const MIN_KEY_BYTES = 16;
const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Mutual authentication by a key that both sides have, with an ephemeral key exchange (psk_dhe_ke).
 * @param keys one key; for a server also a function that finds keys
 * @throws TypeError, RangeError for a key that is too short or an identity that is empty
 */
export function psk(keys: PresharedKey | PresharedKeyLookup): Auth {
  const lookup = typeof keys === "function" ? keys : undefined;
  // What a look-up finds may be a database's, with more in it.
  if (typeof keys !== "function") checkOptions("psk", keys, PSK_NAMES);
  const single = typeof keys === "function" ? undefined : toPsk(keys.identity, keys);
  return {
    client() {
      if (single === undefined) throw new TypeError("a client needs one pre-shared key, not a look-up");
      return { psks: [single], verifyServer: undefined } as Partial<ClientConfig>;
    },
    server: () => ({
      // RFC 9846 §F.6: a wrong key and an unknown identity look the same from outside.
      unknownPskAlert: "decrypt_error",
      async choosePsk(offered) {
        for (const [index, { identity, imported }] of offered.entries()) {
          const found = await find(single, lookup, imported?.identity ?? identity);
          if (found?.imported === (imported !== undefined)) return { index, psk: found };
        }
        return undefined;
      },
    }),
  };
}

async function find(
  single: Psk | undefined,
  lookup: PresharedKeyLookup | undefined,
  identity: Bytes,
): Promise<Psk | undefined> {
  if (single !== undefined) return equalBytes(single.identity, identity) ? single : undefined;
  let name: string;
  try {
    name = decoder.decode(identity);
  } catch {
    return undefined;
  }
  const found = await lookup!(name);
  return found && toPsk(name, typeof found === "object" && "key" in found ? found : { key: found });
}

const PSK_NAMES: Names<PresharedKey> = { identity: 1, key: 1, context: 1, imported: 1, hash: 1 };

function toPsk(identity: string, options: Omit<PresharedKey, "identity">): Psk {
  const { context, imported = true, hash } = options;
  const key = ownBytes(options.key, "a pre-shared key");
  if (key.length < MIN_KEY_BYTES) {
    throw new RangeError(
      `a pre-shared key has ${MIN_KEY_BYTES} bytes or more; for passwords there is password()`,
    );
  }
  const name = encoder.encode(identity);
  if (name.length === 0 || name.length > 65_000) throw new RangeError("an identity has 1 to 65,000 bytes");
  return {
    identity: name,
    key,
    imported,
    ...(hash === undefined ? {} : { hash }),
    ...(context === undefined ? {} : { context: ownBytes(context, "the context of a pre-shared key") }),
  };
}

// Raw public keys

/** Keys to trust: SubjectPublicKeyInfo as DER or PEM; for a server also a function that knows them by fingerprint. */
export type TrustedKeys =
  | readonly (Uint8Array | string)[]
  | ((fingerprint: string, publicKey: Bytes) => Awaitable<boolean>);

/** One's own key, and the keys to trust. */
export interface PublicKeyOptions {
  /** One's own private key: PKCS #8 as DER or PEM, or a signer. A client may do without if the server asks for none. */
  readonly key?: Signer | Uint8Array | string | undefined;
  /** Whom to talk to. A server without it takes clients that show no key, and does not know who they are. */
  readonly trusted?: TrustedKeys | undefined;
}

/** Authentication by raw public keys (RFC 7250) that the sides know beforehand. No certificates are involved. */
export function publicKey(options: PublicKeyOptions): Auth {
  checkOptions("publicKey", options, { key: 1, trusted: 1 });
  const { key, trusted } = options;
  const pinned = Array.isArray(trusted) ? createPinnedKeys(trusted) : undefined;
  const verifier = (crypto: CryptoProvider): PeerVerifier => ({
    certificateTypes: [CertificateType.RawPublicKey],
    verifiesResumption: true,
    verify([shown]) {
      if (pinned !== undefined) return pinned.verify(shown!);
      return judge(crypto, trusted as Exclude<TrustedKeys, readonly unknown[]>, shown!);
    },
  });
  const credentials = async (): Promise<Credential[]> => {
    if (key === undefined) return [];
    const signer = await signerOf(key);
    return [{ type: CertificateType.RawPublicKey, certificates: [signer.publicKey], signer }];
  };
  return {
    async client({ crypto }) {
      if (trusted === undefined) throw new TypeError("a client has to know the server's public key");
      return {
        psks: [],
        verifyServer: verifier(crypto),
        credentials: await credentials(),
        requireOwnCredential: true,
      };
    },
    async server({ crypto }) {
      if (key === undefined) throw new TypeError("a server needs a private key");
      if (trusted === undefined) return { credentials: await credentials() };
      return {
        credentials: await credentials(),
        verifyClient: verifier(crypto),
        requireClientCertificate: true,
      };
    },
  };
}

async function signerOf(key: Signer | Uint8Array | string): Promise<Signer> {
  if (typeof key === "object" && "sign" in key) return key;
  const { signerFromPkcs8 } = await loadPart(() => import("../crypto/signer.ts"));
  return signerFromPkcs8(key);
}

async function judge(
  crypto: CryptoProvider,
  trusts: (fingerprint: string, publicKey: Bytes) => Awaitable<boolean>,
  shown: Bytes,
): Promise<Bytes> {
  // Checks that it is a key of a kind that can be verified with.
  const key = createPinnedKeys([shown]).verify(shown);
  if (await trusts(fingerprint(crypto, key), key)) return key;
  throw new SealgramError("untrusted_public_key", "a public key that is not trusted", {
    alert: "certificate_unknown",
  });
}

/** SHA-256 of a SubjectPublicKeyInfo or a certificate, as text: "sha256:" and base64url. */
export function fingerprint(crypto: CryptoProvider, der: Uint8Array): string {
  return `sha256:${toBase64Url(crypto.createHash("SHA-256").update(der).digest())}`;
}

// Certificates

/** One's own certificate, and how to judge the peer's. Chain and key go together. */
export interface CertificateOptions {
  /** DER certificates, one's own first. */
  readonly chain?: readonly Uint8Array[] | undefined;
  /** The key of the first certificate. */
  readonly key?: Signer | Uint8Array | string | undefined;
  /** Judges the peer's chain: `createCertificateVerifier` of sealgram/crypto/certificate makes one. */
  readonly verifier?: CertificateVerifier | undefined;
  /** What the server's certificate must be for, instead of the host of the URL: a host name or an IP address. */
  readonly serverName?: string | undefined;
}

/** Authentication by X.509 certificates. The code that judges them is passed in, so that nobody else loads it. */
export function certificate(options: CertificateOptions): Auth {
  checkOptions("certificate", options, { chain: 1, key: 1, verifier: 1, serverName: 1 });
  const { chain, key, verifier } = options;
  if ((chain === undefined) !== (key === undefined)) throw new TypeError("a chain and its key go together");
  const certificates = chain?.map((each) => ownBytes(each, "a certificate"));
  const verify = (peer: "client" | "server", name?: string): PeerVerifier => ({
    certificateTypes: [CertificateType.X509],
    verifiesResumption: true,
    verify: (shown) =>
      verifier!.verify({
        certificates: shown,
        peer,
        nowMs: Date.now(),
        ...(name === undefined ? {} : { name }),
      }),
  });
  const credentials = async (): Promise<Credential[]> => {
    if (certificates === undefined || key === undefined) return [];
    return [{ type: CertificateType.X509, certificates, signer: await signerOf(key) }];
  };
  return {
    async client({ serverName }) {
      if (verifier === undefined)
        throw new TypeError("a client needs a verifier for the server's certificate");
      const name = options.serverName ?? serverName;
      if (name === undefined) throw new TypeError("say which serverName the certificate is for");
      return {
        psks: [],
        // "Literal IPv4 and IPv6 addresses are not permitted in HostName" (RFC 6066 §3)
        ...(isIpAddress(name) ? {} : { serverName: name }),
        verifyServer: verify("server", name),
        credentials: await credentials(),
      };
    },
    async server() {
      if (chain === undefined) throw new TypeError("a server needs a certificate chain and its key");
      if (verifier === undefined) return { credentials: await credentials() };
      return {
        credentials: await credentials(),
        verifyClient: verify("client"),
        requireClientCertificate: true,
      };
    },
  };
}

/** A peer as the application sees it. */
export function describePeer(crypto: CryptoProvider, peer: PeerIdentity | undefined): Peer | undefined {
  switch (peer?.kind) {
    case "psk":
    case "password":
      return { kind: peer.kind, identity: new TextDecoder().decode(peer.identity) };
    case "raw_public_key":
      return {
        kind: "public_key",
        identity: fingerprint(crypto, peer.publicKey),
        publicKey: peer.publicKey,
      };
    case "certificate":
      return {
        kind: "certificate",
        identity: fingerprint(crypto, peer.certificates[0]!),
        certificates: peer.certificates,
      };
    default:
      return undefined;
  }
}
