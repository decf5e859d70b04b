/** Writing down what happens in a session. */
import type { SessionLog } from "../session/log.ts";
import type { QlogEvent } from "../session/qlog-file.ts";

/**
 * A log for {@link StreamSettings} that tells of everything as qlog events
 * (draft-ietf-quic-qlog-quic-events). They hold sizes and times, and no contents.
 */
export async function qlog(callback: (event: QlogEvent) => void): Promise<SessionLog> {
  const { qlogOf } = await import("../session/qlog.ts");
  return qlogOf(callback);
}
