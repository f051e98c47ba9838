import type { RepositoryId } from '../oci/reference.ts';
import type { Upstream } from '../upstream/upstream.ts';

/** Where a pull came in: the repository it named, at the upstream that serves it. */
export interface Door {
  readonly upstream: Upstream;
  readonly repository: string;
}

export function repositoryOf(door: Door): RepositoryId {
  return { upstream: door.upstream.name, repository: door.repository };
}
