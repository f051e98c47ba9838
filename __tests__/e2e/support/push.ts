import type { Content, Image } from './image.ts';

/** Puts an image under a tag into a registry that takes uploads without a login. */
export async function pushImage(registryUrl: string, repository: string, tag: string, image: Image): Promise<void> {
  await pushUntagged(registryUrl, repository, image);
  await pushManifest(registryUrl, repository, tag, image.manifest);
}

async function pushUntagged(registryUrl: string, repository: string, image: Image): Promise<void> {
  for (const child of image.children) await pushUntagged(registryUrl, repository, child);
  for (const blob of image.blobs) await pushBlob(registryUrl, repository, blob);
  await pushManifest(registryUrl, repository, image.manifest.descriptor.digest, image.manifest);
}

export async function pushBlob(registryUrl: string, repository: string, blob: Content): Promise<void> {
  const start = await send('POST', `${registryUrl}/v2/${repository}/blobs/uploads/`, 202);
  const location = new URL(start.headers.get('location') ?? '', registryUrl);
  location.searchParams.set('digest', blob.descriptor.digest);
  await send('PUT', location.href, 201, { body: blob.bytes, type: 'application/octet-stream' });
}

async function pushManifest(
  registryUrl: string,
  repository: string,
  reference: string,
  manifest: Content,
): Promise<void> {
  await send('PUT', `${registryUrl}/v2/${repository}/manifests/${reference}`, 201, {
    body: manifest.bytes,
    type: manifest.descriptor.mediaType,
  });
}

interface Payload {
  readonly body: Buffer;
  readonly type: string;
}

async function send(method: string, url: string, expected: number, payload?: Payload): Promise<Response> {
  const init: RequestInit = { method };
  if (payload !== undefined) {
    init.body = new Uint8Array(payload.body);
    init.headers = { 'content-type': payload.type };
  }
  const response = await fetch(url, init);
  const text = await response.text();
  if (response.status !== expected) throw new Error(`${method} ${url}: ${response.status} ${text}`);
  return response;
}
