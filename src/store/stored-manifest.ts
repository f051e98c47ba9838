import { maxManifestBytes, parseManifest, type ManifestFacts } from '../oci/manifest.ts';
import { mediaTypes } from '../oci/media-type.ts';
import type { ContentStore, StoredObject } from './content-store.ts';
import { isRecord } from './record.ts';

/**
 * What a stored object says as a manifest when nobody remembers whether it is one; undefined when it is none or cannot
 * be read.
 */
export async function findStoredManifest(
  content: ContentStore,
  object: StoredObject,
): Promise<ManifestFacts | undefined> {
  if (object.sizeBytes === 0 || object.sizeBytes > maxManifestBytes) return undefined;
  const reader = await content.open(object).catch(() => undefined);
  if (reader === undefined) return undefined;
  try {
    const first = new Uint8Array(1);
    await reader.read(0, first);
    if (!' \t\r\n{'.includes(String.fromCharCode(first[0] ?? 0))) return undefined;
    const bytes = new Uint8Array(object.sizeBytes);
    if ((await reader.read(0, bytes)) !== bytes.length) return undefined;
    return findManifestFacts(bytes);
  } catch {
    return undefined;
  } finally {
    reader.close();
  }
}

/** The type comes from the body, since nothing else is left: its `mediaType`, else the fields it has. */
function findManifestFacts(bytes: Uint8Array): ManifestFacts | undefined {
  try {
    const body: unknown = JSON.parse(new TextDecoder().decode(bytes));
    if (!isRecord(body)) return undefined;
    const { mediaType, manifests, config, layers } = body;
    const inferred = Array.isArray(manifests)
      ? mediaTypes.ociIndex
      : typeof config === 'object' && Array.isArray(layers)
        ? mediaTypes.ociManifest
        : '';
    return parseManifest(bytes, typeof mediaType === 'string' ? mediaType : inferred);
  } catch {
    return undefined;
  }
}
