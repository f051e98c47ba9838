import type { Descriptor } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import type { RepositoryId } from '../oci/reference.ts';
import type { ContentRecord, TagRecord } from './catalog.ts';
import type { CatalogChange } from './catalog-protocol.ts';

/** What a pending change makes of a row: `null` means that it is gone, undefined that no change touches it. */
type Pending<T> = T | null | undefined;

export interface LinkedDigest {
  readonly repository: RepositoryId;
  readonly digest: Digest;
}

export interface PendingUse {
  readonly lastUsedMs: number;
  readonly hits: number;
}

/**
 * The changes that are not in the database yet, in the form in which reads want them, so that every read
 * sees every write before it.
 */
export interface CatalogOverlay {
  /** `number` grows with every change; `base` gives the row that a promotion changes. */
  apply(number: number, change: CatalogChange, base: (digest: Digest) => ContentRecord | undefined): void;
  /** Changes up to `number` are in the database, or lost. */
  settle(number: number): void;
  content(digest: Digest): Pending<ContentRecord>;
  contents(): ReadonlyMap<Digest, ContentRecord | null>;
  uses(): ReadonlyMap<Digest, PendingUse>;
  children(manifest: Digest): Pending<readonly Descriptor[]>;
  manifests(): ReadonlyMap<Digest, readonly Descriptor[] | null>;
  hasLink(repository: RepositoryId, digest: Digest): boolean | undefined;
  links(): readonly LinkedDigest[];
  tag(repository: RepositoryId, tag: string): Pending<TagRecord>;
  /** Tags of the repository that a change is about, and what it makes of them. */
  tags(repository: RepositoryId): readonly (readonly [tag: string, record: TagRecord | null])[];
  state(key: string): string | undefined;
}

function repositoryKey({ upstream, repository }: RepositoryId, name: string): string {
  return `${upstream}\n${repository}\n${name}`;
}

/** A map whose entries leave when the change that made them has settled. */
class PendingMap<K, V> {
  readonly values = new Map<K, V>();
  readonly #numbers = new Map<K, number>();

  set(key: K, value: V, number: number): void {
    this.values.set(key, value);
    // Taken out first, so that the numbers stay in order.
    this.#numbers.delete(key);
    this.#numbers.set(key, number);
  }

  delete(key: K): void {
    this.values.delete(key);
    this.#numbers.delete(key);
  }

  settle(upTo: number): void {
    for (const [key, number] of this.#numbers) {
      if (number > upTo) return;
      this.delete(key);
    }
  }
}

export function createCatalogOverlay(): CatalogOverlay {
  const content = new PendingMap<Digest, ContentRecord | null>();
  const uses = new PendingMap<Digest, PendingUse>();
  const children = new PendingMap<Digest, readonly Descriptor[] | null>();
  const links = new PendingMap<string, LinkedDigest>();
  const unlinked = new PendingMap<Digest, true>();
  const tags = new PendingMap<string, TagRecord | null>();
  const states = new PendingMap<string, string>();

  function removeContent(digest: Digest, number: number): void {
    content.set(digest, null, number);
    children.set(digest, null, number);
    unlinked.set(digest, true, number);
    uses.delete(digest);
    for (const [key, link] of links.values) if (link.digest === digest) links.delete(key);
  }

  return {
    apply(number, change, base) {
      switch (change.type) {
        case 'add-content':
          return content.set(change.record.digest, change.record, number);
        case 'promote-content': {
          const record = base(change.digest);
          if (record !== undefined) content.set(change.digest, { ...record, provenance: 'public' }, number);
          return;
        }
        case 'remove-content':
          return removeContent(change.digest, number);
        case 'touch-content': {
          const hits = change.hits + (uses.values.get(change.digest)?.hits ?? 0);
          return uses.set(change.digest, { lastUsedMs: change.lastUsedMs, hits }, number);
        }
        case 'set-children':
          return children.set(change.manifest, change.children, number);
        case 'add-link': {
          const { repository, digest } = change;
          return links.set(repositoryKey(repository, digest), { repository, digest }, number);
        }
        case 'set-tag':
          return tags.set(repositoryKey(change.repository, change.tag), change.record, number);
        case 'remove-tag':
          return tags.set(repositoryKey(change.repository, change.tag), null, number);
        // Pins are known to the catalog itself; what they mean is found out in the database.
        case 'add-pin':
        case 'remove-pin':
        case 'apply-pins':
          return undefined;
        case 'set-state':
          return states.set(change.key, change.value, number);
      }
    },
    settle(number) {
      for (const map of [content, uses, children, links, unlinked, tags, states]) map.settle(number);
    },
    content: (digest) => content.values.get(digest),
    contents: () => content.values,
    uses: () => uses.values,
    children: (manifest) => children.values.get(manifest),
    manifests: () => children.values,
    hasLink(repository, digest) {
      if (links.values.has(repositoryKey(repository, digest))) return true;
      return unlinked.values.has(digest) ? false : undefined;
    },
    links: () => [...links.values.values()],
    tag: (repository, tag) => tags.values.get(repositoryKey(repository, tag)),
    tags(repository) {
      const start = repositoryKey(repository, '');
      const pending = [...tags.values].filter(([key]) => key.startsWith(start));
      return pending.map(([key, record]) => [key.slice(start.length), record]);
    },
    state: (key) => states.values.get(key),
  };
}
