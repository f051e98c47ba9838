import type { RepositoryId } from './reference.ts';
import { matchesWildcard } from './wildcard.ts';

/** What may or may not be pulled of an upstream: `library/*`, `org/app:v*`; `*` stands for any characters or none. */
export interface PullRule {
  /** As it is written. */
  readonly text: string;
  readonly repository: string;
  /** Undefined: the whole repository, whatever names its content. */
  readonly tag: string | undefined;
}

export const pullRuleExpectation =
  'a repository, with or without tag, in which * stands for anything, as in org/app:v*';

/** Undefined for what could match no repository. `org/app:*` is all of `org/app`. */
export function findPullRule(text: string): PullRule | undefined {
  const [, repository, tag] = /^([a-z0-9*][a-z0-9._/*-]{0,254})(?::([\w.*-]{1,128}))?$/.exec(text) ?? [];
  if (repository === undefined || repository.endsWith('/')) return undefined;
  return { text, repository, tag: tag === undefined || /^\*+$/.test(tag) ? undefined : tag };
}

/** Whether the rule is about this repository, or a tag of it. Docker Hub's official images go by both of their names. */
export function coversRepository(rule: PullRule, { upstream, repository }: RepositoryId): boolean {
  if (matchesWildcard(rule.repository, repository)) return true;
  const short = upstream === 'docker.io' && /^library\/([^/]+)$/.exec(repository)?.[1];
  return typeof short === 'string' && matchesWildcard(rule.repository, short);
}
