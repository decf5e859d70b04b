/** What a server refuses, as an error. */
import { ChatError, type Refusal } from "../protocol.ts";
import { refusal } from "../wire.ts";

export function errorOf(value: unknown): ChatError {
  let told: Refusal;
  try {
    told = refusal(value);
  } catch {
    return new ChatError("internal", "refused");
  }
  return new ChatError(told.code, told.message, told.retryAfterMs);
}
