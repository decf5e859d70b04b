/** A strong key out of one session, for later ones. */
import { toHex } from "../crypto/bytes.ts";
import type { PresharedKey } from "./auth.ts";
import type { Session } from "./session.ts";

// "Labels beginning with "EXPERIMENTAL" MAY be used for private use without registration" (RFC 5705 §4).
const KEY_LABEL = "EXPERIMENTAL sealgram psk";
const IDENTITY_LABEL = "EXPERIMENTAL sealgram psk identity";
const KEY_BYTES = 32;
const IDENTITY_BYTES = 16;

/**
 * Makes the pre-shared key that follows from this session (RFC 9846 §7.5): both sides that call it have the same, and
 * nobody else has. After one login by password, later sessions can go by {@link psk} with it, for as long as both sides
 * keep it; unlike a ticket it has no lifetime, and a changed password does not end it. Store it as a secret. The
 * identity is random, and says nothing of who logged in: the server keeps that beside the key.
 * @param context other contexts, known to both sides, make other keys of the same session; none unless given
 * @throws TypeError after the session's end
 */
export function exportPsk(
  session: Pick<Session, "exportKeyingMaterial">,
  context: Uint8Array = new Uint8Array(0),
): PresharedKey {
  const derive = (label: string, length: number) => session.exportKeyingMaterial(label, context, length);
  return { identity: toHex(derive(IDENTITY_LABEL, IDENTITY_BYTES)), key: derive(KEY_LABEL, KEY_BYTES) };
}
