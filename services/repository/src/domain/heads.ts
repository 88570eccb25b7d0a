import { ServiceError } from "@stemma/contract";
import { type Domain, findDomain, type Head, type Pool, readHead } from "@stemma/store";
import { Lru } from "./lru.ts";
import type { Publications } from "./publications.ts";

/** A head that was looked at in the database at `checkedAt` (milliseconds of the monotonic clock). */
interface Known {
  readonly head: Head;
  checkedAt: number;
  checking: boolean;
}

/** How old a look at the database may be before the next one is begun, and before nothing is served from memory. */
const LOOK_AGAIN_MS = 1_000;
const TOO_OLD_MS = 5_000;

/**
 * What is current in each domain, from memory. A publish drops the entry at once (NOTIFY); should a notification be
 * lost, the look that follows each second of use finds out.
 */
export class Heads {
  readonly #pool: Pool;
  readonly #publications: Publications;
  readonly #domains = new Lru<Domain>(10_000);
  readonly #known = new Map<number, Known>();
  /** The newest epoch of each domain that this process has heard of. */
  readonly #floors = new Map<number, number>();

  constructor(pool: Pool, publications: Publications) {
    this.#pool = pool;
    this.#publications = publications;
    publications.onPublish((domainId, epoch) => this.seen(domainId, epoch));
    publications.onGap(() => this.#known.clear());
  }

  /** The domain of this name. Throws `unknown_domain`. Domains are never renamed or removed, so they are remembered. */
  async domain(name: string): Promise<Domain> {
    const known = this.#domains.get(name);
    if (known !== undefined) return known;
    const domain = await findDomain(this.#pool, name);
    if (domain === undefined) {
      throw new ServiceError("unknown_domain", `There is no trust domain ${name}.`);
    }
    this.#domains.set(name, domain, 1);
    return domain;
  }

  /** The current head. Throws `domain_not_published` before the first publish. */
  async head(domain: Domain): Promise<Head> {
    const known = this.#known.get(domain.id);
    if (known !== undefined && this.isCurrent(domain.id, known.head.epoch)) return known.head;
    const before = performance.now();
    const head = await readHead(this.#pool, domain.id);
    if (head === undefined || head.epoch === 0) {
      throw new ServiceError(
        "domain_not_published",
        `The trust domain ${domain.name} waits for the signer's first publish.`,
      );
    }
    this.#remember(head, before);
    return head;
  }

  /** Notes that an epoch is published: nothing older is current any more, even if a look at the database is still under way. */
  seen(domainId: number, epoch: number): void {
    if (epoch <= (this.#floors.get(domainId) ?? 0)) return;
    this.#floors.set(domainId, epoch);
    const known = this.#known.get(domainId);
    if (known !== undefined && known.head.epoch < epoch) this.#known.delete(domainId);
  }

  /** Whether this epoch is known, right now, to be the current one. Cheap: hot answers ask each time. */
  isCurrent(domainId: number, epoch: number): boolean {
    const known = this.#known.get(domainId);
    if (known === undefined || known.head.epoch !== epoch || !this.#publications.connected) return false;
    const age = performance.now() - known.checkedAt;
    if (age > LOOK_AGAIN_MS && !known.checking) this.#lookAgain(known);
    return age < TOO_OLD_MS;
  }

  #remember(head: Head, checkedAt: number): void {
    // An answer of the database that was overtaken by a publish must not win.
    if (head.epoch < (this.#floors.get(head.domainId) ?? 0)) return;
    this.#floors.set(head.domainId, head.epoch);
    this.#known.set(head.domainId, { head, checkedAt, checking: false });
  }

  #lookAgain(known: Known): void {
    known.checking = true;
    const before = performance.now();
    readHead(this.#pool, known.head.domainId).then(
      (head) => {
        known.checking = false;
        if (head === undefined) return;
        if (head.epoch === known.head.epoch) known.checkedAt = before;
        else this.#known.delete(known.head.domainId);
      },
      () => {
        known.checking = false;
      },
    );
  }
}
