import { beforeEach, describe, expect, test } from '@jest/globals';
import { AccessVerdicts } from '../../../src/mirror/access-verdicts.ts';
import { CallerKeys } from '../../../src/mirror/caller-keys.ts';
import { createManualClock, type ManualClock } from '../http/manual-clock.ts';

const ttlMs = 60_000;

describe('what upstream said of a caller', () => {
  let clock: ManualClock;
  let verdicts: AccessVerdicts;

  beforeEach(() => {
    clock = createManualClock(1_000_000);
    verdicts = new AccessVerdicts(clock);
  });

  test('counts from the question on, for its time and no longer', () => {
    const askedMs = clock.monotonicMs();
    clock.advance(10_000);
    verdicts.grant('caller', 'team/app', { askedMs, session: 7 });
    clock.advance(ttlMs - 10_001);
    expect(verdicts.findGranted('caller', 'team/app', ttlMs)).toEqual({ askedMs, session: 7 });
    clock.advance(1);
    expect(verdicts.findGranted('caller', 'team/app', ttlMs)).toBeUndefined();
    expect(verdicts.wasGranted('caller', 'team/app')).toBe(true);
  });

  test('is about one caller and one repository', () => {
    verdicts.grant('caller', 'team/app', { askedMs: clock.monotonicMs(), session: 1 });
    expect(verdicts.findGranted('other', 'team/app', ttlMs)).toBeUndefined();
    expect(verdicts.findGranted('caller', 'team/app2', ttlMs)).toBeUndefined();
  });

  test('is replaced by what it says next', () => {
    verdicts.grant('caller', 'team/app', { askedMs: clock.monotonicMs(), session: 1 });
    verdicts.refuse('caller', 'team/app', clock.monotonicMs() + ttlMs);
    expect(verdicts.findGranted('caller', 'team/app', ttlMs)).toBeUndefined();
    expect(verdicts.wasGranted('caller', 'team/app')).toBe(false);
    expect(verdicts.findDenied('caller', 'team/app', 'blob x')).toBe('refused');
    verdicts.grant('caller', 'team/app', { askedMs: clock.monotonicMs(), session: 2 });
    expect(verdicts.findDenied('caller', 'team/app', 'blob x')).toBeUndefined();
  });

  test('of one absent thing says nothing of others', () => {
    verdicts.miss('caller', 'team/app', { reference: 'blob x', untilMs: clock.monotonicMs() + 10_000 });
    expect(verdicts.findDenied('caller', 'team/app', 'blob x')).toBe('absent');
    expect(verdicts.findDenied('caller', 'team/app', 'blob y')).toBeUndefined();
    clock.advance(10_000);
    expect(verdicts.findDenied('caller', 'team/app', 'blob x')).toBeUndefined();
  });

  test('is forgotten when told to', () => {
    verdicts.refuse('caller', 'team/app', clock.monotonicMs() + ttlMs);
    verdicts.forget('caller', 'team/app');
    expect(verdicts.findDenied('caller', 'team/app', 'blob x')).toBeUndefined();
  });

  test('stays while others guess, and their guesses take up no more room than they may', () => {
    verdicts.grant('caller', 'team/app', { askedMs: clock.monotonicMs(), session: 1 });
    for (let i = 0; i < 30_000; i++) verdicts.refuse(`guess ${i}`, 'team/app', clock.monotonicMs() + ttlMs);
    expect(verdicts.size).toBe(10_001);
    expect(verdicts.findGranted('caller', 'team/app', ttlMs)).toBeDefined();
    expect(verdicts.findDenied('guess 29999', 'team/app', 'blob x')).toBe('refused');
    expect(verdicts.findDenied('guess 0', 'team/app', 'blob x')).toBeUndefined();
  });
});

describe('the key of a caller', () => {
  const login = { username: 'someone', password: 'secret' };

  test('is the same for the same login, and another for any other', () => {
    const keys = new CallerKeys();
    const key = keys.keyOf('docker.io', login);
    expect(keys.keyOf('docker.io', { ...login })).toBe(key);
    const others = [
      keys.keyOf('ghcr.io', login),
      keys.keyOf('docker.io', { ...login, password: 'Secret' }),
      keys.keyOf('docker.io', { username: 'someones', password: 'ecret' }),
      keys.keyOf('docker.io', { username: 'someone","secret', password: '' }),
    ];
    expect(new Set([key, ...others]).size).toBe(5);
  });

  test('is another in another process, so that nobody can guess by it', () => {
    expect(new CallerKeys().keyOf('docker.io', login)).not.toBe(new CallerKeys().keyOf('docker.io', login));
  });

  test('is one word that holds neither name nor password', () => {
    expect(new CallerKeys().keyOf('docker.io', login)).toMatch(/^[\w-]{43}$/);
  });
});
