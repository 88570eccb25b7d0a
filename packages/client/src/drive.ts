import type { Effect, EffectAnswer, ForeignDomain } from "@stemma/tuf";
import { ClientError } from "./error.ts";
import type { Cache, Source, SyncSource } from "./source.ts";

/**
 * Runs a workflow against a source: answers its effects until it returns. What the source throws is thrown from
 * here and never shown to the workflow, which would have to guess whether it is evidence of anything.
 */
export async function drive<T>(
  workflow: Generator<Effect, T, EffectAnswer>,
  source: Source,
  cache?: Cache,
): Promise<T> {
  let answer: EffectAnswer;
  for (;;) {
    const step = workflow.next(answer);
    if (step.done === true) return step.value;
    answer = await answerEffect(step.value, source, cache);
  }
}

/**
 * What a source, or a cache, has to say to one effect: for workflows that run somewhere else. Throws `domain_unreachable` when the
 * effect is for another trust domain that the source knows no way to.
 */
export async function answerEffect(effect: Effect, home: Source, homeCache?: Cache): Promise<EffectAnswer> {
  const { domain } = effect;
  const source = domain === undefined ? home : home.foreign?.(domain);
  const cache = domain === undefined ? homeCache : homeCache?.foreign?.(domain);
  if (source === undefined) throw unreachableDomain(domain);
  switch (effect.kind) {
    case "metadata":
      return effect.from === "cache"
        ? cache?.load(effect.role, effect.version, effect.maxLength)
        : source.metadata(effect.role, effect.version, effect.maxLength);
    case "keep":
      await cache?.keep(effect.role, effect.version, effect.bytes);
      return undefined;
    case "target":
      return source.target(effect.path, effect.sha256, effect.length);
    case "evidence":
      return source.evidence(effect.wanted, effect.maxLength);
  }
}

/** The same for a source in memory, without a cache: no promise is made, so a bundle is verified in one go. */
export function driveSync<T>(workflow: Generator<Effect, T, EffectAnswer>, home: SyncSource): T {
  let answer: EffectAnswer;
  for (;;) {
    const step = workflow.next(answer);
    if (step.done === true) return step.value;
    const effect = step.value;
    const { domain } = effect;
    const source = domain === undefined ? home : home.foreign?.(domain);
    if (source === undefined) throw unreachableDomain(domain);
    switch (effect.kind) {
      case "metadata":
        answer =
          effect.from === "cache"
            ? undefined
            : source.metadata(effect.role, effect.version, effect.maxLength);
        break;
      case "keep":
        answer = undefined;
        break;
      case "target":
        answer = source.target(effect.path, effect.sha256, effect.length);
        break;
      case "evidence":
        answer = source.evidence(effect.wanted, effect.maxLength);
        break;
    }
  }
}

function unreachableDomain(domain: ForeignDomain | undefined): ClientError {
  return new ClientError(
    "domain_unreachable",
    `The verdict rests on the trust domain ${domain?.name} (root ${domain?.root}), and nothing says where it is to be had.`,
  );
}
