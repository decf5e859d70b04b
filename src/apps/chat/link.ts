/**
 * Links to a chat: `sealgram://host:port/?via=wss://…#key=sha256:…&invitation=id.secret`. Everything that nobody else may
 * see is in the fragment, which no browser and no proxy sends anywhere.
 */

export interface ChatLink {
  /** Where the server is, by UDP. */
  readonly host: string;
  readonly port: number;
  /** Gateways for clients without UDP: `https:`, `wss:` or `ws:`, best first. */
  readonly via: readonly string[];
  /** The fingerprint of the server's public key, for those who log in by a key of their own. */
  readonly serverKey?: string | undefined;
  /** Lets a new user in: a secret. */
  readonly invitation?: Invitation | undefined;
}

/** Lets one new user in, once. */
export interface Invitation {
  /** Its number, and the secret that lets in: random, of 22 characters or more. */
  readonly id: string;
  readonly secret: string;
}

/** Identities of logins by invitations begin so; no user's name does. */
export const INVITATION_PREFIX = "invitation:";

/** As whom an invitation logs in. */
export function invitationIdentity({ id }: Pick<Invitation, "id">): string {
  return `${INVITATION_PREFIX}${id}`;
}

const SCHEME = "sealgram:";
const FINGERPRINT = /^sha256:[\w-]{43}$/;
const INVITATION = /^([\w-]{1,64})\.([\w-]{22,128})$/;

/** @throws TypeError for what is no such link; the message does not quote it */
export function parseLink(link: string): ChatLink {
  let url: URL;
  try {
    // Engines know hosts and ports of the schemes that they know only.
    if (!link.startsWith(SCHEME)) throw new TypeError();
    url = new URL(`https:${link.slice(SCHEME.length)}`);
  } catch {
    throw new TypeError("not a link of the form sealgram://host:port/");
  }
  if (url.username !== "" || url.password !== "" || url.pathname !== "/") {
    throw new TypeError("a link has a host, a port, ?via= and a fragment, and nothing else");
  }
  const via = url.searchParams.getAll("via");
  for (const gateway of via) {
    if (!/^(https|wss?):\/\//.test(gateway)) throw new TypeError("a gateway is at https:, wss: or ws:");
  }
  const fragment = new URLSearchParams(url.hash.slice(1));
  const serverKey = fragment.get("key") ?? undefined;
  if (serverKey !== undefined && !FINGERPRINT.test(serverKey))
    throw new TypeError("the link's key is no fingerprint");
  const invitation = fragment.get("invitation");
  const [, id, secret] = INVITATION.exec(invitation ?? "") ?? [];
  if (invitation !== null && secret === undefined) throw new TypeError("the link's invitation is incomplete");
  return {
    host: url.hostname.replace(/^\[|\]$/g, ""),
    port: url.port === "" ? 443 : Number(url.port),
    via,
    ...(serverKey === undefined ? {} : { serverKey }),
    ...(secret === undefined ? {} : { invitation: { id: id!, secret } }),
  };
}

/** The text of a link. With an invitation in it, it is a secret. */
export function formatLink({ host, port, via, serverKey, invitation }: ChatLink): string {
  const query = via.map((gateway) => `via=${encodeURIComponent(gateway)}`).join("&");
  const fragment = [
    ...(serverKey === undefined ? [] : [`key=${serverKey}`]),
    ...(invitation === undefined ? [] : [`invitation=${invitation.id}.${invitation.secret}`]),
  ].join("&");
  const authority = `${host.includes(":") ? `[${host}]` : host}:${port}`;
  return `sealgram://${authority}/${query && `?${query}`}${fragment && `#${fragment}`}`;
}

/** The same link for somebody who is in already. */
export function withoutInvitation({ invitation: _, ...link }: ChatLink): ChatLink {
  return link;
}
