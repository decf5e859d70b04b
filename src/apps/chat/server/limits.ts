/** What one client, and one user, may ask of a chat's server. */
import type { Rate } from "./bucket.ts";

/** What clients and users may do, at most. Sizes are in bytes, times in milliseconds. */
export interface ChatLimits {
  /** Requests of a user. What comes faster waits: it is not read. */
  readonly requests: Rate;
  /**
   * What a user's requests may cost of the server's time, in milliseconds; 16 kB that are answered, or told to others, count
   * as one. What is asked beyond waits until that is made up for.
   */
  readonly work: Rate;
  /**
   * Messages, edits and deletions of a user, whoever comes and goes by them, and uploads; a long text counts for several.
   * What comes faster is refused with `rate_limited`; uploads wait.
   */
  readonly messages: Rate;
  /**
   * Rooms, conversations, invitations and logins that a user makes, but for owners. What comes faster is refused with
   * `rate_limited`.
   */
  readonly creations: Rate;
  /** Signs of typing of a session. What comes faster is dropped. */
  readonly signals: Rate;
  /** Bytes of attachments of a user. What comes faster waits. */
  readonly uploadBytes: Rate;
  /** Uploads and downloads of a user at a time. More are refused with `too_many`. */
  readonly transfers: number;
  /** For how long nothing may come of an upload, or nothing be taken of a download, until it is given up. */
  readonly stallMs: number;
  /** Of one attachment; of all those of a user; and of all that there are. Beyond, they are refused with `no_room`. */
  readonly attachmentBytes: number;
  readonly attachmentBytesPerUser: number;
  readonly attachmentBytesInAll: number;
  /**
   * Rooms that a user may be in by choice. As many again others may have put them into, and as many conversations others may
   * have begun with them, until they say something there; of these, the oldest gives way to the newest.
   */
  readonly rooms: number;
  /** What waits for a client that does not read. Beyond, its session ends, and it may come back. */
  readonly waitingBytes: number;
  /** Until a client has said hello. */
  readonly helloMs: number;
}

export const defaultLimits: ChatLimits = {
  requests: { perSecond: 100, burst: 400 },
  work: { perSecond: 100, burst: 2_000 },
  messages: { perSecond: 10, burst: 40 },
  creations: { perSecond: 1 / 60, burst: 30 },
  signals: { perSecond: 5, burst: 20 },
  uploadBytes: { perSecond: 4_194_304, burst: 67_108_864 },
  transfers: 32,
  stallMs: 60_000,
  attachmentBytes: 33_554_432,
  attachmentBytesPerUser: 1_073_741_824,
  attachmentBytesInAll: 17_179_869_184,
  rooms: 500,
  waitingBytes: 2_097_152,
  helloMs: 10_000,
};
