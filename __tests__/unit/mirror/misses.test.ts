import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { MirrorError, type MirrorErrorKind } from '../../../src/oci/errors.ts';
import { failureOf, MirrorBench, nothingLeft } from './fakes/mirror-bench.ts';
import { absent, denied, unknown } from './fakes/scripted-upstream.ts';
import { createImage } from './fakes/test-manifests.ts';

const image = createImage('image');
const layer = image.digest;

let bench: MirrorBench;

beforeEach(() => {
  bench = new MirrorBench();
});

afterEach(async () => {
  expect(await bench.leftovers()).toEqual(nothingLeft);
});

/** Everything that can be asked for, and what upstream sees of it. */
const pulls: readonly (readonly [string, (b: MirrorBench) => Promise<unknown>, string, string])[] = [
  ['a tag', async (b) => await b.get('latest'), 'HEAD library/a:latest', 'manifest-unknown'],
  ['a tag by HEAD', async (b) => await b.head('latest'), 'HEAD library/a:latest', 'manifest-unknown'],
  ['a manifest', async (b) => await b.get(image.digest), `GET library/a@${image.digest}`, 'manifest-unknown'],
  ['a manifest by HEAD', async (b) => await b.head(image.digest), `HEAD library/a@${image.digest}`, 'manifest-unknown'],
  ['a blob', async (b) => await b.openBlob(layer), 'GET blob library/a', 'blob-unknown'],
  ['a blob by HEAD', async (b) => await b.headBlob(layer), 'HEAD blob library/a', 'blob-unknown'],
];

function answerAll(failure: MirrorError): void {
  bench.upstream.failure = failure;
}

describe.each(pulls)('%s that upstream does not have', (_name, pull, request, kind) => {
  beforeEach(() => answerAll(absent(kind as 'manifest-unknown' | 'blob-unknown')));

  test('is asked for once in five seconds, however often it is pulled', async () => {
    for (let second = 0; second < 5; second++) {
      expect(await failureOf(pull(bench))).toMatchObject({ kind });
      bench.clock.advance(1000);
    }
    expect(bench.upstream.asked).toEqual([request]);
  });

  test('is asked for again after its time', async () => {
    await failureOf(pull(bench));
    bench.clock.advance(10_000);
    await failureOf(pull(bench));
    expect(bench.upstream.asked).toEqual([request, request]);
  });

  test('is asked for every time where nothing is to be remembered', async () => {
    bench.limits.negativeTtlMs = 0;
    await failureOf(pull(bench));
    await failureOf(pull(bench));
    expect(bench.upstream.asked).toHaveLength(2);
  });

  test('is asked for every time while the cache of misses fails', async () => {
    bench.misses.isFailing = true;
    await failureOf(pull(bench));
    await failureOf(pull(bench));
    expect(bench.upstream.asked).toHaveLength(2);
  });
});

const failures: readonly MirrorError[] = [
  ...(
    ['upstream-failed', 'upstream-timeout', 'upstream-throttled', 'upstream-paused', 'content-mismatch'] as const
  ).map((kind: MirrorErrorKind) => new MirrorError({ kind, message: 'no answer' })),
  denied(),
  unknown('manifest-unknown'),
  unknown('blob-unknown'),
];

// A blob that fails is asked for again and again, by the fill that is for it.
describe.each(pulls.filter(([name]) => name !== 'a blob'))('%s', (_name, pull) => {
  test.each(failures)('that ends in $kind, which attests no absence, is asked for again at once', async (failure) => {
    answerAll(failure);
    await failureOf(pull(bench));
    const before = bench.upstream.asked.length;
    await failureOf(pull(bench));
    expect(bench.upstream.asked.length).toBe(2 * before);
  });
});

describe('what upstream does not have', () => {
  test('is not there in this repository of this upstream only', async () => {
    answerAll(absent('manifest-unknown'));
    await failureOf(bench.get('latest'));
    bench.upstream.failure = undefined;
    bench.upstream.publish(image, { repository: 'library/b', tag: 'latest' });
    expect((await bench.get('latest', { repository: 'library/b' })).digest).toBe(image.digest);
    bench.other.publish(image, { tag: 'latest' });
    expect((await bench.get('latest', { upstream: 'other.example' })).digest).toBe(image.digest);
  });

  test('is served when it has come in by another door meanwhile, for all to see', async () => {
    answerAll(absent('manifest-unknown'));
    await failureOf(bench.get(image.digest));
    bench.upstream.failure = undefined;
    bench.upstream.publish(image, { repository: 'library/b' });
    await bench.get(image.digest, { repository: 'library/b' });
    expect((await bench.get(image.digest)).outcome).toBe('hit');
  });

  test('is asked for when upstream has since named it for a tag, as replicas that lag behind do', async () => {
    bench.upstream.manifests.set(`library/a@${image.digest}`, absent('manifest-unknown'));
    await failureOf(bench.get(image.digest));
    bench.upstream.publish(image, { tag: 'latest' });
    await bench.head('latest');
    expect((await bench.get(image.digest)).bytes).toEqual(image.bytes);
  });

  test('takes no room from lists', async () => {
    bench.upstream.tagPages.set(undefined, { tags: ['a'], next: undefined });
    const page = { upstream: 'docker.io', repository: 'library/a', n: undefined, last: undefined };
    await bench.mirror.listTags(page, new AbortController().signal);
    answerAll(absent('manifest-unknown'));
    await failureOf(bench.get('latest'));
    expect((await bench.mirror.listTags(page, new AbortController().signal)).outcome).toBe('hit');
    expect(bench.recent.size).toBe(1);
    expect(bench.misses.size).toBe(1);
  });
});

test.each([denied(), unknown('blob-unknown')])(
  'a blob that ends in $kind, which attests no absence, is asked for again at once',
  async (failure) => {
    answerAll(failure);
    await failureOf(bench.openBlob(layer));
    await failureOf(bench.openBlob(layer));
    expect(bench.upstream.asked).toEqual(['GET blob library/a', 'GET blob library/a']);
  },
);

test('a cache of misses that hangs is not asked about what is here', async () => {
  bench.upstream.publish(image, { tag: 'latest' });
  await bench.get('latest');
  bench.misses.isHanging = true;
  expect((await bench.get('latest')).outcome).toBe('hit');
  expect((await bench.head('latest')).outcome).toBe('hit');
  expect((await bench.get(image.digest)).outcome).toBe('hit');
});
