import type { Digest } from '../oci/digest.ts';
import type { RepositoryId } from '../oci/reference.ts';
import type { CatalogOverlay } from './catalog-overlay.ts';
import type { Query } from './catalog-reader.ts';

interface Layers {
  readonly overlay: CatalogOverlay;
  readonly query: Query;
}

/** The database's answer with the pending changes laid over it; manifests may come from either, one above the other. */
export function listTagsLeadingTo({ overlay, query }: Layers, id: RepositoryId, digest: Digest): readonly string[] {
  const above = new Set<Digest>();
  const tags = new Set<string>();
  const climb = (from: Digest): void => {
    if (above.has(from)) return;
    for (const one of query((reader) => reader.listAbove(from), [from])) above.add(one);
    for (const tag of query((reader) => reader.listTagsAbove(id, from), [])) tags.add(tag);
  };
  climb(digest);
  for (let before = 0; before !== above.size;) {
    before = above.size;
    for (const [manifest, children] of overlay.manifests()) {
      if (children?.some((child) => above.has(child.digest)) === true) climb(manifest);
    }
  }
  for (const [tag, record] of overlay.tags(id)) {
    if (record !== null && above.has(record.digest)) tags.add(tag);
    else tags.delete(tag);
  }
  return [...tags];
}
