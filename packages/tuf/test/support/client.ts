import { StemmaError } from "@stemma/encoding";
import {
  decodeRole,
  type Effect,
  type EffectAnswer,
  type FoundTarget,
  findTarget,
  type Limits,
  loadRole,
  type Metadata,
  refresh,
  type Targets,
  TrustedMetadata,
  type Workflow,
} from "../../src/index.ts";
import { NOW, type Repository } from "./repository.ts";

/**
 * A client with a pinned root and a cache that survives from one call to the next, as a process started again would have
 * it. Each call is a new client session.
 */
export class Client {
  readonly repository: Repository;
  pinned: Uint8Array;
  time = NOW;
  limits: Limits | undefined;
  /** The newest kept bytes of each role but root, as files on a disk. */
  readonly cache = new Map<string, Uint8Array>();
  readonly roots = new Map<number, Uint8Array>();

  constructor(repository: Repository) {
    this.repository = repository;
    this.pinned = repository.file("1.root");
  }

  session(): TrustedMetadata {
    return TrustedMetadata.create(this.pinned, {
      time: this.time,
      ...(this.limits === undefined ? {} : { limits: this.limits }),
    });
  }

  refresh(trusted: TrustedMetadata = this.session()): TrustedMetadata {
    this.run(refresh(trusted));
    return trusted;
  }

  find(path: string, trusted: TrustedMetadata = this.session()): FoundTarget | undefined {
    return this.run(findTarget(trusted, path));
  }

  load(role: string, trusted: TrustedMetadata = this.session()): Metadata<Targets> {
    return this.run(loadRole(trusted, role));
  }

  /** The version in the cache. */
  version(role: string): number | undefined {
    if (role === "root")
      return Math.max(decodeRole("root", this.pinned).signed.version, ...this.roots.keys());
    const bytes = this.cache.get(role);
    return bytes === undefined ? undefined : decodeRole(role, bytes).signed.version;
  }

  run<T>(workflow: Workflow<T>): T {
    let step = workflow.next(undefined);
    while (step.done !== true) step = workflow.next(this.answer(step.value));
    return step.value;
  }

  private answer(effect: Effect): EffectAnswer {
    switch (effect.kind) {
      case "metadata":
        if (effect.from === "remote") return this.repository.fetch(effect.role, effect.version);
        return effect.role === "root" ? this.roots.get(effect.version ?? 0) : this.cache.get(effect.role);
      case "keep":
        if (effect.role === "root") this.roots.set(effect.version, effect.bytes);
        else this.cache.set(effect.role, effect.bytes);
        return undefined;
      default:
        throw new Error(`the TUF workflow does not ask for ${effect.kind}`);
    }
  }
}

/** The code of the refusal, or "accepted". */
export function codeOf(action: () => unknown): string {
  try {
    action();
    return "accepted";
  } catch (error) {
    if (error instanceof StemmaError) return error.code;
    throw error;
  }
}
