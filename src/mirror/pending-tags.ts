import type { Digest } from '../oci/digest.ts';
import type { Door } from './door.ts';
import type { Verdict } from './verdict.ts';

/** Clients that HEAD a tag usually GET its digest at once; older ones are forgotten first. */
const maxManifests = 2000;
const maxTagsOfManifest = 10;

export interface PendingTag {
  readonly tag: string;
  readonly verdict: Verdict;
}

/** Tags that upstream has named a digest for, whose manifest is not here yet. */
export class PendingTags {
  readonly #byManifest = new Map<string, PendingTag[]>();

  add(door: Door, tag: string, verdict: Verdict): void {
    const key = keyOf(door, verdict.digest);
    const others = (this.#byManifest.get(key) ?? []).filter((other) => other.tag !== tag);
    this.#byManifest.delete(key);
    this.#byManifest.set(key, [...others.slice(1 - maxTagsOfManifest), { tag, verdict }]);
    for (const oldest of this.#byManifest.keys()) {
      if (this.#byManifest.size <= maxManifests) break;
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
