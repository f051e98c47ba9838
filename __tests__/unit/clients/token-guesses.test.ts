import { expect, test } from '@jest/globals';
import { createTokenGuesses, type TokenVerdict } from '../../../src/clients/token-guesses.ts';
import { createManualClock } from '../http/manual-clock.ts';

const guesser = '192.0.2.1';
/** Until everything that can go on has done so. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function setUp() {
  // Not 0, which lru-cache takes for no time at all.
  const clock = createManualClock(1);
  const guesses = createTokenGuesses(clock);
  let last = 0;
  const guess = (address = guesser): Promise<TokenVerdict> =>
    guesses.settle({ text: `wrong ${(last += 1)}`, isRight: false }, address);
  const repeat = (address = guesser): Promise<TokenVerdict> =>
    guesses.settle({ text: 'the same', isRight: false }, address);
  const bring = (address = guesser): Promise<TokenVerdict> => guesses.settle({ text: 'right', isRight: true }, address);
  const guessTooOften = async (): Promise<void> => {
    const verdicts = Array.from({ length: 40 }, () => guess());
    await settle();
    clock.advance(4_000);
    await Promise.all(verdicts);
  };
  return { clock, guess, repeat, bring, guessTooOften };
}

test('ten wrong tokens cost nothing, and the next one is answered late', async () => {
  const { clock, guess } = setUp();
  for (let time = 0; time < 10; time += 1) expect(await guess()).toBe('wrong');
  let verdict: TokenVerdict | undefined;
  void guess().then((late) => (verdict = late));
  clock.advance(249);
  await settle();
  expect(verdict).toBeUndefined();
  clock.advance(1);
  await settle();
  expect(verdict).toBe('wrong');
});

test('guesses at the same time are no more guesses', async () => {
  const { clock, guess } = setUp();
  const verdicts = Array.from({ length: 40 }, () => guess());
  await settle();
  clock.advance(250);
  const told = await Promise.all(verdicts);
  expect(told.filter((verdict) => verdict === 'wrong').length).toBeLessThanOrEqual(16);
  expect(told.at(-1)).toEqual({ retryAfterMs: expect.any(Number) });
});

test('who has guessed too often is not told of the right one either, until the time that was named', async () => {
  const { clock, bring, guessTooOften } = setUp();
  await guessTooOften();
  const verdict = await bring();
  const waitMs = typeof verdict === 'object' ? verdict.retryAfterMs : 0;
  expect(waitMs).toBeGreaterThan(0);
  clock.advance(waitMs);
  const late = bring();
  clock.advance(4_000);
  expect(await late).toBe('right');
});

test('others go on, and so does whoever came with the right one from there before', async () => {
  const { guess, bring, guessTooOften } = setUp();
  expect(await bring()).toBe('right');
  await guessTooOften();
  expect(await bring()).toBe('right');
  expect(await guess()).toEqual({ retryAfterMs: expect.any(Number) });
  expect(await bring('192.0.2.2')).toBe('right');
  expect(await guess('192.0.2.2')).toBe('wrong');
});

test('that the right one came from there is forgotten after a day', async () => {
  const { clock, bring, guessTooOften } = setUp();
  await bring();
  clock.advance(24 * 60 * 60_000 + 1);
  await guessTooOften();
  expect(await bring()).toEqual({ retryAfterMs: expect.any(Number) });
});

test('the same wrong one again and again is one guess', async () => {
  const { guess, repeat } = setUp();
  for (let time = 0; time < 100; time += 1) expect(await repeat()).toBe('wrong');
  for (let time = 0; time < 9; time += 1) expect(await guess()).toBe('wrong');
});
