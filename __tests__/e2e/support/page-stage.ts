import { join } from 'node:path';
import { createSeededContent, type Content } from '../../support/content.ts';
import { startMirrorProcess, type MirrorProcess } from '../../support/mirror-process.ts';
import { findProjectRoot } from '../../support/page/page-files.ts';
import { pull } from '../../support/raw-client.ts';
import { imageManifest, ociIndexType, ociManifestType } from '../../support/registry-content.ts';
import { startScriptedUpstream, type ScriptedUpstream } from '../../support/scripted-upstream.ts';

/** A real mirror, built as operators run it, and the registry that it pulls from. */
export interface PageStage {
  readonly upstream: ScriptedUpstream;
  readonly mirror: MirrorProcess;
  /** Layer of `library/one` alone, large enough to be looked at while it comes. */
  readonly largeLayer: Content;
  /** Layer of `library/one` and `library/two`. */
  readonly sharedLayer: Content;
  /** Pulls an image as clients do, by tag, this machine's platform; false when any of it was refused or broken. */
  pullImage(repository: string, tag: string, architecture?: string): Promise<boolean>;
  close(): Promise<void>;
}

const mebibyte = 1024 * 1024;

export interface PageStageOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Further keys of the configuration. */
  readonly config?: Readonly<Record<string, unknown>>;
}

/** `library/one:1` and `library/two:1` for two platforms, and `team/app:1.0` to `team/app:60.0`. */
export async function createPageStage({ env = {}, config = {} }: PageStageOptions = {}): Promise<PageStage> {
  const upstream = await startScriptedUpstream();
  const largeLayer = createSeededContent('large', 24 * mebibyte);
  const sharedLayer = createSeededContent('shared', 3 * mebibyte);
  addIndex(upstream, 'library/one', '1', [sharedLayer, largeLayer]);
  addIndex(upstream, 'library/two', '1', [sharedLayer, createSeededContent('two', 2 * mebibyte)]);
  for (let number = 1; number <= 60; number += 1)
    upstream.registry.addImage('team/app', `${number}.0`, [`layer of ${number}`]);
  let mirror: MirrorProcess;
  try {
    mirror = await startMirrorProcess({
      main: join(findProjectRoot(), 'dist', 'main.js'),
      upstreams: [
        { name: 'docker.io', url: upstream.url },
        { name: 'ghcr.io', url: `${upstream.url}/` },
      ],
      env,
      config,
    });
  } catch (error) {
    await upstream.close();
    throw error;
  }
  const get = async (path: string): Promise<Buffer | undefined> => {
    const pulled = await pull(mirror.address, path, { headers: { Accept: `${ociIndexType}, ${ociManifestType}` } });
    return pulled.status === 200 && pulled.isComplete ? pulled.body : undefined;
  };
  return {
    upstream,
    mirror,
    largeLayer,
    sharedLayer,
    async pullImage(repository, tag, architecture = 'amd64') {
      const manifestOf = async (reference: string): Promise<Manifest | undefined> => {
        const body = await get(`/v2/${repository}/manifests/${reference}`);
        return body && (JSON.parse(body.toString()) as Manifest);
      };
      const top = await manifestOf(tag);
      const child = top?.manifests?.find(({ platform }) => platform.architecture === architecture);
      const manifest = child === undefined ? top : await manifestOf(child.digest);
      if (manifest?.config === undefined) return false;
      const blobs = [manifest.config, ...(manifest.layers ?? [])];
      const bodies = await Promise.all(blobs.map(({ digest }) => get(`/v2/${repository}/blobs/${digest}`)));
      return bodies.every((body) => body !== undefined);
    },
    async close() {
      await mirror.close();
      await upstream.close();
    },
  };
}

interface Manifest {
  readonly config?: { readonly digest: string };
  readonly layers?: readonly { readonly digest: string }[];
  readonly manifests?: readonly { readonly digest: string; readonly platform: { readonly architecture: string } }[];
}

/** The layers are those of amd64; arm64 has a small one of its own. */
function addIndex(upstream: ScriptedUpstream, repository: string, tag: string, layers: readonly Content[]): void {
  const { registry } = upstream;
  const manifests = ['amd64', 'arm64'].map((architecture) => {
    const own = architecture === 'amd64' ? layers : [createSeededContent(`${repository} ${architecture}`, mebibyte)];
    const blobs = own.map((layer) => registry.addBlob(repository, layer));
    const config = registry.addBlob(repository, JSON.stringify({ architecture, os: 'linux', of: repository }));
    const { digest, bytes, mediaType } = registry.addManifest(repository, imageManifest(config, blobs));
    return { mediaType, digest, size: bytes.length, platform: { os: 'linux', architecture } };
  });
  const index = { schemaVersion: 2, mediaType: ociIndexType, manifests };
  registry.addManifest(repository, index, { tag, mediaType: ociIndexType });
}
