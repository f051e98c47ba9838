import { describe, expect, test } from '@jest/globals';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Digest } from '../../../src/oci/digest.ts';
import { parseImageName } from '../../../src/oci/image-name.ts';
import { parseManifest } from '../../../src/oci/manifest.ts';
import { mediaTypes } from '../../../src/oci/media-type.ts';
import type { Pin } from '../../../src/oci/pin.ts';
import { Images } from '../../../src/mirror/images/images.ts';
import type { ImageQuery } from '../../../src/store/browse-protocol.ts';
import type { ContentRecord } from '../../../src/store/catalog.ts';
import type { StoredObject } from '../../../src/store/content-store.ts';
import { openStore, type Store } from '../../../src/store/open-store.ts';
import { createStorePaths } from '../../../src/store/paths.ts';
import { silentLog } from '../../../src/telemetry/log.ts';
import { FaultyFileSystem } from '../store/faulty-file-system.ts';
import { objectOf, storeOptions, useDirectory } from '../store/fixtures.ts';

const upstreams = [{ name: 'docker.io', aliases: [], isDefault: true }];
const repository = { upstream: 'docker.io', repository: 'library/alpine' };
const checkedMs = 1_700_000_000_000;
const name = (text: string) => parseImageName(text, upstreams);
const everything: ImageQuery = {
  search: undefined,
  upstream: undefined,
  repository: undefined,
  order: 'name',
  after: undefined,
  limit: 50,
};

const directory = useDirectory();
const root = () => join(directory(), 'data');

interface Bench {
  readonly store: Store;
  readonly images: Images;
  readonly disk: FaultyFileSystem;
  readonly storeErrors: string[];
  /** Adds a blob and gives its descriptor. */
  addBlob(text: string, provenance?: StoredObject['provenance']): Promise<object>;
  /** Adds a manifest; `tag` is set where it is given. */
  addManifest(body: object, options?: { tag?: string; provenance?: StoredObject['provenance'] }): Promise<Added>;
  remove(digest: Digest): Promise<void>;
}

interface Added {
  readonly digest: Digest;
  readonly descriptor: object;
}

async function use(run: (bench: Bench) => Promise<void>, pins: readonly Pin[] = []): Promise<void> {
  const disk = new FaultyFileSystem();
  const store = await openStore(storeOptions(root(), { fs: disk.fs, pins }));
  const storeErrors: string[] = [];
  const images = new Images({
    ...store,
    log: silentLog,
    configuredPins: () => pins,
    onStoreError: (operation) => void storeErrors.push(operation),
  });
  const { content, catalog } = store;
  const add = async (bytes: Buffer, mediaType: string | undefined, provenance: StoredObject['provenance']) => {
    const object = objectOf(bytes, provenance);
    await content.put(object, bytes);
    void catalog.addContent(object, { mediaType });
    void catalog.addLink(repository, object.digest);
    return object;
  };
  try {
    await run({
      store,
      images,
      disk,
      storeErrors,
      async addBlob(text, provenance = 'public') {
        const { digest, sizeBytes } = await add(Buffer.from(text), undefined, provenance);
        return { digest, size: sizeBytes, mediaType: 'application/layer' };
      },
      async addManifest(body, { tag, provenance = 'public' } = {}) {
        const mediaType = 'manifests' in body ? mediaTypes.ociIndex : mediaTypes.ociManifest;
        const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType, ...body }));
        const { digest } = await add(bytes, mediaType, provenance);
        await catalog.setChildren(digest, parseManifest(bytes, mediaType).children);
        if (tag !== undefined) await catalog.setTag(repository, tag, { digest, checkedMs, etag: undefined });
        return { digest, descriptor: { digest, size: bytes.length, mediaType } };
      },
      async remove(digest) {
        const record = catalog.findContent(digest);
        if (record !== undefined) await store.inventory.remove(record);
      },
    });
  } finally {
    await store.close();
  }
}

const fileOf = (record: ContentRecord | undefined): string =>
  record === undefined ? '' : createStorePaths(root()).blob(record);

