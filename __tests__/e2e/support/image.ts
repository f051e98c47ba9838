import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { createTar, type TarFile } from './tar.ts';

/** The media types of the two families of images. */
const families = {
  oci: {
    manifest: 'application/vnd.oci.image.manifest.v1+json',
    index: 'application/vnd.oci.image.index.v1+json',
    config: 'application/vnd.oci.image.config.v1+json',
    layer: 'application/vnd.oci.image.layer.v1.tar+gzip',
  },
  docker: {
    manifest: 'application/vnd.docker.distribution.manifest.v2+json',
    index: 'application/vnd.docker.distribution.manifest.list.v2+json',
    config: 'application/vnd.docker.container.image.v1+json',
    layer: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
  },
} as const;

export type Family = keyof typeof families;

export interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly platform?: Platform;
  readonly artifactType?: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface Platform {
  readonly os: string;
  readonly architecture: string;
}

/** Bytes with the descriptor that names them. */
export interface Content {
  readonly descriptor: Descriptor;
  readonly bytes: Buffer;
}

/** A manifest with everything that has to be in the registry before it. */
export interface Image {
  readonly manifest: Content;
  readonly blobs: readonly Content[];
  /** The images of an index. */
  readonly children: readonly Image[];
}

export interface ImageOptions {
  readonly family?: Family;
  readonly layers: readonly (readonly TarFile[])[];
  readonly command?: readonly string[];
  readonly platform?: Platform;
}

/** The platform of this machine, as images name it. */
export const ownPlatform: Platform = { os: 'linux', architecture: process.arch === 'x64' ? 'amd64' : process.arch };

export function createContent(mediaType: string, bytes: Buffer): Content {
  const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
  return { descriptor: { mediaType, digest, size: bytes.length }, bytes };
}

/** An image that a container runtime accepts. */
export function createImage(options: ImageOptions): Image {
  const types = families[options.family ?? 'oci'];
  const platform = options.platform ?? ownPlatform;
  const tars = options.layers.map(createTar);
  const layers = tars.map((tar) => createContent(types.layer, gzipSync(tar, { level: 1 })));
  const config = createJson(types.config, {
    ...platform,
    config: { Cmd: options.command ?? ['/none'] },
    rootfs: { type: 'layers', diff_ids: tars.map((tar) => createContent('', tar).descriptor.digest) },
    history: tars.map(() => ({ created_by: 'a test' })),
  });
  const manifest = createJson(types.manifest, {
    schemaVersion: 2,
    mediaType: types.manifest,
    config: config.descriptor,
    layers: layers.map((layer) => layer.descriptor),
  });
  return { manifest, blobs: [config, ...layers], children: [] };
}

/** An index (OCI) or manifest list (Docker) over one image per platform. */
export function createIndex(family: Family, images: ReadonlyMap<Platform, Image>): Image {
  const mediaType = families[family].index;
  const manifests = [...images].map(([platform, image]) => ({ ...image.manifest.descriptor, platform }));
  const manifest = createJson(mediaType, { schemaVersion: 2, mediaType, manifests });
  return { manifest, blobs: [], children: [...images.values()] };
}

export interface ArtifactOptions {
  readonly artifactType: string;
  readonly subject: Descriptor;
  readonly text: string;
}

/** Something that refers to an image, such as a signature. */
export function createArtifact(options: ArtifactOptions): Image {
  const config = createJson('application/vnd.oci.empty.v1+json', {});
  const layer = createContent('text/plain', Buffer.from(options.text));
  const manifest = createJson(families.oci.manifest, {
    schemaVersion: 2,
    mediaType: families.oci.manifest,
    artifactType: options.artifactType,
    config: config.descriptor,
    layers: [layer.descriptor],
    subject: options.subject,
  });
  return { manifest, blobs: [config, layer], children: [] };
}

/** The index under the fallback tag, where a registry has no referrers API. */
export function createReferrersIndex(artifacts: readonly { readonly type: string; readonly image: Image }[]): Image {
  const mediaType = families.oci.index;
  const manifests = artifacts.map(({ type, image }) => ({ ...image.manifest.descriptor, artifactType: type }));
  const manifest = createJson(mediaType, { schemaVersion: 2, mediaType, manifests });
  return { manifest, blobs: [], children: artifacts.map(({ image }) => image) };
}

function createJson(mediaType: string, value: unknown): Content {
  return createContent(mediaType, Buffer.from(JSON.stringify(value)));
}
