/** Who a session is of, and how somebody becomes a user. */
import { exportPsk } from "../../../endpoint/exported-key.ts";
import type { Session } from "../../../endpoint/session.ts";
import { INVITATION_PREFIX } from "../link.ts";
import { ChatError, type Params, type Result } from "../protocol.ts";
import type { Credential } from "../types.ts";
import { requireMayInvite } from "./account-methods.ts";
import type { User } from "./accounts.ts";
import type { StoredCredential } from "./credentials.ts";
import type { House, Outcome } from "./house.ts";
import { provenKey } from "./proven-key.ts";
import { enter } from "./room-methods.ts";

/** The identity of the invitation that a session came by. */
export function invitationOf({ peer }: Session): string | undefined {
  return peer?.kind === "password" && peer.identity.startsWith(INVITATION_PREFIX) ? peer.identity : undefined;
}

/** @throws ChatError not_allowed for whoever was banned or removed, or has changed their login, meanwhile */
export function userOf({ credentials }: House, { peer }: Session): User {
  const user =
    peer === undefined || peer.kind === "certificate"
      ? undefined
      : credentials.userBy(peer.kind === "public_key" ? "key" : peer.kind, peer.identity);
  if (user === undefined) throw new ChatError("not_allowed", "nobody may log in like that any more");
  return user;
}

/** Within a change. */
export function redeem(
  house: House,
  session: Session,
  { id, name, credential }: Params<"invitation.redeem">,
): Outcome<Result<"invitation.redeem">> {
  const { accounts, credentials, firstRoom } = house;
  const invitation = invitationOf(session);
  if (invitation === undefined) throw new ChatError("not_allowed", "that takes an invitation");
  const { user, room } = accounts.redeem(invitation, id, name, (invited) => {
    try {
      requireMayInvite(house.rooms, invited);
    } catch {
      // Why is nothing for strangers.
      throw new ChatError("invitation_used", "the invitation has ended");
    }
  });
  // What it was with an answer that was lost, nobody has.
  credentials.removeAll(user);
  credentials.add(user, storedCredential(session, credential));
  const place = room ?? firstRoom.of(user);
  const entered = place === undefined ? undefined : enter(house, user, place, true);
  const result = { user: { name: user.name, role: user.role } };
  return entered === undefined ? { result } : { result, effect: entered };
}

/** As the store is to have it. */
export function storedCredential(session: Session, credential: Credential): StoredCredential {
  switch (credential.kind) {
    case "password":
      return credential;
    case "psk":
      return { kind: "psk", ...exportPsk(session, new TextEncoder().encode(credential.context)) };
    case "key":
      return { kind: "key", fingerprint: provenKey(session, credential) };
  }
}
