// The table of what is served for a tag, row by row: how old it is, what upstream does, what the client gets.
import { beforeEach, describe, expect, test } from '@jest/globals';
import { MirrorError, type MirrorErrorKind } from '../../../src/oci/errors.ts';
import type { Outcome } from '../../../src/mirror/pull.ts';
import { day, failureOf, MirrorBench, minute, nothingLeft, placeOf } from './fakes/mirror-bench.ts';
import { absent, denied, unknown } from './fakes/scripted-upstream.ts';
import { createImage } from './fakes/test-manifests.ts';

const old = createImage('old');
const moved = createImage('moved');
const second = 1000;
const head = 'HEAD library/a:latest';
const getMoved = `GET library/a@${moved.digest}`;

type Image = 'old' | 'moved';

interface Row {
  readonly name: string;
  /** How long ago the tag was checked; undefined: never. */
  readonly ageMs: number | undefined;
  readonly limits?: Partial<MirrorBench['limits']>;
  readonly upstream: (bench: MirrorBench) => void;
  readonly serves?: { readonly image: Image; readonly outcome: Outcome };
  readonly fails?: MirrorErrorKind;
  /** Whether the old answer says that it may be wrong. */
  readonly hasWarning?: boolean;
  readonly asks: readonly string[];
  /** What the tag names afterwards. */
  readonly leaves: Image | undefined;
}

const same = (): void => {};
const hasMoved = (bench: MirrorBench): void => bench.upstream.publish(moved, { tag: 'latest' });
const says = (error: MirrorError) => (bench: MirrorBench) => void (bench.upstream.failure = error);
const fails = (kind: MirrorErrorKind) => says(new MirrorError({ kind, message: 'no answer', retryAfterMs: 5000 }));
const silent = (bench: MirrorBench): void => void bench.upstream.hold('HEAD');
const ttl = 5 * minute;
const outages = ['upstream-failed', 'upstream-timeout', 'upstream-throttled', 'upstream-paused', 'loop'] as const;
const immutable = { tagPolicies: [{ match: 'la*', ttlMs: Infinity }] };
const stale = { image: 'old', outcome: 'stale' } as const;

