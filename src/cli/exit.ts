/** How the command ends, as scripts see it. */
import { ChatError } from "../apps/chat/protocol.ts";
import { SealgramError } from "../errors.ts";

export const ExitCode = {
  ok: 0,
  failure: 1,
  usage: 2,
  /** A wrong key or password, or one side does not trust the other. */
  authentication: 3,
  /** Nobody listens there, or there is no answer in time. */
  unreachable: 4,
  // As a shell says it of whoever ends by a signal: 128 and the signal's number.
  hangup: 129,
  interrupted: 130,
  brokenPipe: 141,
  terminated: 143,
} as const;

export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

export const EXIT_CODES = `Exit codes:
  0    done
  1    it failed
  2    wrong usage
  3    authentication failed: a wrong key or password, an unknown identity, or a peer that is not trusted
  4    unreachable: nobody listens there, no answer in time, or a gateway that does not help
  130  ended by Ctrl-C; 143 by SIGTERM, 129 by SIGHUP; 141 when nobody reads the output any more
`;

/** The command line is wrong. The message says how, and never repeats a value that may be a secret. */
export class UsageError extends Error {}

/** Somebody outside wants the command to end: a signal, or a pipe that nobody reads. */
export class Stopped extends Error {
  readonly exitCode: ExitCode;

  constructor(exitCode: ExitCode) {
    super("stopped");
    this.exitCode = exitCode;
  }
}

const authenticationCodes = [
  "authentication_failed",
  "unknown_identity",
  "untrusted_public_key",
  "credential_rejected",
  "login_throttled",
];
const unreachableCodes = [
  "refused",
  "timeout",
  "unreachable",
  "idle_timeout",
  "peer_lost",
  "gateway_unreachable",
  "untrusted_gateway",
  "gateway_refused",
  "unknown_target",
  "gateway_busy",
  "gateway_closed",
];

export function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof Stopped) return error.exitCode;
  if (error instanceof SealgramError) {
    if (authenticationCodes.includes(error.code)) return ExitCode.authentication;
    return unreachableCodes.includes(error.code) ? ExitCode.unreachable : ExitCode.failure;
  }
  if (error instanceof ChatError) {
    if (["banned", "not_allowed", "invitation_used"].includes(error.code)) return ExitCode.authentication;
    return error.code === "disconnected" ? ExitCode.unreachable : ExitCode.failure;
  }
  return isWrongUsage(error) ? ExitCode.usage : ExitCode.failure;
}

/** What parseArgs refuses, and what the library calls a caller's mistake: here the caller is the command line. */
export function isWrongUsage(error: unknown): boolean {
  return (
    error instanceof UsageError ||
    (error instanceof Error && codeOf(error)?.startsWith("ERR_PARSE_ARGS") === true)
  );
}

/** An error's message, with that of a fault on this side that is behind it, such as a look-up's. */
export function messageOf(error: unknown): string {
  const { message, cause } = (error ?? {}) as { message?: string; cause?: unknown };
  if (message === undefined) return String(error);
  const isOwn = cause instanceof Error && !(cause instanceof SealgramError);
  return isOwn && !message.includes(cause.message) ? `${message}: ${cause.message}` : message;
}

/** The code of a system's or of a {@link SealgramError}. */
export function codeOf(error: unknown): string | undefined {
  const { code } = (error ?? {}) as { code?: unknown };
  return typeof code === "string" ? code : undefined;
}

/** What became of listening, in words that are the same in every runtime. */
export function cannotListen(url: string): (error: unknown) => never {
  return (error) => {
    const code = codeOf(error);
    if (error instanceof SealgramError || code === undefined) throw error;
    const why = code === "EADDRINUSE" ? "the port is taken" : messageOf(error);
    throw Object.assign(new Error(`cannot listen at ${url}: ${why}`), { code });
  };
}
