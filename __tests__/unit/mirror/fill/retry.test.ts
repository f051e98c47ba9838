import { describe, expect, test } from '@jest/globals';
import { Retry } from '../../../../src/mirror/fill/retry.ts';

const KiB = 1024;
const resumeForMs = 60_000;

describe('asking again after a failure', () => {
  test('waits longer each time, five seconds at most', () => {
    const retry = new Retry(resumeForMs, 0);
    const delays = Array.from({ length: 8 }, () => retry.failed(1, true));
    expect(delays).toEqual([200, 500, 1000, 2000, 4000, 5000, 5000, 5000]);
  });

  test('ends when nothing to speak of has come in time', () => {
    const retry = new Retry(resumeForMs, 1000);
    expect(retry.failed(1000 + resumeForMs - 1, true)).toBe(200);
    expect(retry.failed(1000 + resumeForMs, true)).toBeUndefined();
  });

  test('begins anew, in time and in patience, with each 64 KiB', () => {
    const retry = new Retry(resumeForMs, 0);
    retry.failed(0, true);
    retry.failed(0, true);
    retry.received(64 * KiB, 50_000);
    expect(retry.failed(50_000 + resumeForMs - 1, true)).toBe(200);
    expect(retry.failed(50_000 + resumeForMs, true)).toBeUndefined();
  });

  test('takes drops for no progress until they are 64 KiB together', () => {
    const retry = new Retry(resumeForMs, 0);
    for (let kib = 1; kib < 64; kib++) retry.received(KiB, 1000 * kib);
    expect(retry.failed(resumeForMs, true)).toBeUndefined();
    retry.received(KiB, 64_000);
    expect(retry.failed(resumeForMs, true)).toBe(200);
    retry.received(63 * KiB, 64_000);
    expect(retry.failed(64_000, true)).toBe(500);
  });

  test('ends at once where an answer that never came has taken its whole time limit', () => {
    const retry = new Retry(resumeForMs, 0);
    expect(retry.failed(30_000, false)).toBeUndefined();
  });

  test('is brief while upstream has not answered at all: clients want to know', () => {
    const retry = new Retry(resumeForMs, 0);
    const delays = Array.from({ length: 4 }, () => retry.failed(0, false));
    expect(delays).toEqual([200, 500, 1000, undefined]);
  });
});
