import { describe, expect, test } from '@jest/globals';
import { Breaker, type ProbeResult } from '../../../src/upstream/breaker.ts';
import { createManualClock } from './fixture.ts';

const anAnswer = { isSilence: false, isAnswer: true };

describe('a breaker', () => {
  const create = () => {
    const clock = createManualClock();
    const probes: { result: ProbeResult; count: number } = { result: 'silent', count: 0 };
    const states: string[] = [];
    const breaker = new Breaker({
      clock,
      async probe() {
        probes.count += 1;
        return await Promise.resolve(probes.result);
      },
      onChange: (state) => void states.push(state),
    });
    const fail = (times: number) => {
      for (let n = 0; n < times; n += 1) breaker.start().failed(anAnswer);
    };
    const succeed = (times: number) => {
      for (let n = 0; n < times; n += 1) breaker.start().succeeded();
    };
    /** Lets what a timer has begun come to its end. */
    const pass = async (ms: number) => {
      clock.advance(ms);
      for (let n = 0; n < 10; n += 1) await Promise.resolve();
    };
    return { breaker, clock, probes, states, fail, succeed, pass };
  };

  test('opens after 5 failures in 10 s', () => {
    const { breaker, clock, fail } = create();
    fail(4);
    clock.advance(10_000);
    fail(4);
    expect(breaker.state).toBe('closed');
    fail(1);
    expect(breaker.state).toBe('open');
    expect(breaker.findWaitMs()).toBe(2_000);
  });

  test('stays closed where more than half succeeds', () => {
    const { breaker, fail, succeed } = create();
    for (let n = 0; n < 50; n += 1) {
      succeed(2);
      fail(1);
    }
    expect(breaker.state).toBe('closed');
    fail(40);
    expect(breaker.state).toBe('open');
  });

  test('opens after one request that waited its full time while nobody was answered', () => {
    const { breaker, clock } = create();
    const other = breaker.start();
    const first = breaker.start();
    clock.advance(10);
    other.succeeded();
    first.failed({ isSilence: true, isAnswer: false });
    expect(breaker.state).toBe('closed');
    clock.advance(1);
    const second = breaker.start();
    clock.advance(10);
    second.failed({ isSilence: true, isAnswer: false });
    expect(breaker.state).toBe('open');
  });

  test('is closed by a probe, one every 2 s', async () => {
    const { breaker, probes, fail, pass, states } = create();
    fail(5);
    await pass(1_999);
    expect(probes.count).toBe(0);
    await pass(1);
    expect(probes.count).toBe(1);
    for (let n = 0; n < 100; n += 1) breaker.findWaitMs();
    await pass(1_999);
    expect(probes.count).toBe(1);
    probes.result = 'well';
    await pass(1);
    expect([probes.count, breaker.state, breaker.findWaitMs()]).toEqual([2, 'closed', undefined]);
    expect(states).toEqual(['open', 'closed']);
  });

  test('is probed no longer than a minute after the last who wanted to pass; then the next one finds out', async () => {
    const { breaker, probes, fail, pass, clock } = create();
    fail(5);
    for (let n = 0; n < 100; n += 1) await pass(2_000);
    expect([probes.count, breaker.state]).toEqual([30, 'half-open']);
    expect(breaker.findWaitMs()).toBeUndefined();
    fail(1);
    expect(breaker.state).toBe('open');
    clock.advance(500_000);
    expect(breaker.state).toBe('half-open');
    breaker.start().succeeded();
    expect(breaker.state).toBe('closed');
  });

  test('lets a request try after 30 s of probes that are answered with 5xx', async () => {
    const { breaker, probes, fail, pass } = create();
    probes.result = 'ill';
    fail(5);
    for (let n = 0; n < 14; n += 1) await pass(2_000);
    expect(breaker.state).toBe('open');
    await pass(2_000);
    expect(breaker.state).toBe('half-open');
  });

  test('ignores what was under way when it opened', () => {
    const { breaker, fail } = create();
    const early = breaker.start();
    fail(5);
    early.succeeded();
    expect(breaker.state).toBe('open');
  });

  test('probes no more once it is closed for good', async () => {
    const { breaker, probes, fail, pass } = create();
    fail(5);
    breaker.close();
    breaker.findWaitMs();
    await pass(10_000);
    expect(probes.count).toBe(0);
  });
});
