import type { Command } from "commander";

/** One command, with what may follow it. */
export interface CommandNode {
  /** `["stemma", "key", "new"]`. */
  readonly path: readonly string[];
  readonly summary: string;
  /** `<file...>` and the like. */
  readonly usage: string;
  readonly children: readonly string[];
  readonly options: readonly OptionNode[];
}

export interface OptionNode {
  /** `--root-key`. */
  readonly long: string;
  /** `--root-key <file...>`. */
  readonly flags: string;
  readonly meaning: string;
  readonly takesValue: boolean;
  readonly required: boolean;
  readonly environment: string | undefined;
  readonly fallback: string | undefined;
}

/** Every command below `program`, itself first, parents before children. */
export function commandTree(program: Command): readonly CommandNode[] {
  const nodes: CommandNode[] = [];
  const visit = (command: Command, before: readonly string[]): void => {
    const path = [...before, command.name()];
    nodes.push({
      path,
      summary: command.description(),
      usage: command.registeredArguments.map(argumentText).join(" "),
      children: command.commands.map((child) => child.name()),
      options: command.options.map(optionNode),
    });
    for (const child of command.commands) visit(child, path);
  };
  visit(program, []);
  return nodes;
}

function argumentText(argument: Command["registeredArguments"][number]): string {
  const name = `${argument.name()}${argument.variadic ? "..." : ""}`;
  return argument.required ? `<${name}>` : `[${name}]`;
}

function optionNode(option: Command["options"][number]): OptionNode {
  const fallback: unknown = option.defaultValue;
  return {
    long: option.long ?? "",
    flags: option.flags,
    meaning: option.description,
    takesValue: option.required || option.optional,
    required: option.mandatory,
    environment: option.envVar,
    fallback: typeof fallback === "string" ? fallback : undefined,
  };
}
