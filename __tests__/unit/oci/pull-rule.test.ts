import { describe, expect, test } from '@jest/globals';
import { coversRepository, findPullRule } from '../../../src/oci/pull-rule.ts';

describe('a rule', () => {
  test.each([
    ['library/*', 'library/*', undefined],
    ['*', '*', undefined],
    ['org/app:v*', 'org/app', 'v*'],
    ['org/app:*', 'org/app', undefined],
    ['*:latest', '*', 'latest'],
  ])('%s is of the repository %s and the tag %s', (text, repository, tag) => {
    expect(findPullRule(text)).toEqual({ text, repository, tag });
  });

  test.each(['', '/org', 'org/', 'Org/app', 'org/app:', ':v1', 'org/app@sha256:ab', 'org app', 'a:b:c', 'org/app:v/1'])(
    '%j is none',
    (text) => {
      expect(findPullRule(text)).toBeUndefined();
    },
  );

  test.each([
    ['alpine', 'docker.io', 'library/alpine', true],
    ['library/alpine', 'docker.io', 'library/alpine', true],
    ['alp*', 'docker.io', 'library/alpine', true],
    ['alpine', 'docker.io', 'org/alpine', false],
    ['alpine', 'ghcr.io', 'library/alpine', false],
    ['org/secret*', 'ghcr.io', 'org/secret/deep', true],
    ['org/secret', 'ghcr.io', 'org/secrets', false],
  ])('%s at %s covers %s: %s', (text, upstream, repository, isCovered) => {
    const rule = findPullRule(text);
    expect(rule && coversRepository(rule, { upstream, repository })).toBe(isCovered);
  });
});
