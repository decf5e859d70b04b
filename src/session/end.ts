/** How a session ended. */
import { SealgramError } from "../errors.ts";
import { transportErrorName } from "./errors.ts";

export class SessionEnd {
  /** What the side that ended it has said; 0 if it said nothing. */
  readonly closeCode: number;
  readonly reason: string;
  /** What went wrong, if either side did not end it on purpose. */
  readonly error: SealgramError | undefined;

  constructor(closeCode: number, reason: string, error: SealgramError | undefined) {
    this.closeCode = closeCode;
    this.reason = reason;
    this.error = error;
  }

  static byPeer(isApplication: boolean, errorCode: number, reason: string): SessionEnd {
    if (isApplication) return new SessionEnd(errorCode, reason, undefined);
    const name = transportErrorName(errorCode);
    // no_error is how a peer ends a session that has nothing to say about it.
    const error =
      errorCode === 0
        ? undefined
        : new SealgramError(name, `the peer ended the session: ${name} ${reason}`.trim());
    return new SessionEnd(errorCode, reason, error);
  }

  /** What to tell those who wait for something. */
  asError(): SealgramError {
    return this.error ?? new SealgramError("session_closed", "the session is closed");
  }
}
