/**
 * What each purpose may hold of a session's flow control (RFC 9000 §4). What is not read stays in its stream's window, and
 * counts for the session's: where that has room besides, attachments never keep requests, their answers and live updates
 * from coming.
 */
import type { StreamSettings } from "../../session/settings.ts";

/** Attachments that a client has on their way at a time; the others wait. A server takes eight streams of them. */
export const MAX_DOWNLOADS = 4;
export const MAX_UPLOADS = 3;

type Windows = Required<Pick<StreamSettings, "maxStreamBytes" | "maxSessionBytes">>;

/** Twice what may be held, with the channel's: a peer is told of more room when half of a window was read. */
function windowsFor(attachments: number, maxStreamBytes: number): Windows {
  return { maxStreamBytes, maxSessionBytes: 2 * (1 + attachments) * maxStreamBytes };
}

/** 15 MiB for a session. What answers an upload is short. */
export const clientWindows: Windows = windowsFor(MAX_DOWNLOADS, 1_572_864);

/**
 * 1.5 MiB for a session: uploads wait for the disk, and for their turn. What asks for a download is short. A client that
 * uploads more at a time stops nobody but itself.
 */
export const serverWindows: Windows = windowsFor(MAX_UPLOADS, 196_608);
