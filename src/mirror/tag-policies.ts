import { matchesWildcard } from '../oci/wildcard.ts';

/** How long the tags that a pattern matches are believed. */
export interface TagPolicy {
  /** The whole tag, in which `*` stands for any characters or none. */
  readonly match: string;
  /** Infinity: a tag that never moves is not asked for again. */
  readonly ttlMs: number;
}

/** What clients ask for in place of the referrers API; it changes with every signature. */
const referrersTag = /^sha(?:256|512)-/;

/** For how long a tag is believed: the first policy that matches, else the plain time to live. */
export function ttlOfTag(
  tag: string,
  limits: { readonly tagTtlMs: number; readonly tagPolicies: readonly TagPolicy[] },
) {
  const policy = referrersTag.test(tag)
    ? undefined
    : limits.tagPolicies.find(({ match }) => matchesWildcard(match, tag));
  return policy?.ttlMs ?? limits.tagTtlMs;
}
