// How the targets here run: for a few seconds each in CI, and for as long as one likes by hand.
//
//   FUZZ_SECONDS=600 node scripts/test.js __tests__/fuzz    every target for ten minutes (after npm run build:tests)
//   FUZZ_SEED=… FUZZ_PATH=… node scripts/test.js __tests__/fuzz -t 'name of the target'    what failed, once more
//
// fast-check prints seed, path and the smallest input that fails.
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { MirrorError } from '../../src/oci/errors.ts';

const seconds = Number(process.env['FUZZ_SECONDS'] ?? 0);
const path = process.env['FUZZ_PATH'];
const usualRuns = 1000;

/** A target: what must hold for whatever `arbitrary` gives. With FUZZ_SECONDS it runs for that long. */
export function fuzz<T>(
  name: string,
  arbitrary: fc.Arbitrary<T>,
  check: (value: T) => void | Promise<void>,
  runs = usualRuns,
): void {
  const property = fc.asyncProperty(arbitrary, async (value) => await check(value));
  const limits =
    seconds > 0
      ? { numRuns: Number.MAX_SAFE_INTEGER, interruptAfterTimeLimit: seconds * 1000, markInterruptAsFailure: false }
      : { numRuns: runs };
  const replay = path === undefined ? {} : { path };
  test(name, async () => await fc.assert(property, { ...limits, ...replay }), (seconds + 60) * 1000);
}

/** Text near a grammar: its own words in any order, with anything between. */
export function textOf(...words: readonly string[]): fc.Arbitrary<string> {
  const word = fc.constantFrom(...words);
  const near = fc.array(fc.oneof({ arbitrary: word, weight: 6 }, anyText(8), fc.nat().map(String)), { maxLength: 24 });
  return fc.oneof({ arbitrary: near.map((parts) => parts.join('')), weight: 4 }, anyText(200));
}

/** Any text: plain, of odd characters, of halves of characters, of bytes read as Latin-1 as headers are. */
export function anyText(maxLength: number): fc.Arbitrary<string> {
  return fc.oneof(
    fc.string({ maxLength }),
    fc.string({ unit: 'binary', maxLength }),
    fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength }).map((units) => String.fromCharCode(...units)),
    fc.uint8Array({ maxLength }).map((bytes) => Buffer.from(bytes).toString('latin1')),
  );
}

/** JSON near a shape: some of it is what is wanted, some is anything. */
export function nearly(wanted: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> {
  return fc.oneof({ arbitrary: wanted, weight: 5 }, fc.jsonValue({ maxDepth: 2 }), fc.constant(undefined));
}

/** An object of which each member may be there, be wrong, or be named like something of JavaScript's own. */
export function recordOf(members: Readonly<Record<string, fc.Arbitrary<unknown>>>): fc.Arbitrary<object> {
  const entries = Object.entries(members).map(([name, value]) => fc.tuple(fc.constant(name), nearly(value)));
  const odd = fc.tuple(fc.constantFrom('__proto__', 'constructor', 'prototype', 'toString', ''), fc.jsonValue());
  return fc
    .tuple(fc.tuple(...entries), fc.array(odd, { maxLength: 2 }))
    .map(([known, more]) => Object.fromEntries([...known, ...more]));
}

/** What `parse` gives, or the kind of the MirrorError that it throws; anything else that is thrown is a finding. */
export function outcomeOf<T>(parse: () => T): { readonly value: T } | { readonly kind: string } {
  try {
    return { value: parse() };
  } catch (error) {
    if (!(error instanceof MirrorError)) throw error;
    expect(error.message.length).toBeLessThan(500);
    // It goes into JSON, logs and terminals.
    expect(error.message).not.toMatch(/[\p{Cc}\u2028\u2029]/u);
    return { kind: error.kind };
  }
}

/** Nothing of JavaScript's own has been changed by what was read. */
export function expectNoPollution(): void {
  expect(Object.keys(Object.prototype)).toEqual([]);
  expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
}
