import type { Digest } from '../oci/digest.ts';
import { isMirrorError, MirrorError } from '../oci/errors.ts';
import type { Provenance } from '../oci/provenance.ts';
import type { Catalog } from '../store/catalog.ts';
import type { ContentStore, StoredObject } from '../store/content-store.ts';
import type { Inventory } from '../store/inventory.ts';
import { audienceOf, repositoryOf, type Door } from './door.ts';
import type { Fill } from './fill/fill.ts';
import { SingleFlight } from './single-flight.ts';
import type { Source } from './fill/sources.ts';

export interface VisibilityOptions {
  readonly catalog: Catalog;
  readonly content: Pick<ContentStore, 'promote'>;
  readonly inventory: Pick<Inventory, 'isArriving'>;
}

/**
 * Who may see what. Public content leaves through any door. Restricted content leaves only through a repository
 * for which upstream itself has answered 200 for exactly this digest; whatever else is said or fails, it is closed.
 */
export class Visibility {
  readonly #catalog: Catalog;
  readonly #content: Pick<ContentStore, 'promote'>;
  readonly #inventory: Pick<Inventory, 'isArriving'>;
  readonly #checks = new SingleFlight<Provenance>();

  constructor({ catalog, content, inventory }: VisibilityOptions) {
    this.#catalog = catalog;
    this.#content = content;
    this.#inventory = inventory;
  }

  /** Whether stored content may leave through this door, as far as it is known without asking upstream. */
  isShown(object: StoredObject, door: Door): boolean {
    if (object.provenance === 'public') return true;
    return door.isGuest !== true && this.#catalog.hasLink(repositoryOf(door), object.digest);
  }

  /** Returns when stored content may leave through this door. @throws MirrorError as for an absent blob, or 503 when nobody can say */
  async requireStored(object: StoredObject, door: Door, kind: 'blob' | 'manifest'): Promise<void> {
    if (this.isShown(object, door)) return;
    const repository = repositoryOf(door);
    const provenance = await this.#ask(door, object.digest, kind);
    void this.#catalog.addLink(repository, object.digest);
    if (provenance === 'public') await this.#promote(object);
  }

  /** Returns when a pull through `source` may see bytes of a running fill; waits for upstream's first answer. */
  async requireFill(fill: Fill, source: Source, signal: AbortSignal): Promise<void> {
    for (;;) {
      signal.throwIfAborted();
      if (fill.provenance === 'public' || source.provenance !== undefined) return;
      if (source.refusal !== undefined) throw source.refusal;
      if (fill.failure !== undefined) throw fill.failure;
      if (source.upstream.account !== undefined && fill.sources.isProvenFor(source)) return;
      if (fill.state === 'bypassed' || fill.provenance === 'restricted') {
        fill.prove(source, await this.#ask(source, fill.digest, 'blob'));
        return;
      }
      await fill.progress.wait(signal);
    }
  }

  /**
   * Somebody may have it without a login: now everybody may. A store that cannot move it leaves it restricted, and so
   * does what is not on file yet, until somebody asks again.
   */
  async #promote(object: StoredObject): Promise<void> {
    if (this.#inventory.isArriving(object.digest)) return;
    try {
      await this.#content.promote(object);
    } catch {
      return;
    }
    void this.#catalog.promoteContent(object.digest);
  }

  async #ask(door: Door, digest: Digest, kind: 'blob' | 'manifest'): Promise<Provenance> {
    const key = [door.upstream.name, door.repository, audienceOf(door), digest, kind];
    return await this.#checks.run(key, async () => await this.#head(door, digest, kind));
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