describe('a description of an image', () => {
  test('lists config and layers in their order, each once, and says what is here', () =>
    use(async ({ images, addBlob, addManifest, remove }) => {
      const platform = JSON.stringify({ os: 'linux', architecture: 'arm', variant: 'v7' });
      const config = await addBlob(platform);
      const [z, a] = [await addBlob('z'), await addBlob('a')];
      const { digest } = await addManifest({ config, layers: [z, a, z] }, { tag: 'latest' });
      await remove((a as Added).digest);
      const image = await images.describe(name('alpine'));
      const sizeBytes = platform.length + 2;
      expect(image).toMatchObject({ digest, checkedMs, hits: 0, provenance: 'public', pins: [], sizeBytes });
      expect(image.cachedBytes).toBe(image.sizeBytes - 1);
      expect(image.manifests).toMatchObject([{ digest, platform: 'linux/arm/v7', isHere: true }]);
      const blobs = image.manifests[0]?.blobs.map(({ digest: blob, isHere }) => [blob, isHere]);
      expect(blobs).toEqual([config, z, a].map((blob) => [(blob as Added).digest, blob !== a]));
    }));

  test('says nothing of a platform that nobody names, and shows restricted content too', () =>
    use(async ({ images, addBlob, addManifest }) => {
      for (const text of ['no JSON', '[]', '{"os":1}']) {
        const config = await addBlob(text, 'restricted');
        await addManifest({ config, layers: [] }, { tag: 'latest', provenance: 'restricted' });
        const image = await images.describe(name('alpine'));
        expect(image).toMatchObject({ provenance: 'restricted', manifests: [{ platform: undefined, isHere: true }] });
      }
      await addManifest({ layers: [] }, { tag: 'latest' });
      expect(await images.describe(name('alpine'))).toMatchObject({ sizeBytes: 0, manifests: [{ blobs: [] }] });
    }));

  test('of an index lists its manifests, also those that are missing, those of indexes in it, and attestations', () =>
    use(async ({ images, addBlob, addManifest, remove }) => {
      const of = async (text: string) =>
        await addManifest({ config: await addBlob('{}'), layers: [await addBlob(text)] });
      const [amd, arm, gone, proof] = [await of('amd'), await of('arm'), await of('gone'), await of('proof')];
      const platform = (architecture: string, variant?: string) => ({
        platform: { os: 'linux', architecture, variant },
      });
      const inner = await addManifest({ manifests: [{ ...arm.descriptor, ...platform('arm64', 'v8') }] });
      const attestation = { 'vnd.docker.reference.type': 'attestation-manifest' };
      const index = await addManifest(
        {
          manifests: [
            { ...amd.descriptor, ...platform('amd64') },
            inner.descriptor,
            { ...gone.descriptor, ...platform('riscv64') },
            { ...proof.descriptor, platform: { os: 'unknown', architecture: 'unknown' }, annotations: attestation },
            { ...amd.descriptor, ...platform('386') },
          ],
        },
        { tag: 'latest' },
      );
      await remove(gone.digest);
      const image = await images.describe(name('alpine:latest'));
      expect(image).toMatchObject({ digest: index.digest, mediaType: mediaTypes.ociIndex, sizeBytes: 2 + 3 + 3 + 5 });
      expect(image.cachedBytes).toBe(image.sizeBytes);
      expect(image.manifests.map(({ digest, platform: text, isHere }) => [digest, text, isHere])).toEqual([
        [amd.digest, 'linux/amd64', true],
        [arm.digest, 'linux/arm64/v8', true],
        [gone.digest, 'linux/riscv64', false],
        [proof.digest, undefined, true],
      ]);
    }));

  test('is given by digest, for what the repository has', () =>
    use(async ({ store, images, addBlob, addManifest }) => {
      const layer = await addBlob('layer');
      const { digest } = await addManifest({ config: layer, layers: [] }, { tag: 'latest' });
      const byDigest = await images.describe(name(`alpine@${digest}`));
      expect(byDigest).toMatchObject({ digest, checkedMs: undefined, manifests: [{ digest }] });
      const unknown = [
        `debian@${digest}`,
        `alpine@${(layer as Added).digest}`,
        'alpine:3',
        `alpine@sha256:${'0'.repeat(64)}`,
      ];
      for (const text of unknown) {
        await expect(images.describe(name(text))).rejects.toMatchObject({
          kind: 'manifest-unknown',
          message: expect.stringMatching(/^docker\.io\/library\/.+ is not in the cache$/) as unknown,
        });
      }
      // As after the loss of a catalog.
      const orphan = await addManifest({ layers: [] });
      const record = store.catalog.findContent(orphan.digest);
      await store.catalog.removeContent(orphan.digest);
      if (record !== undefined) await store.catalog.addContent(record, record);
      expect(await images.describe(name(`debian@${orphan.digest}`))).toMatchObject({ digest: orphan.digest });
    }));

  test('is none when the file of its manifest is gone; without that of a child it says so', () =>
    use(async ({ store, images, addManifest }) => {
      const child = await addManifest({ layers: [] });
      const index = await addManifest({ manifests: [child.descriptor] }, { tag: 'latest' });
      await rm(fileOf(store.catalog.findContent(child.digest)));
      expect(await images.describe(name('alpine'))).toMatchObject({
        manifests: [{ digest: child.digest, isHere: false }],
      });
      expect(store.catalog.findContent(child.digest)).toBeUndefined();
      await rm(fileOf(store.catalog.findContent(index.digest)));
      await expect(images.describe(name('alpine'))).rejects.toMatchObject({ kind: 'manifest-unknown' });
      // Its tag leads nowhere and can be taken away all the same.
      expect((await images.list(everything)).items).toEqual([]);
      expect(await images.purge([name('alpine')])).toMatchObject([{ removedObjects: 0, keptObjects: 0 }]);
      expect(store.catalog.findTag(repository, 'latest')).toBeUndefined();
    }));
});

