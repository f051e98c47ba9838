import { expect, test } from '@jest/globals';
import { isMirrorError, MirrorError } from '../../../src/oci/errors.ts';

test('a MirrorError is told by its kind, and keeps its cause', () => {
  const cause = new Error('below');
  const error = new MirrorError({ kind: 'upstream-failed', message: 'away', cause, retryAfterMs: 5, isFinal: true });
  expect(isMirrorError(error)).toBe(true);
  expect(isMirrorError(error, 'loop', 'upstream-failed')).toBe(true);
  expect(isMirrorError(error, 'loop')).toBe(false);
  expect(isMirrorError(cause)).toBe(false);
  expect(error).toMatchObject({ name: 'MirrorError', message: 'away', retryAfterMs: 5, isFinal: true, cause });
  expect(new MirrorError({ kind: 'loop', message: 'x' })).toMatchObject({ isFinal: false, retryAfterMs: undefined });
  expect('cause' in new MirrorError({ kind: 'loop', message: 'x' })).toBe(false);
});
