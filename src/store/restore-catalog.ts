import { maxManifestBytes, parseManifest, type ManifestFacts } from '../oci/manifest.ts';
import { mediaTypes } from '../oci/media-type.ts';
import type { Log } from '../telemetry/log.ts';
import type { Catalog } from './catalog.ts';
import type { ContentStore, StoredObject } from './content-store.ts';
import { isRecord } from './record.ts';

/** So many rows on their way to the catalog at once. */
const rowsAtOnce = 256;

/** What the search for files without rows works on. */
export interface RestoreOptions {
  readonly content: ContentStore;
  readonly catalog: Catalog;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/**
 * Adds what lies in the content store without a row: everything after the catalog was lost, a few objects
 * after a crash. Restricted content gets no links, so it leaves only after upstream was asked. Never throws; true when it
 * came to the end.
 */
export async function restoreCatalog(options: RestoreOptions): Promise<boolean> {
  const { content, catalog, log, signal } = options;
  let restored = 0;
  let written: Promise<unknown>[] = [];
  try {
    for await (const object of content.list()) {
      if (signal.aborted) return false;
      const row = catalog.findContent(object.digest);
      if (row === undefined) {
        written.push(...(await restoreObject(content, catalog, object)));
        restored += 1;
      } else if (row.provenance === 'restricted' && object.provenance === 'public') {
        written.push(catalog.promoteContent(object.digest));
      } else if (row.provenance === 'public' && object.provenance === 'restricted') {
        // A second copy that nobody will open.
        await content.remove(object);
      }
      if (written.length < rowsAtOnce) continue;
      await Promise.all(written);
      written = [];
    }
    await Promise.all(written);
  } catch (error) {
    log.error({ err: error, restored }, 'the catalog could not be made whole from the files');
    return false;
  }
  if (restored > 0) log.info({ restored }, 'the catalog has been made whole from the files');
  return true;
}

async function restoreObject(
  content: ContentStore,
  catalog: Catalog,
  object: StoredObject,
): Promise<readonly Promise<void>[]> {
  const facts = await findManifest(content, object);
  const added = catalog.addContent(object, { mediaType: facts?.mediaType });
  return facts === undefined ? [added] : [added, catalog.setChildren(object.digest, facts.children)];
}

/** What the object says as a manifest, undefined when it is none or cannot be read. */
async function findManifest(content: ContentStore, object: StoredObject): Promise<ManifestFacts | undefined> {
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
