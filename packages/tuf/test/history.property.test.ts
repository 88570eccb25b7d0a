import { expect, test } from "@jest/globals";
import { StemmaError } from "@stemma/encoding";
import fc from "fast-check";
import type { TrustedMetadata } from "../src/index.ts";
import { Client } from "./support/client.ts";
import { Repository } from "./support/repository.ts";
import { newSigner } from "./support/signers.ts";

/*
 * Over any history of honest publishing, rotation of keys, dishonest mirrors and restarts: what a client trusts never goes
 * back, hangs together, and an honest repository is always reached again.
 */

type Step =
  | { readonly do: "release"; readonly roles: readonly string[] }
  | { readonly do: "rotate"; readonly role: "root" | "timestamp" | "snapshot" | "targets" | "project" }
  /** A mirror serves the state of an earlier moment, or of each file another one. */
  | { readonly do: "replay"; readonly moment: number; readonly mix: readonly number[] }
  | { readonly do: "loseCache"; readonly role: string }
  | { readonly do: "refresh" };

const role = fc.constantFrom("root", "timestamp", "snapshot", "targets", "project");
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constant("release" as const), roles: fc.subarray(["targets", "project"]) }),
  fc.record({ do: fc.constant("rotate" as const), role }),
  fc.record({
    do: fc.constant("replay" as const),
    moment: fc.nat({ max: 20 }),
    mix: fc.array(fc.nat({ max: 20 }), { maxLength: 4 }),
  }),
  fc.record({
    do: fc.constant("loseCache" as const),
    role: fc.constantFrom("snapshot", "targets", "project"),
  }),
  fc.constant({ do: "refresh" as const }),
);

const ROLES = ["root", "timestamp", "snapshot", "targets", "project"] as const;

function versions(trusted: TrustedMetadata): number[] {
  return [
    trusted.root.signed.version,
    trusted.timestamp?.signed.version ?? 0,
    trusted.snapshot?.signed.version ?? 0,
    trusted.targets("targets")?.signed.version ?? 0,
    trusted.targets("project")?.signed.version ?? 0,
  ];
}

async function rotate(repository: Repository, name: (typeof ROLES)[number]): Promise<void> {
  if (name === "project") {
    const keys = [newSigner()];
    const state = repository.role("project");
    state.keys = keys;
    const table = repository.role("targets");
    table.delegations = table.delegations.map((entry) => ({
      ...entry,
      keys: keys.map((key) => key.publicKey),
    }));
    await repository.release("targets", "project");
    return;
  }
  const old = repository.top[name].keys;
  repository.top[name].keys = [newSigner()];
  if (name === "root") repository.top.root.signing = [...old, ...repository.top.root.keys];
  await repository.publishRoot();
  if (name === "root") repository.top.root.signing = repository.top.root.keys;
  else await repository.release("targets");
}

test("trusted versions never fall, and an honest repository is always reached again", async () => {
  await fc.assert(
    fc.asyncProperty(fc.boolean(), fc.array(step, { maxLength: 20 }), async (metaHashes, steps) => {
      const repository = await Repository.create((made) => {
        made.metaHashes = metaHashes;
        made.delegate("targets", "project");
      });
      const client = new Client(repository);
      const moments = [new Map(repository.files)];
      let floor = [1, 0, 0, 0, 0];

      const visit = (): boolean => {
        const trusted = client.session();
        let reached = true;
        try {
          client.find("missing", trusted);
        } catch (error) {
          if (!(error instanceof StemmaError)) throw error;
          reached = false;
        }
        if (reached) {
          const now = versions(trusted);
          now.forEach((version, at) => {
            expect(version).toBeGreaterThanOrEqual(floor[at] as number);
          });
          floor = now;
          const { snapshot, timestamp } = trusted;
          expect(timestamp?.signed.snapshot.version).toBe(snapshot?.signed.version);
          for (const name of ["targets", "project"]) {
            expect(snapshot?.signed.meta.get(name)?.version).toBe(trusted.targets(name)?.signed.version);
          }
        }
        return reached;
      };

      for (const action of steps) {
        switch (action.do) {
          case "release":
            await repository.release(...action.roles);
            break;
          case "rotate":
            await rotate(repository, action.role);
            break;
          case "replay": {
            const served = new Map(moments[action.moment % moments.length]);
            const names = [...served.keys()];
            action.mix.forEach((moment, at) => {
              const name = names[(moment * 7 + at) % names.length] as string;
              const bytes = moments[moment % moments.length]?.get(name);
              if (bytes !== undefined) served.set(name, bytes);
            });
            repository.served = served;
            visit();
            repository.served = undefined;
            break;
          }
          case "loseCache":
            client.cache.delete(action.role);
            break;
          case "refresh":
            break;
        }
        moments.push(new Map(repository.files));
        if (action.do === "refresh") expect(visit()).toBe(true);
      }
      expect(visit()).toBe(true);
      expect(floor).toEqual([
        repository.versions.root,
        repository.versions.timestamp,
        repository.versions.snapshot,
        repository.role("targets").version,
        repository.role("project").version,
      ]);
    }),
    { numRuns: 60 },
  );
}, 60_000);
