import { Argument, type Command } from "commander";
import { act, leaf } from "../command.ts";
import { type CommandNode, commandTree } from "../command-tree.ts";
import type { Outcome } from "../output.ts";

const SHELLS = ["bash", "zsh", "fish"] as const;
type Shell = (typeof SHELLS)[number];

/** `stemma completion`: a script for the shell, generated from the command tree. */
export function addCompletionCommand(program: Command): void {
  const completion = leaf(program, "completion", "Print a completion script for a shell");
  completion.addArgument(new Argument("<shell>", "which shell").choices(SHELLS));
  act(completion, async (_options: object, shell: Shell): Promise<Outcome> => {
    const lines = completionScript(program, shell);
    return { document: { shell, script: `${lines.join("\n")}\n` }, lines };
  });
}

/** The script's lines. Names in it are those of our own commands and options: letters, digits and dashes. */
export function completionScript(program: Command, shell: Shell): readonly string[] {
  const nodes = commandTree(program);
  switch (shell) {
    case "bash":
      return [
        "# bash completion of stemma: source this file",
        ...bashFunction(nodes),
        "complete -o default -F _stemma stemma",
      ];
    case "zsh":
      return [
        "#compdef stemma",
        "autoload -U +X bashcompinit && bashcompinit",
        ...bashFunction(nodes),
        "complete -o default -F _stemma stemma",
      ];
    case "fish":
      return ["# fish completion of stemma", ...nodes.flatMap(fishLines)];
  }
}

/** Words that are not options lead to the command; what may follow it is offered. */
function bashFunction(nodes: readonly CommandNode[]): string[] {
  const cases = nodes.map((node) => {
    const words = [...node.children, ...node.options.map((option) => option.long)];
    return `    "${node.path.join(" ")}") words="${words.join(" ")}" ;;`;
  });
  const parents = nodes.filter(({ children }) => children.length > 0);
  const steps = parents.flatMap((node) =>
    node.children.map((child) => `      "${[...node.path, child].join(" ")}") path="$path $word" ;;`),
  );
  return [
    "_stemma() {",
    `  local current="\${COMP_WORDS[COMP_CWORD]}" path="stemma" words="" word`,
    "  local i=1",
    "  while [ $i -lt $COMP_CWORD ]; do",
    `    word="\${COMP_WORDS[i]}"`,
    '    [ "$word" = "--" ] && return 0',
    '    case "$path $word" in',
    ...steps,
    "    esac",
    "    i=$((i + 1))",
    "  done",
    '  case "$path" in',
    ...cases,
    "  esac",
    '  COMPREPLY=($(compgen -W "$words" -- "$current"))',
    "}",
  ];
}

function fishLines(node: CommandNode): string[] {
  const [, ...path] = node.path;
  const condition =
    path.length === 0
      ? "__fish_use_subcommand"
      : path.map((word) => `__fish_seen_subcommand_from ${word}`).join("; and ");
  const none =
    node.children.length === 0 || path.length === 0
      ? ""
      : `; and not __fish_seen_subcommand_from ${node.children.join(" ")}`;
  const at = `complete -c stemma -n '${condition}${none}'`;
  return [
    ...node.children.map((child) => `${at} -f -a ${child}`),
    ...node.options.map((option) => `${at} -l ${option.long.slice(2)}${option.takesValue ? " -r" : ""}`),
  ];
}
