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
  const policy = referrersTag.test(tag) ? undefined : limits.tagPolicies.find(({ match }) => matchesTag(match, tag));
  return policy?.ttlMs ?? limits.tagTtlMs;
}

/** Takes every part at its first possible place, so that there is nothing to go back to. */
export function matchesTag(pattern: string, tag: string): boolean {
  const [first = '', ...others] = pattern.split('*');
  const last = others.pop();
  if (last === undefined) return tag === first;
  if (!tag.startsWith(first) || !tag.endsWith(last)) return false;
  let position = first.length;
  for (const part of others) {
    const found = tag.indexOf(part, position);
    if (found === -1) return false;
    position = found + part.length;
  }
  return position <= tag.length - last.length;
}