describe('a purge', () => {
  test('counts what the disk does not let go, and goes on', () =>
    use(async ({ store, images, disk, storeErrors, addBlob, addManifest }) => {
      const layers = [await addBlob('a'), await addBlob('b')];
      await addManifest({ layers }, { tag: 'latest' });
      disk.failNext('unlink', 'EROFS', 1);
      expect(await images.purge([name('alpine')])).toMatchObject([{ removedObjects: 2, failedObjects: 1 }]);
      expect(storeErrors).toEqual(['remove']);
      expect(store.catalog.totals().objects).toBe(1);
      expect(store.catalog.findTag(repository, 'latest')).toBeUndefined();
    }));

  test('changes nothing when one of the images is unknown', () =>
    use(async ({ store, images, addManifest }) => {
      await addManifest({ layers: [] }, { tag: 'latest' });
      const purging = images.purge([name('alpine'), name('debian')]);
      await expect(purging).rejects.toMatchObject({ kind: 'manifest-unknown' });
      expect(store.catalog.totals().objects).toBe(1);
      expect(store.catalog.findTag(repository, 'latest')).toBeDefined();
    }));

  const digestPin = (digest: Digest): Pin => ({ type: 'digest', digest });
  const imagePin = (text: string, tag?: string): Pin => ({
    type: 'image',
    upstream: 'docker.io',
    repository: text,
    tag,
  });

  test('of an image takes what only its own pins hold', () =>
    use(
      async ({ images, addBlob, addManifest }) => {
        const { digest } = await addManifest({ layers: [await addBlob('a')] }, { tag: 'latest' });
        await images.pins.add([digestPin(digest)]);
        expect((await images.describe(name('alpine'))).pins).toHaveLength(4);
        expect((await images.list(everything)).items).toMatchObject([{ isPinned: true }]);
        expect(await images.purge([name(`alpine@${digest}`)])).toMatchObject([{ removedObjects: 2, keptObjects: 0 }]);
        expect(images.pins.list()).toHaveLength(5);
      },
      [
        imagePin('library/alpine'),
        imagePin('library/*', 'la*'),
        imagePin('library/alpine', 'latest'),
        imagePin('library/alpine', '3.20'),
      ],
    ));

  test('of a tag leaves what the pin of a digest holds', () =>
    use(async ({ images, addBlob, addManifest }) => {
      const layer = await addBlob('a');
      await addManifest({ layers: [layer] }, { tag: 'latest' });
      await images.pins.add([digestPin((layer as Added).digest)]);
      expect(await images.purge([name('alpine')])).toMatchObject([{ removedObjects: 1, keptObjects: 1 }]);
    }));
});

test('pins are made and taken away together', () =>
  use(async ({ store, images, addManifest }) => {
    const tags = ['a', 'b', 'c'];
    for (const tag of tags) await addManifest({ layers: [], tag }, { tag });
    const pins = tags.map((tag): Pin => ({ type: 'image', ...repository, tag }));
    await images.pins.add(pins);
    await images.pins.add(pins);
    expect(images.pins.list()).toEqual(pins.map((pin) => ({ pin, source: 'operator' })));
    expect(store.catalog.totalsByKind().pinned.objects).toBe(3);
    expect(pins.map((pin) => images.pins.findSource(pin))).toEqual(['operator', 'operator', 'operator']);
    await images.pins.remove(pins.slice(1));
    expect(images.pins.list()).toHaveLength(1);
    expect(store.catalog.totalsByKind().pinned.objects).toBe(1);
    expect(images.pins.findSource({ type: 'image', ...repository, tag: 'b' })).toBeUndefined();
  }));
