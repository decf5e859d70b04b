/** What people are told: of failures, sizes, times and names. */

const FAILURES: Readonly<Record<string, string>> = {
  authentication_failed: "The name or the password is wrong.",
  unknown_identity: "The server does not know this login any more.",
  login_throttled: "Too many logins have failed. Wait a little, then try again.",
  revoked: "This login has ended: the password was changed, or the user was removed.",
  timeout: "The server does not answer.",
  unreachable: "The server cannot be reached.",
  refused: "The server cannot be reached.",
  gateway_unreachable: "The gateway cannot be reached.",
  gateway_busy: "The gateway has too many clients. Try again soon.",
  gateway_refused: "The gateway refuses this page.",
  unknown_target: "The gateway does not know this server.",
  busy: "The server has too much to do. Try again soon.",
  disconnected: "There is no connection at present. Try again when it is back.",
  name_taken: "That name is taken. Choose another.",
  invitation_used: "This invitation was used, or has ended. Ask for another.",
  banned: "You were banned.",
  not_allowed: "You may not do that.",
  not_found: "There is nothing of that name.",
  not_a_member: "You are not in that room.",
  too_large: "That is larger than the server takes.",
  no_room: "There is no room for that on the server, or not for you.",
  stalled: "It took too long, and was given up. Try again.",
  too_many: "There are too many already.",
  deleted: "That message was deleted.",
  rate_limited: "That was too fast. Wait a moment, then try again.",
  version: "The page and the server are of different versions. Reload the page.",
  internal: "The server has a problem of its own. Try again later.",
};

/** Of a login that was taken before. */
export const LOGIN_FAILURES = {
  authentication_failed: "The server does not take this login: it was changed, banned or removed.",
  not_allowed: "You were removed from this server.",
} as const;

/** @param own sentences for codes that mean something special here */
export function failureText(error: unknown, own: Readonly<Record<string, string>> = {}): string {
  const { code, message } = (error ?? {}) as { code?: string; message?: string };
  const text = code === undefined ? undefined : (own[code] ?? FAILURES[code]);
  return text ?? `It did not work: ${message ?? "unknown reason"}.`;
}

const UNITS = ["bytes", "kB", "MB", "GB"];

export function sizeText(bytes: number): string {
  const unit = bytes < 1_000 ? 0 : Math.min(Math.floor(Math.log10(bytes) / 3), UNITS.length - 1);
  const value = bytes / 1_000 ** unit;
  return `${unit > 0 && value < 9.95 ? value.toFixed(1) : Math.round(value)} ${UNITS[unit]}`;
}

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "medium" });
const day = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });
const dayOfYear = new Intl.DateTimeFormat(undefined, { dateStyle: "long" });

export function clockText(timeMs: number): string {
  return clock.format(timeMs);
}

export function fullTimeText(timeMs: number): string {
  return full.format(timeMs);
}

/** The same for all times of one local day. */
export function dayKey(timeMs: number): string {
  return new Date(timeMs).toDateString();
}

export function dayText(timeMs: number, nowMs: number = Date.now()): string {
  if (dayKey(timeMs) === dayKey(nowMs)) return "Today";
  const yesterday = new Date(nowMs);
  yesterday.setDate(yesterday.getDate() - 1);
  if (dayKey(timeMs) === yesterday.toDateString()) return "Yesterday";
  const isThisYear = new Date(timeMs).getFullYear() === new Date(nowMs).getFullYear();
  return (isThisYear ? day : dayOfYear).format(timeMs);
}

const lists = new Intl.ListFormat("en", { type: "conjunction" });

export function typingText(users: readonly string[]): string {
  if (users.length === 0) return "";
  if (users.length > 3) return "Several people are typing …";
  return `${lists.format(users)} ${users.length === 1 ? "is" : "are"} typing …`;
}

/** One of so many colours, always the same for a name. */
export function hueOf(name: string): number {
  let hash = 0;
  for (const character of name) hash = (hash * 31 + character.codePointAt(0)!) >>> 0;
  return hash % HUES;
}

export const HUES = 8;

export function initialOf(name: string): string {
  return [...name][0]!.toLocaleUpperCase();
}

const graphemes =
  "Segmenter" in Intl ? new Intl.Segmenter(undefined, { granularity: "grapheme" }) : undefined;
/** What is drawn as one is not longer than this, unless it is made to be. */
const MAX_GRAPHEME = 64;

/** The beginning of a text, of so many UTF-16 units at most, and not half of what is drawn as one. */
export function cut(text: string, length: number): string {
  if (text.length <= length) return text;
  const around = text.slice(0, length + MAX_GRAPHEME);
  const end = graphemes?.segment(around).containing(length)?.index || length;
  return text.slice(0, end).replace(/[\ud800-\udbff]$/, "");
}

export function plural(count: number, one: string, many: string = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}
