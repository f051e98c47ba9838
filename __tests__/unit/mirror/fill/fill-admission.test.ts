import { describe, expect, test } from '@jest/globals';
import { FillAdmission, type AdmissionLimits } from '../../../../src/mirror/fill/fill-admission.ts';
import { computeDigest } from '../../../../src/oci/digest.ts';
import { createManualClock } from '../../http/manual-clock.ts';

const digest = (name: string) => computeDigest('sha256', Buffer.from(name));
const never = new AbortController().signal;

function setUp(limits: Partial<AdmissionLimits> = {}) {
  const clock = createManualClock();
  const all = { maxFills: 2, maxUpstreamFills: 2, maxWaiting: 3, ...limits };
  return { clock, limits: all, admission: new FillAdmission(() => all, clock) };
}

describe('places for fills', () => {
  test('are so many in all and for each upstream', () => {
    const { admission } = setUp({ maxFills: 3, maxUpstreamFills: 2 });
    const first = admission.tryEnter('a');
    expect(admission.tryEnter('a')).toBeDefined();
    expect(admission.tryEnter('a')).toBeUndefined();
    expect(admission.tryEnter('b')).toBeDefined();
    expect(admission.tryEnter('b')).toBeUndefined();
    first?.leave();
    first?.leave();
    expect(admission.tryEnter('b')).toBeDefined();
    expect(admission.tryEnter('b')).toBeUndefined();
  });

  test('go to who has waited longest for one that fits', async () => {
    const { admission } = setUp({ maxFills: 2, maxUpstreamFills: 1 });
    const a = admission.tryEnter('a');
    const b = admission.tryEnter('b');
    const got: string[] = [];
    const wait = async (name: string, upstream: string) => {
      const place = await admission.wait(upstream, digest(name), never);
      if (place !== undefined) got.push(name);
      return place;
    };
    const waits = [wait('first a', 'a'), wait('second a', 'a'), wait('first b', 'b')];
    b?.leave();
    await waits[2];
    expect(got).toEqual(['first b']);
    a?.leave();
    (await waits[0])?.leave();
    await waits[1];
    expect(got).toEqual(['first b', 'first a', 'second a']);
    expect(admission.waiting).toBe(0);
  });

  test('are not waited for once somebody else fetches the same', async () => {
    const { admission } = setUp({ maxFills: 1 });
    admission.tryEnter('a');
    const waits = [1, 2].map(async () => await admission.wait('a', digest('same'), never));
    admission.onStarted(digest('same'));
    expect(await Promise.all(waits)).toEqual([undefined, undefined]);
  });

  test('have a queue with an end, in length and in time', async () => {
    const { admission, clock } = setUp({ maxFills: 1, maxWaiting: 1 });
    admission.tryEnter('a');
    const waiting = admission.wait('a', digest('one'), never);
    const refusal = { kind: 'overloaded', retryAfterMs: 5000 };
    await expect(admission.wait('a', digest('two'), never)).rejects.toMatchObject(refusal);
    clock.advance(30_000);
    await expect(waiting).rejects.toMatchObject(refusal);
    expect(clock.pending).toBe(0);
  });

  test('are not kept for who has left', async () => {
    const { admission, clock } = setUp({ maxFills: 1 });
    const place = admission.tryEnter('a');
    const leaving = new AbortController();
    const waiting = admission.wait('a', digest('one'), leaving.signal);
    leaving.abort();
    await expect(waiting).rejects.toThrow();
    place?.leave();
    expect(admission.tryEnter('a')).toBeDefined();
    expect([clock.pending, admission.waiting]).toEqual([0, 0]);
  });
});
