import type { Descriptor } from '../../../../src/oci/descriptor.ts';
import type { Digest } from '../../../../src/oci/digest.ts';
import type { RepositoryId } from '../../../../src/oci/reference.ts';
import type { Pin } from '../../../../src/oci/pin.ts';
import type {
  Catalog,
  ContentKind,
  ContentRecord,
  ContentTotals,
  EvictableKind,
  TagRecord,
} from '../../../../src/store/catalog.ts';
import type { StoredObject } from '../../../../src/store/content-store.ts';

/** A catalog in maps: what is written is read at once. */
export class MemoryCatalog implements Catalog {
  readonly contents = new Map<Digest, ContentRecord>();
  readonly children = new Map<Digest, readonly Descriptor[]>();
  readonly touched: Digest[] = [];
  readonly #links = new Map<string, RepositoryId>();
  readonly #tags = new Map<string, TagRecord>();

  findContent(digest: Digest): ContentRecord | undefined {
    return this.contents.get(digest);
  }

  findStored(digest: Digest): ContentRecord | undefined {
    return this.contents.get(digest);
  }

  async addContent(object: StoredObject, facts: { readonly mediaType: string | undefined }): Promise<void> {
    const kind = facts.mediaType === undefined ? 'once' : 'manifest';
    this.contents.set(object.digest, { ...object, ...facts, kind, lastUsedMs: 0, hits: 0 });
    await Promise.resolve();
  }

  async promoteContent(digest: Digest): Promise<void> {
    const record = this.contents.get(digest);
    if (record !== undefined) this.contents.set(digest, { ...record, provenance: 'public' });
    await Promise.resolve();
  }

  async removeContent(digest: Digest): Promise<void> {
    this.contents.delete(digest);
    this.children.delete(digest);
    for (const key of this.#links.keys()) if (key.endsWith(digest)) this.#links.delete(key);
    await Promise.resolve();
  }

  touchContent(digest: Digest): void {
    this.touched.push(digest);
  }

  useTimeMs(): number {
    return 0;
  }

  async listEvictable(kind: EvictableKind, limit: number): Promise<readonly ContentRecord[]> {
    return await Promise.resolve([...this.contents.values()].filter((record) => record.kind === kind).slice(0, limit));
  }

  listContent(prefix: string): readonly ContentRecord[] {
    return [...this.contents.values()].filter(({ digest }) => digest.startsWith(prefix));
  }

  totalsByKind(): Readonly<Record<ContentKind, ContentTotals>> {
    const none = { objects: 0, bytes: 0 };
    return { once: this.totals(), reused: none, manifest: none, pinned: none };
  }

  listPins(): readonly Pin[] {
    return [];
  }

  async addPin(): Promise<void> {
    await Promise.resolve();
  }

  async removePin(): Promise<void> {
    await Promise.resolve();
  }

  async applyPins(): Promise<void> {
    await Promise.resolve();
  }

  findState(): string | undefined {
    return undefined;
  }

  async setState(): Promise<void> {
    await Promise.resolve();
  }

  totals(): { readonly objects: number; readonly bytes: number } {
    const records = [...this.contents.values()];
    return { objects: records.length, bytes: records.reduce((sum, record) => sum + record.sizeBytes, 0) };
  }

  async setChildren(manifest: Digest, children: readonly Descriptor[]): Promise<void> {
    this.children.set(manifest, children);
    await Promise.resolve();
  }

  childrenOf(manifest: Digest): readonly Descriptor[] {
    return this.children.get(manifest) ?? [];
  }

  findDescriptor(repository: RepositoryId, digest: Digest): Descriptor | undefined {
    for (const [manifest, children] of this.children) {
      const claim = children.find((child) => child.digest === digest);
      if (claim !== undefined && this.hasLink(repository, manifest)) return claim;
    }
    return undefined;
  }

  hasLink(repository: RepositoryId, digest: Digest): boolean {
    return this.#links.has(keyOf(repository, digest));
  }

  async addLink(repository: RepositoryId, digest: Digest): Promise<void> {
    this.#links.set(keyOf(repository, digest), repository);
    await Promise.resolve();
  }

  findTag(repository: RepositoryId, tag: string): TagRecord | undefined {
    return this.#tags.get(keyOf(repository, tag));
  }

  listTagsLeadingTo(repository: RepositoryId, digest: Digest): readonly string[] {
    const start = keyOf(repository, '');
    const leads = (from: Digest): boolean =>
      from === digest || (this.children.get(from) ?? []).some((child) => leads(child.digest));
    const tags = [...this.#tags].filter(([key, record]) => key.startsWith(start) && leads(record.digest));
    return tags.map(([key]) => key.slice(start.length));
  }

  async setTag(repository: RepositoryId, tag: string, record: TagRecord): Promise<void> {
    this.#tags.set(keyOf(repository, tag), record);
    await Promise.resolve();
  }

  async removeTag(repository: RepositoryId, tag: string): Promise<void> {
    this.#tags.delete(keyOf(repository, tag));
    await Promise.resolve();
  }

  listPublicRepositories(): readonly RepositoryId[] {
    return [...this.#links.values()];
  }

  async close(): Promise<void> {
    await Promise.resolve();
  }
}

function keyOf({ upstream, repository }: RepositoryId, name: string): string {
  return `${upstream} ${repository} ${name}`;
}
