import { describe, expect, test } from '@jest/globals';
import {
  findProblem,
  placeProblem,
  toPullRequest,
  type WarmUpFields,
} from '../../../src/ui/warm-up/warm-up-request.ts';

const fields: WarmUpFields = { references: ' alpine:3.20 \n\n ghcr.io/org/app\r\n', choice: 'own', platforms: '' };

describe('the warm-up form', () => {
  test('asks for one image a line, and leaves the platform to the mirror', () => {
    expect(toPullRequest(fields)).toEqual({ references: ['alpine:3.20', 'ghcr.io/org/app'] });
  });

  test('asks for all platforms, or for those that are named', () => {
    expect(toPullRequest({ ...fields, choice: 'all' }).platforms).toBe('all');
    const some = toPullRequest({ ...fields, choice: 'some', platforms: 'linux/amd64, linux/arm64\tlinux/arm/v7' });
    expect(some.platforms).toEqual(['linux/amd64', 'linux/arm64', 'linux/arm/v7']);
  });

  test('says what is missing before it asks', () => {
    expect(findProblem(fields)).toBeUndefined();
    expect(findProblem({ ...fields, references: '\n ' })?.field).toBe('references');
    expect(findProblem({ ...fields, choice: 'some', platforms: ' , ' })?.field).toBe('platforms');
  });

  test('puts a problem of the API where it was typed, with the line that people see', () => {
    expect(placeProblem(fields, 'bad', 'references[1]')).toEqual({ field: 'references', text: 'line 3: bad' });
    expect(placeProblem(fields, 'bad', 'references')).toEqual({ field: 'references', text: 'bad' });
    expect(placeProblem(fields, 'bad', 'platforms[0]')).toEqual({ field: 'platforms', text: 'bad' });
    expect(placeProblem(fields, 'bad', undefined)).toEqual({ field: 'form', text: 'bad' });
  });
});
