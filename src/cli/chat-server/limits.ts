/** `--limit NAME=N` of a chat: its own, and those of its gateways. */
import type { ChatLimits } from "../../apps/chat/server/api.ts";
import { UsageError } from "../exit.ts";

type Change = (limits: { -readonly [K in keyof ChatLimits]?: ChatLimits[K] }, value: number) => void;

/** A burst is what some seconds bring. */
const rate = (perSecond: number, seconds: number) => ({ perSecond, burst: perSecond * seconds });

const changes: Readonly<Record<string, Change>> = {
  "messages-per-second": (limits, value) => {
    limits.messages = rate(value, 4);
  },
  "requests-per-second": (limits, value) => {
    limits.requests = rate(value, 4);
  },
  "work-ms-per-second": (limits, value) => {
    limits.work = rate(value, 20);
  },
  "upload-bytes-per-second": (limits, value) => {
    limits.uploadBytes = rate(value, 16);
  },
  "creations-per-hour": (limits, value) => {
    limits.creations = { perSecond: value / 3_600, burst: Math.max(1, Math.floor(value / 2)) };
  },
  "attachment-bytes-per-user": (limits, value) => {
    limits.attachmentBytesPerUser = value;
  },
  "attachment-bytes-in-all": (limits, value) => {
    limits.attachmentBytesInAll = value;
  },
  "attachment-bytes": (limits, value) => {
    limits.attachmentBytes = value;
  },
  "rooms-per-user": (limits, value) => {
    limits.rooms = value;
  },
};

const ofGateways = ["clients", "clients-per-address"];

export const LIMIT_NAMES: { readonly chat: readonly string[]; readonly gateway: readonly string[] } = {
  chat: Object.keys(changes),
  gateway: ofGateways,
};

export interface Limits {
  readonly chat: Partial<ChatLimits>;
  /** As given, for a gateway's own --limit. */
  readonly gateway: readonly string[];
}

/** @throws UsageError */
export function limitsOf(assignments: readonly string[]): Limits {
  const chat: Partial<ChatLimits> = {};
  const gateway: string[] = [];
  for (const assignment of assignments) {
    const [, name = "", value = ""] = /^([a-z-]+)=(\d+)$/.exec(assignment) ?? [];
    if (!(Number(value) >= 1)) throw new UsageError("--limit takes NAME=NUMBER, and 1 or more");
    if (ofGateways.includes(name)) gateway.push(assignment);
    else if (Object.hasOwn(changes, name)) changes[name]!(chat, Number(value));
    else throw new UsageError(`--limit knows ${[...LIMIT_NAMES.chat, ...LIMIT_NAMES.gateway].join(", ")}`);
  }
  return { chat, gateway };
}
