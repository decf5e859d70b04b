/** How a session ended. */
import { SealgramError } from "../errors.ts";

/** How a session ended. */
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

  /** What to tell those who wait for something. */
  asError(): SealgramError {
    return this.error ?? new SealgramError("session_closed", "the session is closed");
  }
}
