/** What a server refuses, as an error. */
import { ChatError } from "../protocol.ts";

export function errorOf(value: unknown): ChatError {
  const { code, message, retryAfterMs } = (value ?? {}) as Partial<ChatError>;
  return new ChatError(
    typeof code === "string" ? code : "internal",
    typeof message === "string" ? message : "refused",
    typeof retryAfterMs === "number" && retryAfterMs >= 0 ? Math.min(retryAfterMs, 600_000) : undefined,
  );
}
