import { beforeEach, describe, expect, test } from '@jest/globals';
import { computeDigest } from '../../../src/oci/digest.ts';
import { MirrorError } from '../../../src/oci/errors.ts';
import { mediaTypes } from '../../../src/oci/media-type.ts';
import { referrersTag } from '../../../src/oci/reference.ts';
import type { ServedReferrers } from '../../../src/mirror/pull.ts';
import { failureOf, MirrorBench, minute, placeOf } from './fakes/mirror-bench.ts';
import { denied } from './fakes/scripted-upstream.ts';

const subject = computeDigest('sha256', Buffer.from('the image'));
const fallback = `library/a:${referrersTag(subject)}`;
const signature = { ...descriptorOf('signature'), artifactType: 'application/x.signature' };
const bill = { ...descriptorOf('bill of materials'), artifactType: 'application/x.bill' };

let bench: MirrorBench;

beforeEach(() => {
  bench = new MirrorBench();
});

function descriptorOf(text: string): object {
  const digest = computeDigest('sha256', Buffer.from(text));
  return { mediaType: mediaTypes.ociManifest, digest, size: text.length };
}

/** An index as some registry would write it. */
function indexOf(manifests: readonly unknown[]): Buffer {
  return Buffer.from(JSON.stringify({ manifests, mediaType: mediaTypes.ociIndex, schemaVersion: 2 }, null, 4));
}

async function list(artifactType?: string): Promise<ServedReferrers> {
  const pull = { ...placeOf(), digest: subject, artifactType };
  return await bench.mirror.listReferrers(pull, new AbortController().signal);
}

function manifestsOf({ bytes }: ServedReferrers): unknown {
  const index = JSON.parse(Buffer.from(bytes).toString()) as Record<string, unknown>;
  expect(index).toMatchObject({ schemaVersion: 2, mediaType: mediaTypes.ociIndex });
  return index['manifests'];
}

function haveApi(
  manifests: readonly unknown[],
  differing: { bytes?: Buffer | undefined; isComplete?: boolean } = {},
): void {
  bench.upstream.referrers = {
    manifests,
    bytes: indexOf(manifests),
    isComplete: true,
    provenance: 'public',
    ...differing,
  };
}

function haveFallback(bytes: Buffer, contentType: string = mediaTypes.ociIndex): void {
  const digest = computeDigest('sha256', bytes);
  bench.upstream.manifests.set(fallback, { bytes, contentType, digest, etag: undefined, provenance: 'public' });
}

describe('the referrers of a digest', () => {
  test('are the bytes that the API gave when they came in one piece', async () => {
    haveApi([signature, bill]);
    const served = await list();
    expect(served).toMatchObject({ outcome: 'miss', isFiltered: false, warning: undefined });
    expect(served.bytes).toEqual(indexOf([signature, bill]));
    expect(bench.upstream.asked).toEqual(['REFERRERS library/a']);
  });

  test('are one index when they came in several pages', async () => {
    haveApi([signature, bill], { bytes: undefined });
    expect(manifestsOf(await list())).toEqual([signature, bill]);
  });

  test('are filtered by type only when all of them are here', async () => {
    haveApi([signature, bill]);
    const filtered = await list('application/x.bill');
    expect(filtered.isFiltered).toBe(true);
    expect(manifestsOf(filtered)).toEqual([bill]);
    const none = await list('application/x.other');
    expect(none.isFiltered).toBe(true);
    expect(manifestsOf(none)).toEqual([]);
  });

  test('are given as they are when the list was cut, and not as if they were filtered', async () => {
    haveApi([signature, bill], { bytes: undefined, isComplete: false });
    const served = await list('application/x.bill');
    expect(served.isFiltered).toBe(false);
    expect(manifestsOf(served)).toEqual([signature, bill]);
  });

  test('are none when the API says so: the fallback tag is not asked for', async () => {
    haveApi([]);
    haveFallback(indexOf([signature]));
    expect(manifestsOf(await list())).toEqual([]);
  });

  test('are of that digest only', async () => {
    haveApi([signature]);
    await list();
    haveApi([bill]);
    const pull = { ...placeOf(), digest: computeDigest('sha256', Buffer.from('another')), artifactType: undefined };
    expect(manifestsOf(await bench.mirror.listReferrers(pull, new AbortController().signal))).toEqual([bill]);
  });

  test('with an entry that is none are filtered all the same', async () => {
    haveApi(['nonsense', null, bill]);
    expect(manifestsOf(await list('application/x.bill'))).toEqual([bill]);
  });

  test('are kept for the time of lists, filtered or not', async () => {
    haveApi([signature, bill]);
    await list();
    bench.clock.advance(minute - 1);
    expect((await list('application/x.bill')).outcome).toBe('hit');
    expect(bench.upstream.asked).toHaveLength(1);
    bench.clock.advance(1);
    expect((await list()).outcome).toBe('miss');
    expect(bench.upstream.asked).toHaveLength(2);
  });

  test('are the old ones, with a warning, in an outage', async () => {
    haveApi([signature]);
    await list();
    bench.clock.advance(10 * minute);
    bench.upstream.failure = new MirrorError({ kind: 'upstream-timeout', message: 'no answer' });
    const stale = await list();
    expect(stale.outcome).toBe('stale');
    expect(stale.warning).toEqual(expect.any(String));
    expect(manifestsOf(stale)).toEqual([signature]);
  });
});

