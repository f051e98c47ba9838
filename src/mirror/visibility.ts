import type { Digest } from '../oci/digest.ts';
import { isMirrorError, MirrorError } from '../oci/errors.ts';
import type { Provenance } from '../oci/provenance.ts';
import type { RepositoryId } from '../oci/reference.ts';
import type { Catalog } from '../store/catalog.ts';
import type { StoredObject } from '../store/content-store.ts';
import type { Upstream } from '../upstream/upstream.ts';
import type { Fill } from './fill.ts';
import type { Source } from './sources.ts';

/** Where a pull came in: the repository it named, at the upstream that serves it. */
export interface Door {
  readonly upstream: Upstream;
  readonly repository: string;
}

/**
 * Who may see what. Public content leaves through any door. Restricted content leaves only through a repository
 * for which upstream itself has answered 200 for exactly this digest; whatever else is said or fails, it is closed.
 */
export class Visibility {
  readonly #catalog: Catalog;
  readonly #checks = new Map<string, Promise<Provenance>>();

  constructor(catalog: Catalog) {
    this.#catalog = catalog;
  }

  /** Returns when stored content may leave through this door. @throws MirrorError as for an absent blob, or 503 when nobody can say */
  async requireStored(object: StoredObject, door: Door, kind: 'blob' | 'manifest'): Promise<void> {
    if (object.provenance === 'public') return;
    const repository = repositoryOf(door);
    if (this.#catalog.hasLink(repository, object.digest)) return;
    const provenance = await this.#ask(door, object.digest, kind);
    void this.#catalog.addLink(repository, object.digest);
    if (provenance === 'public') void this.#catalog.promoteContent(object.digest);
  }

  /** Returns when a pull through `source` may see bytes of a running fill; waits for upstream's first answer. */
  async requireFill(fill: Fill, source: Source, signal: AbortSignal): Promise<void> {
    for (;;) {
      signal.throwIfAborted();
      if (fill.provenance === 'public' || source.provenance !== undefined) return;
      if (source.refusal !== undefined) throw source.refusal;
      if (fill.failure !== undefined) throw fill.failure;
      if (fill.state === 'bypassed' || fill.provenance === 'restricted') {
        fill.prove(source, await this.#ask(source, fill.digest, 'blob'));
        return;
      }
      await fill.progress.wait(signal);
    }
  }

  #ask(door: Door, digest: Digest, kind: 'blob' | 'manifest'): Promise<Provenance> {
    const key = JSON.stringify([door.upstream.name, door.repository, digest, kind]);
    const running = this.#checks.get(key);
    if (running !== undefined) return running;
    const check = this.#head(door, digest, kind).finally(() => this.#checks.delete(key));
    this.#checks.set(key, check);
    return check;
  }

  async #head({ upstream, repository }: Door, digest: Digest, kind: 'blob' | 'manifest'): Promise<Provenance> {
    try {
      const head =
        kind === 'blob'
          ? await upstream.headBlob(repository, digest)
          : await upstream.headManifest(repository, { type: 'digest', digest });
      return head.provenance;
    } catch (error) {
      if (!isMirrorError(error) || error.isFinal) throw error;
      throw new MirrorError({
        kind: 'upstream-paused',
        message: 'whether this content may be seen cannot be checked: the upstream does not answer',
        retryAfterMs: error.retryAfterMs ?? 5000,
        cause: error,
      });
    }
  }
}

export function repositoryOf(door: Door): RepositoryId {
  return { upstream: door.upstream.name, repository: door.repository };
}
