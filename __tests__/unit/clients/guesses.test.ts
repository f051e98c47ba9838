import { expect, test } from '@jest/globals';
import { createGuesses } from '../../../src/clients/guesses.ts';
import { createManualClock } from '../http/manual-clock.ts';

function setUp() {
  const clock = createManualClock();
  const guesses = createGuesses(clock);
  const fail = (address: string, times: number): void => {
    for (let time = 0; time < times; time += 1) guesses.fail(address);
  };
  return { clock, guesses, fail };
}

test('ten wrong logins cost nothing, then answers come later and later, then not at all', () => {
  const { guesses } = setUp();
  const judged = Array.from({ length: 17 }, () => {
    const judgement = guesses.judge('192.0.2.1');
    guesses.fail('192.0.2.1');
    return 'delayMs' in judgement ? judgement.delayMs : 'refused';
  });
  const free = Array.from({ length: 10 }, () => 0);
  expect(judged).toEqual([...free, 250, 500, 1000, 2000, 4000, 'refused', 'refused']);
});

test('after the time that is named it may be tried once more', () => {
  const { clock, guesses, fail } = setUp();
  fail('192.0.2.1', 16);
  const judgement = guesses.judge('192.0.2.1');
  const waitMs = 'retryAfterMs' in judgement ? judgement.retryAfterMs : 0;
  expect(waitMs).toBeGreaterThan(6_000);
  clock.advance(waitMs);
  expect(guesses.judge('192.0.2.1')).toEqual({ delayMs: 4000 });
});

test('after a minute ten are forgotten', () => {
  const { clock, guesses, fail } = setUp();
  fail('192.0.2.1', 10);
  expect(guesses.judge('192.0.2.1')).toEqual({ delayMs: 250 });
  clock.advance(60_000);
  fail('192.0.2.1', 9);
  expect(guesses.judge('192.0.2.1')).toEqual({ delayMs: 0 });
});

test('others are not held up, but for those of the same IPv6 network', () => {
  const { guesses, fail } = setUp();
  fail('2001:db8::1', 20);
  expect(guesses.judge('2001:db8::2')).toHaveProperty('retryAfterMs');
  expect(guesses.judge('2001:db8:0:1::1')).toEqual({ delayMs: 0 });
  expect(guesses.judge('192.0.2.1')).toEqual({ delayMs: 0 });
});
