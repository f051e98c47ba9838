import { beforeEach, describe, expect, test } from '@jest/globals';
import { computeDigest, type Digest } from '../../../../src/oci/digest.ts';
import { MirrorError } from '../../../../src/oci/errors.ts';
import { mediaTypes } from '../../../../src/oci/media-type.ts';
import { fetchLayersAhead, type LayersAhead } from '../../../../src/mirror/jobs/layers-ahead.ts';
import type { ServedManifest } from '../../../../src/mirror/pull.ts';
import { silentLog } from '../../../../src/telemetry/log.ts';
import { createFakeMirror, createLedger, serveBlob, type Ledger } from '../../http/fake-mirror.ts';
import { createManualClock, type ManualClock } from '../../http/manual-clock.ts';
import { createImage, type TestManifest } from '../fakes/test-manifests.ts';

const place = { upstream: 'docker.io', repository: 'library/a', hops: ['near'] };
const { signal } = new AbortController();

let clock: ManualClock;
let ledger: Ledger;
let ahead: LayersAhead;
let isWanted = true;
let manifests: Map<string, ServedManifest>;
let here: Set<Digest>;
/** Blob pulls that wait for the test. */
let waiting: { readonly digest: Digest; serve(): void; fail(error: Error): void }[];
let recalled: ServedManifest | undefined;

beforeEach(() => {
  clock = createManualClock();
  ledger = createLedger();
  manifests = new Map();
  here = new Set();
  waiting = [];
  recalled = undefined;
  isWanted = true;
  const mirror = createFakeMirror(
    {
      recallManifest: () => recalled,
      getManifest: async ({ reference }) => {
        const found = reference.type === 'tag' ? manifests.get(reference.tag) : undefined;
        if (found === undefined) throw new MirrorError({ kind: 'manifest-unknown', message: 'none' });
        return found;
      },
      headManifest: async ({ reference }) =>
        manifests.get(reference.type === 'tag' ? reference.tag : '') as ServedManifest,
      hasContent: async ({ digest }) => here.has(digest),
      getBlob: async ({ digest }, _demand, ended) =>
        await new Promise((resolve, reject) => {
          ended.addEventListener('abort', () => reject(new Error('aborted')));
          const serve = (): void => resolve(serveBlob(Buffer.from('bytes'), ledger, { outcome: 'miss' }));
          waiting.push({ digest, serve, fail: reject });
        }),
    },
    ledger,
  );
  ahead = fetchLayersAhead(mirror, { clock, log: silentLog, isWanted: () => isWanted });
});

const digestOf = (text: string): Digest => computeDigest('sha256', Buffer.from(text));

function add(tag: string, layers: readonly string[]): TestManifest {
  const image = createImage(tag, { layers: layers.map((layer) => Buffer.from(layer)) });
  const { bytes, digest, mediaType } = image;
  const facts = { outcome: 'hit', provenance: 'public', ageMs: undefined, warning: undefined } as const;
  manifests.set(tag, { ...facts, bytes, digest, mediaType, sizeBytes: bytes.length });
  return image;
}

async function get(tag: string): Promise<ServedManifest> {
  const served = await ahead.mirror.getManifest({ ...place, reference: { type: 'tag', tag } }, signal);
  await settle();
  return served;
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** The blobs that are asked for now, served; gives their digests. */
async function serveAll(): Promise<readonly Digest[]> {
  const batch = waiting;
  waiting = [];
  for (const { serve } of batch) serve();
  await settle();
  return batch.map(({ digest }) => digest);
}

describe('a manifest that is pulled', () => {
  test('starts what is missing of its layers, two at a time, in their order', async () => {
    add('image', ['one', 'two', 'three', 'four']);
    here.add(digestOf('two'));
    await get('image');
    expect(await serveAll()).toEqual(['image', 'one'].map(digestOf));
    expect(await serveAll()).toEqual(['three', 'four'].map(digestOf));
    expect(await serveAll()).toEqual([]);
    expect(ledger).toMatchObject({ openBlobs: 0, openBodies: 0, heldChunks: 0 });
    const asked = ledger.calls.find(({ method }) => method === 'getBlob');
    expect(asked).toMatchObject({ pull: { ...place }, demand: { type: 'whole' } });
  });

  test('starts nothing while that is not wanted', async () => {
    isWanted = false;
    add('image', ['one']);
    await get('image');
    expect(waiting).toHaveLength(0);
  });

  test('is looked at once a minute', async () => {
    add('image', []);
    await get('image');
    expect(await serveAll()).toHaveLength(1);
    clock.advance(59_999);
    await get('image');
    expect(waiting).toHaveLength(0);
    clock.advance(1);
    await get('image');
    expect(await serveAll()).toHaveLength(1);
  });

  test('from memory is looked at too', async () => {
    add('image', []);
    recalled = manifests.get('image');
    const pull = { ...place, reference: { type: 'tag', tag: 'image' } } as const;
    expect(ahead.mirror.recallManifest(pull)).toBeUndefined();
    await get('image');
    expect(await serveAll()).toHaveLength(1);
    expect(ahead.mirror.recallManifest(pull)).toBe(recalled);
  });

  test('starts nothing by HEAD, as an index, or when it is not there', async () => {
    add('image', ['one']);
    await ahead.mirror.headManifest({ ...place, reference: { type: 'tag', tag: 'image' } }, signal);
    const index = manifests.get('image') as ServedManifest;
    manifests.set('index', { ...index, mediaType: mediaTypes.ociIndex, digest: digestOf('index') });
    await get('index');
    await expect(get('none')).rejects.toThrow('none');
    await settle();
    expect(waiting).toEqual([]);
  });

  test('waits with at most eight others', async () => {
    for (let i = 0; i < 12; i++) {
      add(`image ${i}`, []);
      await get(`image ${i}`);
    }
    let served = 0;
    for (let batch = await serveAll(); batch.length > 0; batch = await serveAll()) served += batch.length;
    // Two are worked at, and eight wait.
    expect(served).toBe(10);
  });

  test('whose layer fails is left to its client', async () => {
    add('image', ['one', 'two', 'three']);
    await get('image');
    const [first, second] = waiting;
    waiting = [];
    first?.fail(new MirrorError({ kind: 'upstream-failed', message: 'no answer' }));
    second?.serve();
    await settle();
    expect(waiting).toEqual([]);
    add('next', []);
    await get('next');
    expect(await serveAll()).toEqual([digestOf('next')]);
  });

  test('starts nothing once the mirror ends, and what it started ends', async () => {
    add('image', ['one', 'two', 'three']);
    await get('image');
    await ahead.close();
    expect(waiting).toHaveLength(2);
    add('next', []);
    await get('next');
    expect(waiting).toHaveLength(2);
  });
});
