/** Invitations: a secret in a link, of which the server gets the record that a password would have. */
import { toBase64Url } from "../../crypto/bytes.ts";
import { minIterations } from "../../crypto/password-input.ts";
import { register, type StoredRecord, toStored } from "../../login/record.ts";
import { type Invitation, invitationIdentity } from "./link.ts";

const ID_BYTES = 16;
const SECRET_BYTES = 20;

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
