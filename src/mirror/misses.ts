import { isMirrorError } from '../oci/errors.ts';
import type { Recent } from '../store/recent.ts';
import { audienceOf, repositoryOf, type Door } from './door.ts';

export interface MissesOptions {
  /** A cache of its own, so that whoever asks for a million names that do not exist pushes nothing else out. */
  readonly misses: Recent;
  limitsOf(upstream: string): { readonly negativeTtlMs: number };
}

type Kind = 'manifest' | 'blob';

/**
 * What upstream itself has said not to be there, for `negativeTtl`. Failures, refusals and throttling say nothing
 * about that and are never kept. Looked at only where nothing is in the cache: it cannot hold up a hit.
 */
export class Misses {
  readonly #options: MissesOptions;

  constructor(options: MissesOptions) {
    this.#options = options;
  }

  /** `reference` is a tag or a digest. */
  async has(door: Door, kind: Kind, reference: string): Promise<boolean> {
    return (await this.#options.misses.find(keyOf(door, kind, reference))) === true;
  }

  /** Keeps what upstream answered, if that was an attested absence. Not waited for: the answer need not wait either. */
  remember(door: Door, kind: Kind, reference: string, error: unknown): void {
    const { negativeTtlMs } = this.#options.limitsOf(door.upstream.name);
    if (!isMirrorError(error) || !error.isAbsence || negativeTtlMs === 0) return;
    // What one caller may not see may be there for the next.
    if (error.isDenial && audienceOf(door) === 'callers') return;
    void this.#options.misses.set(keyOf(door, kind, reference), true, negativeTtlMs);
  }

  /** Upstream has just said otherwise. */
  forget(door: Door, kind: Kind, reference: string): void {
    void this.#options.misses.remove(keyOf(door, kind, reference));
  }
}

function keyOf(door: Door, kind: Kind, reference: string): string {
  const { upstream, repository } = repositoryOf(door);
  return JSON.stringify([kind, upstream, repository, audienceOf(door), reference]);
}
