/**
 * The program that BoringSSL's test runner (ssl/test/runner) starts for each test: it connects back, and is client or
 * server of one or more connections as the flags say. See README.md.
 */
import { compileCoreSync } from "../../src/core/instance.ts";
import { SealgramError } from "../../src/errors.ts";
import { VirtualClock } from "./clock.ts";
import { CheckFailed, Exchange, type Session } from "./exchange.ts";
import { type CommandLine, parseCommandLine, UnknownFlag } from "./flags.ts";
import { PacketedTransport } from "./transport.ts";

const ExitCode = { passed: 0, failed: 1, unimplemented: 89, broken: 90 } as const;

const DTLS_1_3 = 0xfefc;

async function main(args: readonly string[]): Promise<number> {
  if (args.includes("-is-handshaker-supported")) {
    process.stdout.write("No\n");
    return ExitCode.passed;
  }
  let commandLine: CommandLine;
  try {
    commandLine = parseCommandLine(args);
  } catch (error) {
    if (error instanceof UnknownFlag) return ExitCode.unimplemented;
    throw error;
  }
  const { initial, resumed } = commandLine;
  const isOther = [initial, resumed].some(
    (flags) => !flags.has("-dtls") || (flags.number("-max-version") ?? DTLS_1_3) !== DTLS_1_3,
  );
  if (isOther) return ExitCode.unimplemented;

  const clock = new VirtualClock();
  const module = compileCoreSync();
  const host = initial.has("-ipv6") ? "::1" : "127.0.0.1";
  let session: Session | undefined;
  for (let i = 0; i <= (initial.number("-resume-count") ?? 0); i++) {
    const flags = i === 0 ? initial : resumed;
    const id = BigInt(initial.value("-shim-id")!);
    const transport = await PacketedTransport.connect(host, initial.number("-port")!, id);
    try {
      session = await new Exchange(flags, clock, transport, module, session).run();
    } finally {
      await transport.close();
    }
  }
  return ExitCode.passed;
}

/** What went wrong, in the form that config.json maps BoringSSL's names to. */
function describe(error: unknown): { text: string; code: number } {
  if (error instanceof SealgramError) {
    // A fault of this program's, not of the peer's, must not pass for an expected one.
    const text = `:${error.code}: ${error.message}\n${error.cause instanceof Error ? error.cause.stack : ""}`;
    return { text, code: error.code === "internal_error" ? ExitCode.broken : ExitCode.failed };
  }
  if (error instanceof CheckFailed) return { text: error.message, code: ExitCode.broken };
  return { text: error instanceof Error ? error.stack! : String(error), code: ExitCode.broken };
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  const { text, code } = describe(error);
  process.stderr.write(`${text}\n`);
  process.exitCode = code;
}
