import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createHash } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { createContainersClient, type ContainersClient } from './support/containers.ts';
import type { Image } from './support/image.ts';
import type { Pushed } from './support/images.ts';
import { createStage, type Stage } from './support/stage.ts';
import { describeWith } from './support/describe-with.ts';

describeWith({ programs: ['docker-registry', 'skopeo', 'busybox'] }, 'skopeo', () => {
  let stage: Stage;
  let client: ContainersClient;
  beforeAll(async () => {
    stage = await createStage();
    client = createContainersClient(stage.directoryFor('skopeo'), stage.mirror.host);
  });
  afterAll(async () => {
    await stage?.close();
  });

  /** Copies every platform of an image into a directory, and compares the bytes with what was pushed. */
  async function copy(pushed: Pushed, source: string, ...options: readonly string[]): Promise<void> {
    const target = stage.directoryFor(`copy-${Math.random().toString(36).slice(2)}`);
    await client.skopeo('copy', '--all', ...options, `docker://${source}`, `dir:${target}`);
    const digests = new Set(readdirSync(target).map((name) => digestOf(readFileSync(join(target, name)))));
    const expected = [pushed.image.manifest, ...blobsOf(pushed.image)].map((content) => content.descriptor.digest);
    expect(expected.filter((digest) => !digests.has(digest))).toEqual([]);
  }

  const byPrefix = (pushed: Pushed): string => `${stage.mirror.host}/${pushed.name}`;

  async function copyAll(): Promise<void> {
    const { deep, large, multiPlatform, dockerList, signed } = stage.images;
    for (const pushed of [deep, multiPlatform, signed]) await copy(pushed, pushed.name);
    for (const pushed of [large, dockerList, signed]) await copy(pushed, byPrefix(pushed), '--src-tls-verify=false');
  }

  test('copies images through registries.conf and through the path prefix, cold, then warm without upstream', async () => {
    await copyAll();
    await stage.upstream.stop();
    await copyAll();
  }, 180_000);
});

function blobsOf(image: Image): readonly Image['manifest'][] {
  return [...image.blobs, ...image.children.flatMap(blobsOf)];
}

function digestOf(bytes: Buffer): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}
