import type { RepositoryId } from '../oci/reference.ts';
import type { Upstream } from '../upstream/upstream.ts';

/** Where a pull came in: the repository it named, at the upstream that serves it. */
export interface Door {
  readonly upstream: Upstream;
  readonly repository: string;
  /**
   * Nobody has said lately that whoever comes in here may see the repository: only what is public goes out, whatever
   * links there are.
   */
  readonly isGuest?: boolean;
}

/** Whoever comes in with a login of its own shares no question with others, whose answer may be another. */
export function audienceOf({ upstream }: Door): 'anybody' | 'callers' {
  return upstream.account === undefined ? 'anybody' : 'callers';
}

export function repositoryOf(door: Door): RepositoryId {
  return { upstream: door.upstream.name, repository: door.repository };
}
