import { beforeEach, describe, expect, test } from '@jest/globals';
import { AccessChecks, type AccessCheck, type Subject } from '../../../src/mirror/access-checks.ts';
import { AccessVerdicts } from '../../../src/mirror/access-verdicts.ts';
import { MirrorError } from '../../../src/oci/errors.ts';
import { createManualClock, type ManualClock } from '../http/manual-clock.ts';
import { ScriptedUpstream } from './fakes/scripted-upstream.ts';
import { createImage } from './fakes/test-manifests.ts';

const subject: Subject = { kind: 'manifest', reference: { type: 'tag', tag: 'latest' } };
const ask = 'HEAD library/a:latest';

describe('a check of a caller', () => {
  let clock: ManualClock;
  let upstream: ScriptedUpstream;
  let checks: AccessChecks;

  function check(more: Partial<AccessCheck> = {}): Promise<string> {
    return checks.check({
      caller: 'key',
      isAnybody: false,
      upstream,
      session: 1,
      repository: 'library/a',
      subject,
      ttlMs: 60_000,
      absentMs: 10_000,
      patienceMs: Infinity,
      ...more,
    });
  }

  beforeEach(() => {
    clock = createManualClock(1_000_000);
    upstream = new ScriptedUpstream();
    checks = new AccessChecks(new AccessVerdicts(clock), clock);
    upstream.publish(createImage('a'), { tag: 'latest', provenance: 'restricted' });
  });

  test('is made once for all who wait, and counts for its time', async () => {
    const release = upstream.hold(ask);
    const other: Subject = { kind: 'manifest', reference: { type: 'tag', tag: 'other' } };
    const waiting = [check(), check(), check({ subject: other })];
    release();
    expect(await Promise.all(waiting)).toEqual(['granted', 'granted', 'granted']);
    clock.advance(59_999);
    expect(await check()).toBe('granted');
    expect(upstream.asked).toEqual([ask]);
    clock.advance(1);
    expect(await check()).toBe('granted');
    expect(upstream.asked).toEqual([ask, ask]);
  });

  test('that is refused is remembered for its time, for all of the repository', async () => {
    upstream.failure = new MirrorError({ kind: 'upstream-denied', message: 'no', isFinal: true, isDenial: true });
    expect(await check()).toBe('refused');
    expect(await check({ subject: { kind: 'list' } })).toBe('refused');
    expect(upstream.asked).toEqual([ask]);
    upstream.failure = undefined;
    clock.advance(60_000);
    expect(await check()).toBe('granted');
  });

  test('that finds nothing is remembered for that thing, and not for long', async () => {
    const absent: Subject = { kind: 'manifest', reference: { type: 'tag', tag: 'none' } };
    expect(await check({ subject: absent })).toBe('absent');
    expect(await check({ subject: absent })).toBe('absent');
    expect(upstream.asked).toEqual(['HEAD library/a:none']);
    clock.advance(10_000);
    expect(await check({ subject: absent })).toBe('absent');
    expect(upstream.asked).toHaveLength(2);
    expect(await check()).toBe('granted');
  });

  test('that fails is no verdict: it is made again by whoever comes next', async () => {
    upstream.failure = new MirrorError({ kind: 'upstream-throttled', message: 'slow down', retryAfterMs: 3_000 });
    await expect(check()).rejects.toMatchObject({ kind: 'upstream-paused', retryAfterMs: 3_000 });
    upstream.failure = undefined;
    expect(await check()).toBe('granted');
  });

  test('is waited for no longer than patience lasts, and counts when it ends', async () => {
    const release = upstream.hold(ask);
    const waiting = check({ patienceMs: 2_000 });
    const failure = expect(waiting).rejects.toMatchObject({ kind: 'upstream-paused' });
    await Promise.resolve();
    clock.advance(2_000);
    await failure;
    release();
    expect(await check({ patienceMs: 2_000 })).toBe('granted');
    expect(upstream.asked).toEqual([ask]);
    expect(clock.pending).toBe(0);
  });

  test('is not believed of anybody where the mirror itself is let in', async () => {
    expect(await check({ caller: 'anybody docker.io', isAnybody: true })).toBe('refused');
  });

  test('with no time at all is made each time', async () => {
    await check({ ttlMs: 0 });
    await check({ ttlMs: 0 });
    expect(upstream.asked).toEqual([ask, ask]);
  });
});
