// The upstream of all contenders: Debian's docker-registry, with what the rows push into it.
import { createContent, type Content } from '../../e2e/support/image.ts';
import { pushBlob, pushImage } from '../../e2e/support/push.ts';
import { createRegistry } from '../../e2e/support/registry.ts';
import { createSeededContent } from '../content.ts';
import { ociManifestType } from '../registry-content.ts';

/** Paths below a mirror's URL. */
export interface BenchImage {
  readonly byTag: string;
  readonly byDigest: string;
  readonly config: string;
  readonly layers: readonly string[];
  readonly sizeBytes: number;
}

export interface BenchUpstream {
  readonly url: string;
  /** Pushes an image of random layers; no two images share one. */
  addImage(tag: string, layerSizes: readonly number[]): Promise<BenchImage>;
  /** Pushes random bytes of this name, as `createSeededContent` makes them, and gives their path. */
  addBlob(seed: string, sizeBytes: number): Promise<string>;
  close(): Promise<void>;
}

const repository = 'library/bench';

export async function startBenchUpstream(directory: string): Promise<BenchUpstream> {
  const registry = await createRegistry(directory);
  await registry.start();
  const push = async (type: string, bytes: Buffer): Promise<Content> => {
    const content = createContent(type, bytes);
    await pushBlob(registry.url, repository, content);
    return content;
  };
  const pathOf = (kind: 'blobs' | 'manifests', reference: string): string => `/v2/${repository}/${kind}/${reference}`;
  return {
    url: registry.url,
    async addImage(tag, layerSizes) {
      const config = await push('application/vnd.oci.image.config.v1+json', Buffer.from(JSON.stringify({ tag })));
      const layers = [];
      for (const [i, sizeBytes] of layerSizes.entries()) {
        const bytes = createSeededContent(`${tag} ${i}`, sizeBytes).read(0, sizeBytes);
        layers.push((await push('application/vnd.oci.image.layer.v1.tar+gzip', bytes)).descriptor);
      }
      const body = { schemaVersion: 2, mediaType: ociManifestType, config: config.descriptor, layers };
      const manifest = createContent(ociManifestType, Buffer.from(JSON.stringify(body)));
      // Its blobs are there already: one after the other, since all at once take memory.
      await pushImage(registry.url, repository, tag, { manifest, blobs: [], children: [] });
      return {
        byTag: pathOf('manifests', tag),
        byDigest: pathOf('manifests', manifest.descriptor.digest),
        config: pathOf('blobs', config.descriptor.digest),
        layers: layers.map(({ digest }) => pathOf('blobs', digest)),
        sizeBytes: layerSizes.reduce((sum, size) => sum + size, 0),
      };
    },
    async addBlob(seed, sizeBytes) {
      const bytes = createSeededContent(seed, sizeBytes).read(0, sizeBytes);
      return pathOf('blobs', (await push('application/octet-stream', bytes)).descriptor.digest);
    },
    close: registry.stop,
  };
}
