/** What all commands have in common. */
import type { Report } from "./report.ts";

export interface Command {
  /** One line for the list of commands. */
  readonly summary: string;
  /** All that `--help` prints. */
  readonly help: string;
  /**
   * @param args what follows the command's name
   * @throws what {@link exitCodeOf} knows
   */
  run(args: string[], context: Context): Promise<void>;
}

export interface Context {
  readonly report: Report;
  /** Aborted when the command is to end. Before it is asked for, signals end the process as they always do. */
  readonly stop: AbortSignal;
  /** The file of this command, for what is beside it, and for processes of its own. */
  readonly program: string;
}

/** The long options that a command's help names. */
export function optionsOf(help: string): string[] {
  return [...new Set(help.match(/(?<=^|[\s,|(])--[a-z][a-z-]*/gm))];
}

/** Options of every command. `main` has acted upon them before the command sees its arguments. */
export const commonOptions = {
  json: { type: "boolean" },
  help: { type: "boolean", short: "h" },
} as const;

export const COMMON_HELP = `  --json                 what happens as one JSON object a line
  -h, --help
`;
