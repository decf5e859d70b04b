/** Where this page is from, and what came with its address. */
import { type ChatLink, formatLink, type Invitation, parseLink } from "../client/entry.ts";

/** What the server tells of itself at `/chat.json`. */
export interface Place {
  readonly name: string;
  /** Without an invitation. */
  readonly link: ChatLink;
}

/** @throws Error in words for people */
export async function askPlace(): Promise<Place> {
  const response = await fetch(new URL("/chat.json", location.origin), { credentials: "omit" });
  if (!response.ok) throw new Error(`The server answers with HTTP status ${response.status}.`);
  const { name, link } = (await response.json()) as { name: unknown; link: unknown };
  if (typeof name !== "string" || typeof link !== "string")
    throw new Error("The server does not say what it is.");
  return { name, link: parseLink(link) };
}

const INVITATION = /(?:^|[#&])invitation=([\w-]{1,64})\.([\w-]{22,128})(?:$|&)/;

/** Of a page's link, a terminal's link, or what is behind its `#`. */
export function findInvitation(text: string): Invitation | undefined {
  const [, id, secret] = INVITATION.exec(text.trim()) ?? [];
  return secret === undefined ? undefined : { id: id!, secret };
}

/** The invitation in the address bar, which does not stay there: nor in the history, or on a screen that is shared. */
export function takeInvitation(): Invitation | undefined {
  const invitation = findInvitation(location.hash);
  if (location.hash !== "") history.replaceState(null, "", location.pathname + location.search);
  return invitation;
}

/** The links that an invitation makes: for browsers, and for terminals. */
export function invitationLinks(link: string): { page: string; terminal: string } {
  const { invitation } = parseLink(link);
  const page = `${location.origin}/#invitation=${invitation!.id}.${invitation!.secret}`;
  return { page, terminal: link };
}

export function linkWith(place: Place, invitation?: Invitation): string {
  return formatLink({ ...place.link, invitation });
}

/** Whether other devices cannot open what is at this address. */
export function isThisDeviceOnly(): boolean {
  return /^(localhost|127\.|\[::1\]|::1)/.test(location.hostname);
}
