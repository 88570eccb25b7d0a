import { type Command, InvalidArgumentError, Option } from "commander";
import { type Outcome, printOutcome } from "./output.ts";

/** Adds a command that does something. Every one of them can answer with one JSON document. */
export function leaf(parent: Command, usage: string, summary: string): Command {
  return parent
    .command(usage)
    .description(summary)
    .option("--json", "print one JSON document on standard output");
}

/** Gives a command its work: arguments in order, then the options. Prints what it returns and sets the exit code. */
export function act<Options extends object>(
  command: Command,
  work: (options: Options, ...args: never[]) => Promise<Outcome>,
): void {
  command.action(async (...given: unknown[]) => {
    // Commander appends the options and the command itself to the arguments.
    const args = given.slice(0, -2) as never[];
    const options = command.opts<Options & { json?: boolean }>();
    const outcome = await work(options, ...args);
    printOutcome(outcome, options.json === true);
    process.exitCode = outcome.exitCode ?? outcome.code ?? 0;
  });
}

/** `--key`, `--passphrase-file`: the private key that signs. */
export function withSigner(command: Command): Command {
  return command
    .requiredOption("--key <file>", "private key that signs (PEM PKCS#8, mode 0600)")
    .option(
      "--passphrase-file <file>",
      "file whose first line is the key's passphrase (else STEMMA_PASSPHRASE, else asked on the terminal)",
    );
}

/** `--key` or `--keyless`, and what goes with them: whoever attests something. */
export function withAttester(command: Command): Command {
  return command
    .option(
      "--key <file>",
      "private key that signs (PEM PKCS#8, mode 0600); several times for several",
      collect,
    )
    .option(
      "--passphrase-file <file>",
      "file whose first line is the keys' passphrase (else STEMMA_PASSPHRASE, else asked on the terminal)",
    )
    .option(
      "--certificate <file>",
      "PEM certificate of the one --key, for layouts that name functionaries by it",
    )
    .option("--bundle", "write a Sigstore bundle, signed by the one --key")
    .option(
      "--keyless",
      "sign with the OIDC identity of this CI job instead of a key; identity and signature become public in a log",
    )
    .option("--identity-token-file <file>", "file with the OIDC token (default: the one that CI offers)")
    .addOption(
      new Option(
        "--fulcio-url <url>",
        "Sigstore's certificate authority (default: the public instance, if no service is named)",
      ).env("STEMMA_FULCIO_URL"),
    )
    .addOption(new Option("--rekor-url <url>", "its transparency log").env("STEMMA_REKOR_URL"))
    .addOption(new Option("--tsa-url <url>", "its timestamp authority").env("STEMMA_TSA_URL"));
}

/** `--server`: the Stemma service. */
export function withServer(command: Command): Command {
  return command.addOption(
    new Option("--server <url>", "Stemma service").env("STEMMA_SERVER").default("http://127.0.0.1:8480"),
  );
}

/** `--server` and `--domain`. */
export function withDomain(command: Command): Command {
  return withServer(command).addOption(new Option("--domain <name>", "trust domain").env("STEMMA_DOMAIN"));
}

/** `--root`: what a client trusts. */
export function withPinnedRoot(command: Command): Command {
  return command.addOption(
    new Option("--root <file>", "pinned root.json, the only thing that is trusted").env("STEMMA_ROOT"),
  );
}

/** `--root` and `--cache`: what a client trusts, and what it remembers. */
export function withRoot(command: Command): Command {
  return withPinnedRoot(command).addOption(
    new Option("--cache <folder>", "folder for verified metadata (default: stemma below XDG_CACHE_HOME)").env(
      "STEMMA_CACHE",
    ),
  );
}

/** For options that may be given several times. */
export function collect(value: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), value];
}

/** Reads a threshold. */
export function atLeastOne(value: string): number {
  if (!/^[1-9][0-9]{0,2}$/.test(value)) throw new InvalidArgumentError("It must be a number from 1 to 999.");
  return Number(value);
}
