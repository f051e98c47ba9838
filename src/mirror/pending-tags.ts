import type { Digest } from '../oci/digest.ts';
import type { TagRecord } from '../store/catalog.ts';
import type { Door } from './door.ts';

/** Clients that HEAD a tag usually GET its digest at once; older ones are forgotten first. */
const maxPending = 2000;

export interface PendingTag extends Omit<TagRecord, 'digest'> {
  readonly tag: string;
}

/** Tags that upstream has named a digest for, whose manifest is not here yet. */
export class PendingTags {
  readonly #byManifest = new Map<string, PendingTag[]>();

  add(door: Door, digest: Digest, pending: PendingTag): void {
    const key = keyOf(door, digest);
    const others = (this.#byManifest.get(key) ?? []).filter((other) => other.tag !== pending.tag);
    this.#byManifest.delete(key);
    this.#byManifest.set(key, [...others.slice(-9), pending]);
    for (const oldest of this.#byManifest.keys()) {
      if (this.#byManifest.size <= maxPending) break;
      this.#byManifest.delete(oldest);
    }
  }

  take(door: Door, digest: Digest): readonly PendingTag[] {
    const key = keyOf(door, digest);
    const pending = this.#byManifest.get(key) ?? [];
    this.#byManifest.delete(key);
    return pending;
  }
}

function keyOf(door: Door, digest: Digest): string {
  return JSON.stringify([door.upstream.name, door.repository, digest]);
}
