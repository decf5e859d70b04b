/** How a client logs in. */

import { fromBase64, toBase64, toBase64Url } from "../../../crypto/bytes.ts";
import { signerFromPkcs8 } from "../../../crypto/signer.ts";
import { type Auth, type PresharedKey, psk, publicKey } from "../../../endpoint/auth.ts";
import { exportPsk } from "../../../endpoint/exported-key.ts";
import type { Session } from "../../../endpoint/session.ts";
import { loadPart } from "../../../lazy.ts";
import { password } from "../../../login/password.ts";
import { keyProof } from "../key-proof.ts";
import { type ChatLink, invitationIdentity } from "../link.ts";
import type { Credential, CredentialInfo } from "../types.ts";

/** Who a client is. */
export type ChatAuth =
  | { readonly user: string; readonly password: string }
  /** As {@link join} has answered it. */
  | { readonly psk: PresharedKey }
  /** A private key: PKCS #8 as DER or PEM. The link has to have the server's. */
  | { readonly key: Uint8Array | string };

/** What a new user is going to log in with: a password, a key of their own, or else a key that the sides agree on. */
export interface NewUser {
  /** Up to 32 letters, digits, and . _ - inside. */
  readonly name: string;
  /** Not together with a key. */
  readonly password?: string | undefined;
  /** A private key: PKCS #8 as DER or PEM. The server gets the public half. */
  readonly key?: Uint8Array | string | undefined;
}

/** @throws TypeError if the link does not have what that takes */
export function authOf(auth: ChatAuth, { serverKey }: ChatLink): Auth {
  if ("password" in auth) return password({ identity: auth.user, password: auth.password });
  if ("psk" in auth) return psk(auth.psk);
  if (serverKey === undefined) throw new TypeError("to log in by a key, the link has to have the server's");
  return publicKey({ key: auth.key, trusted: (fingerprint) => fingerprint === serverKey });
}

export function invitationAuth({ invitation }: ChatLink): Auth {
  if (invitation === undefined) throw new TypeError("the link is no invitation");
  return password({ identity: invitationIdentity(invitation), password: invitation.secret });
}

/** What a user is to log in with: what the server gets of it, and how they log in then, both on one session. */
export type NewCredential = (session: Session) => Promise<{ credential: Credential; auth: ChatAuth }>;

/** Made before there is a session, as it takes its time. */
export async function passwordCredential(user: string, password: string): Promise<NewCredential> {
  // Most clients make none.
  const { register, toStored } = await loadPart(() => import("../../../login/record.ts"));
  const record = toStored(await register({ identity: user, password }));
  return async () => ({ credential: { kind: "password", record }, auth: { user, password } });
}

export function keyCredential(key: Uint8Array | string): NewCredential {
  return async (session) => {
    const { publicKey, schemes, sign } = await signerFromPkcs8(key);
    const [scheme] = schemes;
    const signature = await sign(scheme!, keyProof(session, publicKey));
    return {
      credential: {
        kind: "key",
        publicKey: toBase64(publicKey),
        scheme: scheme!,
        signature: toBase64(signature),
      },
      auth: { key },
    };
  };
}

/** Another one each time. */
export const pskCredential: NewCredential = async (session) => {
  const context = newId();
  return {
    credential: { kind: "psk", context },
    auth: { psk: exportPsk(session, new TextEncoder().encode(context)) },
  };
};

/** As the server tells of it; a password's user is whom the client is. */
export async function credentialIdOf(auth: ChatAuth): Promise<Pick<CredentialInfo, "kind" | "id">> {
  if ("password" in auth) return { kind: "password", id: auth.user };
  if ("psk" in auth) return { kind: "psk", id: auth.psk.identity };
  const { publicKey } = await signerFromPkcs8(auth.key);
  // Its hash is a large part of a client that does without.
  const { keyFingerprint } = await loadPart(() => import("../key-fingerprint.ts"));
  return { kind: "key", id: keyFingerprint(publicKey) };
}

/** A pre-shared key as text, to be kept as a secret. */
export function formatPsk({ identity, key }: PresharedKey): string {
  return `${identity}.${toBase64(key)}`;
}

/** @throws TypeError */
export function parsePsk(text: string): PresharedKey {
  const at = text.indexOf(".");
  if (at < 1) throw new TypeError("not a pre-shared key");
  return { identity: text.slice(0, at), key: fromBase64(text.slice(at + 1)) };
}

/** 16 random bytes as text: for a message or a file. */
export function newId(): string {
  return toBase64Url(crypto.getRandomValues(new Uint8Array(16)));
}
