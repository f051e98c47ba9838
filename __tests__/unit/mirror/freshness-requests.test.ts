import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { MirrorError } from '../../../src/oci/errors.ts';
import { failureOf, MirrorBench, minute, nothingLeft, placeOf } from './fakes/mirror-bench.ts';
import { silentHead } from './fakes/scripted-upstream.ts';
import { createImage, fetched } from './fakes/test-manifests.ts';

const old = createImage('old');
const moved = createImage('moved');
const head = 'HEAD library/a:latest';
const getMoved = `GET library/a@${moved.digest}`;
const ttl = 5 * minute;

let bench: MirrorBench;

beforeEach(() => {
  bench = new MirrorBench();
});

afterEach(async () => {
  expect(await bench.leftovers()).toEqual(nothingLeft);
});

/** The tag is known, and so old; nothing that was asked for it counts. */
async function pullOnce(ageMs: number, limits: Partial<MirrorBench['limits']> = {}): Promise<void> {
  Object.assign(bench.limits, limits);
  bench.upstream.publish(old, { tag: 'latest' });
  await bench.get('latest');
  bench.upstream.asked.length = 0;
  bench.clock.advance(ageMs);
}

test.each([
  ['public', true],
  ['restricted', false],
] as const)('while our login is refused, a %s manifest is served stale: %s', async (provenance, isServed) => {
  bench.upstream.publish(old, { tag: 'latest', provenance });
  await bench.get('latest');
  bench.clock.advance(ttl);
  bench.upstream.failure = new MirrorError({ kind: 'upstream-paused', message: 'no', isLoginRefused: true });
  if (isServed) expect((await bench.get('latest')).outcome).toBe('stale');
  else expect(await failureOf(bench.get('latest'))).toMatchObject({ kind: 'upstream-paused' });
  bench.upstream.failure = new MirrorError({ kind: 'upstream-paused', message: 'an outage' });
  expect((await bench.get('latest')).outcome).toBe('stale');
});

describe('what is left of the limit of upstream', () => {
  test.each([
    ['is spared where the old manifest will do', {}, true],
    ['is spent where the old one is too old', { staleIfErrorMs: 0 }, false],
  ])('%s', async (_name, limits, isOptional) => {
    await pullOnce(2 * ttl, limits);
    bench.upstream.publish(moved, { tag: 'latest' });
    await bench.get('latest');
    expect(bench.upstream.optional).toEqual(isOptional ? [head, getMoved] : []);
  });

  test('is spent where nothing is here, also when that was evicted', async () => {
    await pullOnce(ttl);
    await bench.catalog.removeContent(old.digest);
    bench.content.objects.clear();
    await bench.get('latest');
    await bench.get(moved.digest).catch(() => undefined);
    expect(bench.upstream.optional).toEqual([]);
  });

  test('is there for who must have the manifest, though who need not is refused it', async () => {
    await pullOnce(ttl);
    bench.upstream.publish(moved, { tag: 'latest' });
    const release = bench.upstream.hold('GET');
    const refresh = bench.get('latest');
    await bench.settle();
    const must = bench.get(moved.digest);
    await bench.settle();
    expect(bench.upstream.asked).toEqual([head, getMoved, getMoved]);
    release();
    await Promise.all([refresh, must]);
  });
});

describe('a registry that names no digest on HEAD', () => {
  beforeEach(() => {
    bench.upstream.heads.set('library/a:latest', silentHead);
    bench.upstream.manifests.set('library/a:latest', fetched(old, { digest: undefined, etag: '"first"' }));
  });

  test('is asked whether the manifest has changed', async () => {
    await bench.get('latest');
    bench.clock.advance(ttl);
    expect(await bench.get('latest')).toMatchObject({ outcome: 'revalidated', digest: old.digest, ageMs: 0 });
    expect(bench.upstream.asked.slice(2)).toEqual([head, 'GET library/a:latest unless "first"']);
    expect(bench.catalog.findTag(placeOf(), 'latest')?.etag).toBe('"first"');
    bench.clock.advance(ttl - 1);
    expect((await bench.get('latest')).outcome).toBe('hit');
  });

  test('sends the one that has', async () => {
    await bench.get('latest');
    bench.clock.advance(ttl);
    bench.upstream.manifests.set('library/a:latest', fetched(moved, { digest: undefined, etag: '"second"' }));
    expect((await bench.get('latest')).digest).toBe(moved.digest);
    expect(bench.catalog.findTag(placeOf(), 'latest')).toMatchObject({ digest: moved.digest, etag: '"second"' });
  });

  test('is asked for all of it when it names no ETag either, or nothing is here', async () => {
    bench.upstream.manifests.set('library/a:latest', fetched(old, { digest: undefined, etag: undefined }));
    await bench.get('latest');
    bench.clock.advance(ttl);
    expect((await bench.get('latest')).outcome).toBe('revalidated');
    bench.upstream.manifests.set('library/a:latest', fetched(old, { digest: undefined, etag: '"first"' }));
    bench.clock.advance(ttl);
    await bench.get('latest');
    await bench.catalog.removeContent(old.digest);
    bench.content.objects.clear();
    bench.clock.advance(ttl);
    expect((await bench.get('latest')).bytes).toEqual(old.bytes);
    expect(bench.upstream.asked.filter((request) => request.includes('unless'))).toEqual([]);
  });
});
