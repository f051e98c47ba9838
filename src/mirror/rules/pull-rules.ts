import { MirrorError } from '../../oci/errors.ts';
import { coversRepository, type PullRule } from '../../oci/pull-rule.ts';
import type { RepositoryId } from '../../oci/reference.ts';
import { matchesWildcard } from '../../oci/wildcard.ts';

/** What the configuration says of one upstream. */
export interface PullRuleLists {
  /** Undefined: whatever is not denied. Else nothing but this, so that an empty list allows nothing. */
  readonly allow: readonly PullRule[] | undefined;
  /** Wins over `allow`. */
  readonly deny: readonly PullRule[];
}

/** @throws MirrorError `rule-denied` when nothing of this repository may be pulled */
export function requireRepository(lists: PullRuleLists, id: RepositoryId): void {
  const rule = lists.deny.find((one) => one.tag === undefined && coversRepository(one, id));
  if (rule !== undefined) throw denied(rule.text, `denied by the rule "${rule.text}" of ${id.upstream}`);
  if (lists.allow?.some((one) => coversRepository(one, id)) === false) throw notAllowed(id, id.repository);
}

/** @throws MirrorError `rule-denied` when the repository, or this tag of it, may not be pulled */
export function requireTag(lists: PullRuleLists, id: RepositoryId, tag: string): void {
  requireRepository(lists, id);
  const rule = lists.deny.find((one) => coversTag(one, id, tag));
  if (rule !== undefined) throw denied(rule.text, `denied by the rule "${rule.text}" of ${id.upstream}`);
  if (lists.allow?.some((one) => coversTag(one, id, tag)) === false) throw notAllowed(id, `${id.repository}:${tag}`);
}

/** Whether it depends on the tag what of this repository may be pulled. */
export function hasTagRules({ allow, deny }: PullRuleLists, id: RepositoryId): boolean {
  const isAboutTags = (one: PullRule): boolean => one.tag !== undefined && coversRepository(one, id);
  if (deny.some(isAboutTags)) return true;
  return allow?.some((one) => one.tag === undefined && coversRepository(one, id)) === false;
}

/**
 * Of content that is pulled by digest, the tags of this repository that are known to lead to it.
 * @throws MirrorError `rule-denied` when there are some, and none that may be pulled
 */
export function requireLeadingTag(lists: PullRuleLists, id: RepositoryId, tags: readonly string[]): void {
  const denials = tags.map((tag) => findDenial(() => requireTag(lists, id, tag)));
  const [first] = denials;
  if (first === undefined || denials.includes(undefined)) return;
  throw denied(ruleOf(first), `${first.message}: no other tag is known to lead to this content`);
}

/** The rule that a `rule-denied` error is about, as it is written. */
function ruleOf({ detail }: MirrorError): string {
  return typeof detail === 'object' && detail !== null && 'rule' in detail ? String(detail.rule) : '';
}

function coversTag(rule: PullRule, id: RepositoryId, tag: string): boolean {
  return (rule.tag === undefined || matchesWildcard(rule.tag, tag)) && coversRepository(rule, id);
}

/** What `check` throws, undefined when it lets it pass. */
export function findDenial(check: () => void): MirrorError | undefined {
  try {
    check();
    return undefined;
  } catch (error) {
    if (error instanceof MirrorError) return error;
    throw error;
  }
}

function notAllowed({ upstream }: RepositoryId, what: string): MirrorError {
  return denied('allow', `denied by the rule "allow" of ${upstream}: nothing in it matches ${what}`);
}

function denied(rule: string, message: string): MirrorError {
  return new MirrorError({ kind: 'rule-denied', message, detail: { rule }, isFinal: true });
}
