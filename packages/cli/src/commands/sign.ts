import type { EnvelopeFormat } from "@stemma/in-toto";
import { type Command, Option } from "commander";
import type { DomainOptions } from "../api.ts";
import { findAuthorities, maySign, signingStatus } from "../authority.ts";
import { act, leaf, withDomain, withSigner } from "../command.ts";
import { CliError } from "../error.ts";
import { readInput, writeOutput } from "../files.ts";
import { openSigner, type SignerOptions } from "../keys.ts";
import { type Line, note, type Outcome, styled } from "../output.ts";
import { signCeremony } from "../sign-ceremony.ts";
import { hasSigned, readSignable, type Signable } from "../signable.ts";
import { plural, short } from "../text.ts";

/** `stemma sign`: one person's signature, after showing what it is given for. */
export function addSignCommand(program: Command): void {
  const sign = withDomain(
    withSigner(leaf(program, "sign [file]", "Add a signature to a draft on disk, or to a ceremony")),
  )
    .option("--ceremony <id>", "sign what is open in this ceremony of --domain")
    .option(
      "--signers-from <file>",
      "root.json or targets.json that says who may sign (default: one beside the file)",
    )
    .option("--role <project>", "project whose metadata or layout this is")
    .option(
      "--any-key",
      "sign although those who may are others, as the file beside it or --signers-from says",
    )
    .option("--every-key-id", "sign under each key id that other in-toto tools compute for the key")
    .addOption(
      new Option("--format <format>", "envelope for a layout or link that has none yet")
        .choices(["dsse", "metablock"])
        .default("dsse"),
    );
  act(sign, signCommand);
}

interface SignOptions extends SignerOptions, DomainOptions {
  readonly ceremony?: string;
  readonly signersFrom?: string;
  readonly role?: string;
  readonly anyKey?: boolean;
  readonly everyKeyId?: boolean;
  readonly format: EnvelopeFormat;
}

async function signCommand(options: SignOptions, file: string | undefined): Promise<Outcome> {
  const { ceremony } = options;
  if ((file === undefined) === (ceremony === undefined)) {
    throw new CliError("usage", "Name either a file to sign or a --ceremony.");
  }
  if (ceremony !== undefined) {
    if (options.everyKeyId === true) throw new CliError("usage", "--every-key-id is for files.");
    return signCeremony({ ...options, ceremony });
  }
  return signFile(options, file ?? "");
}

async function signFile(options: SignOptions, file: string): Promise<Outcome> {
  const now = new Date();
  const signable = readSignable(await readInput(file), now, options.format);
  note([styled("bold", "To be signed: "), file]);
  for (const line of signable.description.lines) note(line);

  const signer = await openSigner(options);
  const { keyId } = signer.publicKey;
  const authorities = await findAuthorities(signable, file, options.signersFrom, options.role);
  if (authorities.length > 0 && !maySign(authorities, signer.publicKey) && options.anyKey !== true) {
    throw new CliError(
      "key_may_not_sign",
      `The key ${keyId} may not sign this: ${authorities.map(({ of }) => of).join(" and ")} name other keys (--any-key signs all the same).`,
    );
  }
  const already = hasSigned(signable, signer.publicKey);
  let signed: Signable = signable;
  if (!already) {
    const bytes = await signable.sign(signer, { everyKeyId: options.everyKeyId === true });
    signed = readSignable(bytes, now);
    await writeOutput(file, bytes);
  }

  const status = signingStatus(signed, authorities);
  return {
    document: {
      file,
      keyId,
      alreadySigned: already,
      signed: signable.description.document,
      signatures: signed.signatures.length,
      status,
    },
    lines: [
      [styled("good", already ? "Already signed" : "Signed"), ` ${file} with key ${short(keyId)}`],
      ...(status.length === 0
        ? [
            `  it has ${plural(signed.signatures.length, "signature")} now; how many are needed, --signers-from tells`,
          ]
        : status.flatMap(statusLines)),
    ],
  };
}

function statusLines(status: ReturnType<typeof signingStatus>[number]): Line[] {
  const count = `  as ${status.of} asks: ${status.signed.length} of ${plural(status.threshold, "signature")}`;
  if (status.met) return [[count, styled("good", " (complete)")]];
  return [count, `    may still sign: ${status.missing.map(short).join(", ")}`];
}