const rows: readonly Row[] = [
  {
    name: 'within its time',
    ageMs: ttl - 1,
    upstream: hasMoved,
    serves: { image: 'old', outcome: 'hit' },
    asks: [],
    leaves: 'old',
  },
  {
    name: 'immutable by policy',
    ageMs: 365 * day,
    limits: immutable,
    upstream: hasMoved,
    serves: { image: 'old', outcome: 'hit' },
    asks: [],
    leaves: 'old',
  },
  {
    name: 'within the time of its policy',
    ageMs: 10 * minute,
    limits: { tagPolicies: [{ match: '*', ttlMs: 11 * minute }] },
    upstream: hasMoved,
    serves: { image: 'old', outcome: 'hit' },
    asks: [],
    leaves: 'old',
  },
  {
    name: 'after the time of its policy',
    ageMs: second,
    limits: { tagPolicies: [{ match: 'latest', ttlMs: second }] },
    upstream: same,
    serves: { image: 'old', outcome: 'revalidated' },
    asks: [head],
    leaves: 'old',
  },
  {
    name: 'later, while it may be checked in the background',
    ageMs: ttl + minute - 1,
    limits: { staleWhileRevalidateMs: minute },
    upstream: hasMoved,
    serves: stale,
    hasWarning: true,
    asks: [head, getMoved],
    leaves: 'moved',
  },
  {
    name: 'later, unmoved',
    ageMs: ttl,
    upstream: same,
    serves: { image: 'old', outcome: 'revalidated' },
    asks: [head],
    leaves: 'old',
  },
  {
    name: 'later, moved',
    ageMs: ttl,
    upstream: hasMoved,
    serves: { image: 'moved', outcome: 'miss' },
    asks: [head, getMoved],
    leaves: 'moved',
  },
  ...([...outages, 'content-mismatch', 'manifest-unknown'] as const).map((kind): Row => ({
    name: `later, moved, and fetching the new one ends in ${kind}`,
    ageMs: ttl,
    upstream(bench) {
      hasMoved(bench);
      bench.upstream.manifests.set(`library/a@${moved.digest}`, new MirrorError({ kind, message: 'no' }));
    },
    serves: stale,
    hasWarning: true,
    asks: [head, getMoved],
    leaves: 'old',
  })),
  ...outages.map((kind): Row => ({
    name: `later, in an outage (${kind})`,
    ageMs: ttl + 30 * day,
    upstream: fails(kind),
    serves: stale,
    hasWarning: true,
    asks: [head],
    leaves: 'old',
  })),
  {
    name: 'later, and no answer within checkTimeout',
    ageMs: ttl,
    upstream: silent,
    serves: stale,
    hasWarning: true,
    asks: [head],
    leaves: 'old',
  },
  {
    name: 'later than staleIfError, in an outage',
    ageMs: ttl + 30 * day + 1,
    upstream: fails('upstream-failed'),
    fails: 'upstream-failed',
    asks: [head],
    leaves: 'old',
  },
  {
    name: 'ages later, in an outage, where stale is allowed for ever',
    ageMs: 3650 * day,
    limits: { staleIfErrorMs: Infinity },
    upstream: fails('upstream-failed'),
    serves: stale,
    hasWarning: true,
    asks: [head],
    leaves: 'old',
  },
  {
    name: 'later, our own login refused',
    ageMs: ttl,
    upstream: fails('upstream-paused'),
    serves: stale,
    hasWarning: true,
    asks: [head],
    leaves: 'old',
  },
  {
    name: 'later, denied to our login',
    ageMs: ttl,
    upstream: says(denied()),
    fails: 'upstream-denied',
    asks: [head],
    leaves: undefined,
  },
  {
    name: 'later, denied to anybody',
    ageMs: ttl,
    upstream: says(unknown('manifest-unknown')),
    fails: 'manifest-unknown',
    asks: [head],
    leaves: undefined,
  },
  {
    name: 'later, gone',
    ageMs: ttl,
    upstream: says(absent('manifest-unknown')),
    fails: 'manifest-unknown',
    asks: [head],
    leaves: undefined,
  },
  ...outages.map((kind): Row => ({
    name: `never seen, in an outage (${kind})`,
    ageMs: undefined,
    upstream: fails(kind),
    fails: kind,
    asks: [head],
    leaves: undefined,
  })),
  {
    name: 'never seen',
    ageMs: undefined,
    upstream: hasMoved,
    serves: { image: 'moved', outcome: 'miss' },
    asks: [head, getMoved],
    leaves: 'moved',
  },
];

let bench: MirrorBench;

beforeEach(() => {
  bench = new MirrorBench();
});

/** The state of a row, with nothing asked yet. */
async function setUp({ ageMs, limits, upstream }: Row): Promise<void> {
  Object.assign(bench.limits, limits);
  if (ageMs !== undefined) {
    bench.upstream.publish(old, { tag: 'latest' });
    await bench.get('latest');
    bench.upstream.asked.length = 0;
    bench.clock.advance(ageMs);
  }
  upstream(bench);
}

/** The time that the mirror allows upstream passes when nothing else happens. */
async function untilSettled<Value>(pull: Promise<Value>): Promise<Value> {
  pull.catch(() => undefined);
  await bench.settle();
  bench.clock.advance(bench.limits.checkTimeoutMs);
  await bench.settle();
  return await pull;
}

describe('a tag', () => {
  test.each(rows)('$name', async (row) => {
    await setUp(row);
    const pull = untilSettled(bench.get('latest'));
    if (row.fails === undefined) {
      const served = await pull;
      const digests = { old: old.digest, moved: moved.digest };
      expect({ outcome: served.outcome, digest: served.digest }).toEqual({
        outcome: row.serves?.outcome,
        digest: row.serves && digests[row.serves.image],
      });
      expect(served.warning !== undefined).toBe(row.hasWarning === true);
      expect(served.ageMs).toBeGreaterThanOrEqual(
        row.serves?.image === 'old' && served.outcome !== 'revalidated' ? (row.ageMs ?? 0) : 0,
      );
    } else {
      expect(await failureOf(pull)).toMatchObject({ kind: row.fails });
    }
    expect(bench.upstream.asked).toEqual(row.asks);
    const left = row.leaves && { old: old.digest, moved: moved.digest }[row.leaves];
    expect(bench.catalog.findTag(placeOf(), 'latest')?.digest).toBe(left);
    if (row.upstream !== silent) expect(await bench.leftovers()).toEqual(nothingLeft);
  });
});
