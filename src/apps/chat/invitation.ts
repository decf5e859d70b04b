/** Invitations: a secret in a link, of which the server gets the record that a password would have. */
import { toBase64Url } from "../../crypto/bytes.ts";
import { minIterations, register, type StoredRecord, toStored } from "../../login/index.ts";
import type { Invitation } from "./link.ts";

/** Identities of logins by invitations begin so; no user's name does. */
export const INVITATION_PREFIX = "invitation:";
const ID_BYTES = 16;
const SECRET_BYTES = 20;

/** As whom an invitation logs in. */
export function invitationIdentity({ id }: Pick<Invitation, "id">): string {
  return `${INVITATION_PREFIX}${id}`;
}

/** The secret is random: there is nothing that slow hashing would keep from being guessed. */
export async function createInvitation(): Promise<{ invitation: Invitation; record: StoredRecord }> {
  const random = (bytes: number) => toBase64Url(crypto.getRandomValues(new Uint8Array(bytes)));
  const invitation = { id: random(ID_BYTES), secret: random(SECRET_BYTES) };
  const record = await register({
    identity: invitationIdentity(invitation),
    password: invitation.secret,
    iterations: minIterations,
  });
  return { invitation, record: toStored(record) };
}
