import { describe, expect, test } from '@jest/globals';
import { SingleFlight } from '../../../src/mirror/single-flight.ts';

describe('a single flight', () => {
  test('gives everybody who asks meanwhile the one result', async () => {
    const flights = new SingleFlight<object>();
    const { promise, resolve } = Promise.withResolvers<object>();
    let runs = 0;
    const act = async (): Promise<object> => {
      runs++;
      return await promise;
    };
    const asked = [flights.run(['a'], act), flights.run(['a'], act), flights.run(['a'], act)];
    expect(flights.size).toBe(1);
    const result = {};
    resolve(result);
    for (const one of asked) expect(await one).toBe(result);
    expect(runs).toBe(1);
    expect(flights.size).toBe(0);
  });

  test('gives everybody the one error, and begins anew after it', async () => {
    const flights = new SingleFlight<string>();
    const fail = async (): Promise<string> => await Promise.reject(new Error('no'));
    const asked = [flights.run(['a'], fail), flights.run(['a'], fail)];
    for (const one of asked) await expect(one).rejects.toThrow('no');
    expect(flights.size).toBe(0);
    expect(await flights.run(['a'], async () => await Promise.resolve('yes'))).toBe('yes');
  });

  test('begins anew once the last one has landed: results are not kept', async () => {
    const flights = new SingleFlight<number>();
    let runs = 0;
    const act = async (): Promise<number> => await Promise.resolve(++runs);
    expect(await flights.run(['a'], act)).toBe(1);
    expect(await flights.run(['a'], act)).toBe(2);
  });

  test.each([
    [
      ['a', 'b'],
      ['a', 'c'],
    ],
    [
      ['a/b', 'c'],
      ['a', 'b/c'],
    ],
    [['a,b'], ['a', 'b']],
    [['a', ''], ['a']],
    [[1], ['1']],
  ])('keeps %j and %j apart', async (one, other) => {
    const flights = new SingleFlight<string>();
    const asked = [
      flights.run(one, async () => await Promise.resolve('one')),
      flights.run(other, async () => await Promise.resolve('other')),
    ];
    expect(await Promise.all(asked)).toEqual(['one', 'other']);
  });
});
