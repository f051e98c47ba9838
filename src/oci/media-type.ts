// Media types of manifests that the mirror keeps and serves (image-spec, media-types.md; Docker schema 2).

export const mediaTypes = {
  ociManifest: 'application/vnd.oci.image.manifest.v1+json',
  ociIndex: 'application/vnd.oci.image.index.v1+json',
  dockerManifest: 'application/vnd.docker.distribution.manifest.v2+json',
  dockerManifestList: 'application/vnd.docker.distribution.manifest.list.v2+json',
} as const;

/** What upstream is always asked for, whatever the client accepts: one tag must not have two digests. */
export const manifestAccept = [
  mediaTypes.ociIndex,
  mediaTypes.ociManifest,
  mediaTypes.dockerManifestList,
  mediaTypes.dockerManifest,
].join(', ');

/** The type without parameters, in lower case: `A/B; charset=x` gives `a/b`. */
export function essenceOf(contentType: string): string {
  return (contentType.split(';', 1)[0] ?? '').trim().toLowerCase();
}

export function isManifestType(type: string): boolean {
  return (Object.values(mediaTypes) as readonly string[]).includes(type);
}

export function isIndexType(type: string): boolean {
  return type === mediaTypes.ociIndex || type === mediaTypes.dockerManifestList;
}