describe('where there is no referrers API', () => {
  test('the fallback tag is asked for, and given as it is', async () => {
    haveFallback(indexOf([signature, bill]));
    const served = await list();
    expect(served.bytes).toEqual(indexOf([signature, bill]));
    expect(bench.upstream.asked).toEqual(['REFERRERS library/a', `GET ${fallback}`]);
    expect(manifestsOf(await list('application/x.signature'))).toEqual([signature]);
  });

  test('nor a fallback tag there are no referrers', async () => {
    const served = await list();
    expect(served.outcome).toBe('miss');
    expect(manifestsOf(served)).toEqual([]);
    expect(manifestsOf(await list('application/x.bill'))).toEqual([]);
  });

  test('that nothing is there is remembered for a few seconds only: signatures come after images', async () => {
    await list();
    bench.clock.advance(10_000);
    haveFallback(indexOf([signature]));
    expect(manifestsOf(await list())).toEqual([signature]);
  });

  test('that nothing is there is not said in an outage, once it is no longer known', async () => {
    await list();
    bench.clock.advance(10_000);
    bench.upstream.failure = new MirrorError({ kind: 'upstream-failed', message: 'no answer' });
    expect(await failureOf(list())).toMatchObject({ kind: 'upstream-failed' });
  });

  test.each([
    ['an image', Buffer.from(JSON.stringify({ layers: [] })), mediaTypes.ociManifest],
    ['a Docker list', indexOf([signature]), mediaTypes.dockerManifestList],
    ['an index of platforms', indexOf([{ ...signature, platform: { os: 'linux' } }]), mediaTypes.ociIndex],
    ['an index without entries of any kind', Buffer.from('{"manifests":{}}'), mediaTypes.ociIndex],
  ])('a fallback tag that is %s lists no referrers', async (_what, bytes, contentType) => {
    haveFallback(bytes, contentType);
    expect(manifestsOf(await list())).toEqual([]);
  });

  test('a fallback tag that cannot be read is an error', async () => {
    haveFallback(Buffer.from('<html>'));
    expect(await failureOf(list())).toMatchObject({ kind: 'content-mismatch' });
  });

  test.each(['upstream-failed', 'upstream-timeout', 'upstream-throttled', 'upstream-paused'] as const)(
    'a fallback tag that ends in %s is that error, never an empty list, and not remembered',
    async (kind) => {
      bench.upstream.manifests.set(fallback, new MirrorError({ kind, message: 'no answer' }));
      expect(await failureOf(list())).toMatchObject({ kind });
      haveFallback(indexOf([signature]));
      expect(manifestsOf(await list())).toEqual([signature]);
    },
  );
});

test.each(['upstream-failed', 'upstream-timeout', 'upstream-throttled', 'upstream-paused'] as const)(
  'a referrers API that ends in %s is that error, and the fallback tag is not asked for',
  async (kind) => {
    haveFallback(indexOf([]));
    bench.upstream.referrers = new MirrorError({ kind, message: 'no answer' });
    expect(await failureOf(list())).toMatchObject({ kind });
    expect(bench.upstream.asked).toEqual(['REFERRERS library/a']);
  },
);

test('referrers that upstream denies are unknown', async () => {
  bench.upstream.referrers = denied();
  expect(await failureOf(list())).toMatchObject({ kind: 'manifest-unknown' });
});
