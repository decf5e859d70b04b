/**
 * Peers whose sessions were ended. Handshakes that were under way at that time may have looked such a peer up when it was
 * still welcome: what they lead to has to end as well.
 */

/** Whoever has logged in, or is about to. */
export interface Member {
  /** In the order in which handshakes begin. */
  readonly number: number;
  /** Which password the peer has logged in with, if it was one. */
  readonly registration: Uint8Array | undefined;
}

interface Dismissal {
  /** The latest handshake that it concerns. */
  readonly upTo: number;
  /** Of those who are still welcome. */
  readonly registration: Uint8Array | undefined;
}

export class Dismissals {
  readonly #byPeer = new Map<string, Dismissal>();

  /** @param upTo the number of the latest handshake that has begun */
  add(peer: string, upTo: number, registration: Uint8Array | undefined): void {
    this.#byPeer.set(peer, { upTo, registration });
  }

  concern(peer: string, member: Member): boolean {
    const dismissal = this.#byPeer.get(peer);
    return (
      dismissal !== undefined && member.number <= dismissal.upTo && !isWelcome(member, dismissal.registration)
    );
  }

  /** When no handshake is under way. */
  clear(): void {
    this.#byPeer.clear();
  }
}

/** @param registration of the password that is good now; `undefined` for nobody */
export function isWelcome(member: Member, registration: Uint8Array | undefined): boolean {
  const own = member.registration;
  if (registration === undefined || own === undefined) return false;
  return own.length === registration.length && own.every((byte, i) => byte === registration[i]);
}
