import type { DescendantsAnswer, RouteId } from "@stemma/contract";
import { asSha256Hex } from "@stemma/encoding";
import { keylessKey } from "@stemma/in-toto";
import type { Command } from "commander";
import { type Call, callServer, type DomainOptions, domainOf } from "../api.ts";
import { act, atLeastOne, leaf, withDomain } from "../command.ts";
import { CliError } from "../error.ts";
import { readPublicKeyFiles } from "../keys.ts";
import { type Line, type Outcome, progress, styled } from "../output.ts";
import { asDigest } from "../subject.ts";
import { plural } from "../text.ts";

/** `stemma descendants` and `stemma blast-radius`: what rests on something, as the service has seen verdicts rest on it. */
export function addDescendantsCommands(program: Command): void {
  const descendants = withDomain(
    leaf(program, "descendants <digest>", "List everything that is built upon a digest, directly or not"),
  ).option("--limit <n>", "list no more than this many", atLeastOne);
  act(descendants, listDescendants);

  const radius = withDomain(
    leaf(
      program,
      "blast-radius",
      "List everything that rests on a key, an identity, a piece of evidence or an artifact",
    ),
  )
    .option("--key <file>", "public key (PEM), of a functionary or of an owner")
    .option("--fingerprint <sha256>", "fingerprint of a key or an identity, as verdicts show it")
    .option("--identity <identity>", "Sigstore identity; with --issuer")
    .option("--issuer <url>", "issuer of the identity")
    .option("--certificate <name>", "holder of a certificate, as verdicts name them")
    .option("--evidence <sha256>", "piece of evidence")
    .option("--artifact <digest>", "artifact, such as a base image")
    .option("--limit <n>", "list no more than this many", atLeastOne);
  act(radius, listBlastRadius);
}

interface ListOptions extends DomainOptions {
  readonly limit?: number;
}

interface RadiusOptions extends ListOptions {
  readonly key?: string;
  readonly fingerprint?: string;
  readonly identity?: string;
  readonly issuer?: string;
  readonly certificate?: string;
  readonly evidence?: string;
  readonly artifact?: string;
}

function listDescendants(options: ListOptions, text: string): Promise<Outcome> {
  const digest = asDigest(text);
  return list(options, "listDescendants", { params: { domain: domainOf(options), digest } }, digest);
}

async function listBlastRadius(options: RadiusOptions): Promise<Outcome> {
  const [query, words] = await nodeOf(options);
  return list(options, "listBlastRadius", { params: { domain: domainOf(options) }, query }, words);
}

/** What is asked about, for the service and in words. Throws `usage` unless it is exactly one thing. */
async function nodeOf(options: RadiusOptions): Promise<readonly [Readonly<Record<string, string>>, string]> {
  const { key, fingerprint, identity, issuer, certificate, evidence, artifact } = options;
  const given = [key, fingerprint, identity, certificate, evidence, artifact].filter(
    (one) => one !== undefined,
  );
  if (given.length !== 1) {
    throw new CliError(
      "usage",
      "Name exactly one of --key, --fingerprint, --identity, --certificate, --evidence and --artifact.",
    );
  }
  if ((identity === undefined) !== (issuer === undefined)) {
    throw new CliError("usage", "--identity and --issuer belong together.");
  }
  if (key !== undefined) {
    const [one] = await readPublicKeyFiles([key]);
    const name = one?.fingerprint ?? "";
    return [{ functionary: name }, `the key ${name}`];
  }
  if (identity !== undefined && issuer !== undefined) {
    return [{ functionary: keylessKey(issuer, identity).keyId }, `${identity} of ${issuer}`];
  }
  if (fingerprint !== undefined) return [{ functionary: hex(fingerprint, "--fingerprint") }, fingerprint];
  if (evidence !== undefined) return [{ evidence: hex(evidence, "--evidence") }, `the evidence ${evidence}`];
  if (artifact !== undefined) return [{ artifact: asDigest(artifact) }, artifact];
  return [{ certificate: certificate ?? "" }, `the certificate of ${certificate ?? ""}`];
}

function hex(text: string, option: string): string {
  try {
    return asSha256Hex(text, option);
  } catch (error) {
    throw new CliError("usage", `${option} must be a sha256 of 64 lower-case hex digits.`, { cause: error });
  }
}

/** All pages, or as many as are wanted. */
async function list(options: ListOptions, route: RouteId, call: Call, of: string): Promise<Outcome> {
  const found: DescendantsAnswer["descendants"] = [];
  const limit = options.limit ?? Number.POSITIVE_INFINITY;
  let asked: DescendantsAnswer["of"] | undefined;
  let known = false;
  let after: string | undefined;
  do {
    const query = { ...call.query, limit: String(Math.min(100, limit - found.length)), after };
    const { body } = await callServer<DescendantsAnswer>(options, route, { ...call, query });
    found.push(...body.descendants);
    ({ known, of: asked } = body);
    after = body.next;
    progress(`${plural(found.length, "artifact")}…`);
  } while (after !== undefined && found.length < limit);
  const more = after !== undefined;
  return {
    document: { of: asked, known, descendants: found, more },
    lines: [
      ...(found.length === 0
        ? [known ? `Nothing rests on ${of}.` : `No verdict here has ever rested on ${of}.`]
        : [["Rests on ", styled("bold", of), ":"] satisfies Line]),
      ...found.map(
        ({ digest, relations }): Line => [`  ${digest}  `, styled("dim", relationWords(relations))],
      ),
      ...(more ? ["… and more; leave --limit out to see all."] : []),
      [
        styled(
          "dim",
          "As the service has seen it in verdicts, when each was recorded or asked about last; what was denied is not among it.",
        ),
      ],
    ],
  };
}

function relationWords(relations: DescendantsAnswer["descendants"][number]["relations"]): string {
  if (relations.length === 0) return "by way of others";
  return relations
    .map(({ relation, grade }) => (grade === undefined ? relation : `${relation}, ${grade}`))
    .join("; ");
}
