import { encodeBase64, type JsonObject, jsonObject, utf8 } from "@stemma/encoding";
import type { Artifacts } from "./artifacts.ts";
import { type DescriptorContent, type StatementContent, writeDescriptor } from "./attest.ts";
import type { LinkContent } from "./authoring.ts";
import { LINK_TYPE } from "./predicates/link.ts";
import { PROVENANCE_TYPE } from "./predicates/provenance.ts";

/** The `buildType` of a command that `stemma run` ran; docs/attestations.md says what its parameters mean. */
export const RUN_BUILD_TYPE = "https://stemma.dev/run/v1";

/** What is known of a command that was run, beyond what a link says. */
export interface RunContent extends LinkContent {
  /** A URI for whatever ran the command; whoever verifies knows it and the key that goes with it. */
  readonly builderId: string;
  readonly startedOn: Date;
  readonly finishedOn: Date;
}

/**
 * A link as a statement (in-toto attestation, Link 0.3): its products are the subjects. Throws nothing; `writeStatement`
 * refuses a link without products, because it would be about nothing.
 */
export function linkStatement(link: LinkContent): StatementContent {
  return {
    subjects: descriptorsOf(link.products),
    predicateType: LINK_TYPE,
    predicate: jsonObject({
      name: link.name,
      command: link.command,
      materials: descriptorsOf(link.materials).map(writeDescriptor),
      byproducts: link.byproducts ?? new Map(),
      environment: link.environment ?? new Map(),
    }),
  };
}

/**
 * A run as provenance (SLSA 1.2, Build: Provenance). The command is an external parameter: whoever ran it chose it. The
 * step's name is for people. What the command printed is a byproduct, where the link has it.
 */
export function provenanceStatement(run: RunContent): StatementContent {
  return {
    subjects: descriptorsOf(run.products),
    predicateType: PROVENANCE_TYPE,
    predicate: jsonObject({
      buildDefinition: jsonObject({
        buildType: RUN_BUILD_TYPE,
        externalParameters: jsonObject({ command: run.command }),
        internalParameters: jsonObject({ step: run.name }),
        resolvedDependencies: descriptorsOf(run.materials).map(writeDescriptor),
      }),
      runDetails: jsonObject({
        builder: jsonObject({ id: run.builderId }),
        metadata: jsonObject({ startedOn: moment(run.startedOn), finishedOn: moment(run.finishedOn) }),
        byproducts: byproductsOf(run.byproducts ?? new Map()),
      }),
    }),
  };
}

function descriptorsOf(artifacts: Artifacts): DescriptorContent[] {
  return [...artifacts].map(([name, digest]) => ({ name, digest }));
}

/** Texts among a link's byproducts, such as what the command printed: each a resource that holds its own content. */
function byproductsOf(byproducts: JsonObject): JsonObject[] {
  return [...byproducts].flatMap(([name, value]) =>
    typeof value === "string" && value !== ""
      ? [jsonObject({ name, mediaType: "text/plain", content: encodeBase64(utf8(value)) })]
      : [],
  );
}

/** RFC 3339, whole seconds (in-toto attestation 1.1, Timestamp). */
export function moment(time: Date): string {
  return time.toISOString().replace(/\.\d{3}Z$/, "Z");
}
