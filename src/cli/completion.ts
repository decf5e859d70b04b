/** `sealgram completion`: what a shell completes, out of the commands' own help. */
import process from "node:process";
import { type Command, optionsOf } from "./command.ts";
import { EXIT_CODES, UsageError } from "./exit.ts";

const HELP = `Usage: sealgram completion bash|zsh|fish

Prints what makes a shell complete the commands and options of sealgram.

  -h, --help

Examples:
  source <(sealgram completion bash)                                     # in ~/.bashrc
  source <(sealgram completion zsh)                                      # in ~/.zshrc, after compinit
  sealgram completion fish > ~/.config/fish/completions/sealgram.fish

${EXIT_CODES}`;

type Commands = Readonly<Record<string, Command>>;

const cases = (commands: Commands, act: (options: string) => string): string =>
  Object.entries(commands)
    .map(([name, { help }]) => `    ${name}) ${act(optionsOf(help).join(" "))} ;;`)
    .join("\n");

const scripts: Readonly<Record<string, (commands: Commands) => string>> = {
  bash: (commands) => `_sealgram() {
  local current=\${COMP_WORDS[COMP_CWORD]} words=
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    words="${Object.keys(commands).join(" ")} --help --version"
  elif [[ $current == -* ]]; then
    case \${COMP_WORDS[1]} in
${cases(commands, (options) => `words="${options}"`)}
    esac
  fi
  if [ -n "$words" ]; then COMPREPLY=($(compgen -W "$words" -- "$current")); fi
}
complete -o default -F _sealgram sealgram
`,
  zsh: (commands) => `_sealgram() {
  if (( CURRENT == 2 )); then
    compadd -- ${Object.keys(commands).join(" ")} --help --version
    return
  fi
  if [[ $words[CURRENT] != -* ]]; then
    _files
    return
  fi
  case $words[2] in
${cases(commands, (options) => `compadd -- ${options}`)}
  esac
}
compdef _sealgram sealgram
`,
  fish: (commands) =>
    Object.entries(commands)
      .flatMap(([name, { summary, help }]) => [
        `complete -c sealgram -f -n __fish_use_subcommand -a ${name} -d '${summary.replaceAll("'", "\\'")}'`,
        ...optionsOf(help).map(
          (option) => `complete -c sealgram -n '__fish_seen_subcommand_from ${name}' -l ${option.slice(2)}`,
        ),
      ])
      .map((line) => `${line}\n`)
      .join(""),
};

/** @param commands all the others */
export function completionCommand(commands: Commands): Command {
  return {
    summary: "completes commands and options in bash, zsh and fish",
    help: HELP,
    async run([shell = "", ...more]) {
      const script = Object.hasOwn(scripts, shell) ? scripts[shell] : undefined;
      if (script === undefined || more.length > 0) {
        throw new UsageError(`completion takes one of ${Object.keys(scripts).join(", ")}`);
      }
      process.stdout.write(script(commands));
    },
  };
}
