import type { Descriptor } from '../oci/descriptor.ts';
import { computeDigest, digestAlgorithm, type Digest } from '../oci/digest.ts';
import { MirrorError } from '../oci/errors.ts';
import { essenceOf, isManifestType } from '../oci/media-type.ts';
import { parseManifest } from '../oci/manifest.ts';
import type { Provenance } from '../oci/provenance.ts';
import type { Catalog } from '../store/catalog.ts';
import type { ContentStore, StoredObject } from '../store/content-store.ts';
import type { Inventory } from '../store/inventory.ts';
import type { Log } from '../telemetry/log.ts';
import type { Meter } from '../telemetry/metrics.ts';
import type { FetchedManifest, ManifestOptions } from '../upstream/upstream.ts';
import { hideDenial, manifestUnknown } from './absent.ts';
import { audienceOf, repositoryOf, type Door } from './door.ts';
import { withRoom, type Space } from './fill/fill-context.ts';
import type { Misses } from './misses.ts';
import type { Outcome, ServedManifest } from './pull.ts';
import { SingleFlight } from './single-flight.ts';
import type { Visibility } from './visibility.ts';

export interface ManifestPullsOptions {
  readonly content: ContentStore;
  readonly inventory: Inventory;
  readonly space: Space;
  readonly catalog: Catalog;
  readonly visibility: Visibility;
  readonly misses: Misses;
  readonly log: Log;
  readonly meter: Meter;
  onStoreError(operation: string, error: unknown): void;
  /** The manifest can be had from the store, and this door leads to it. */
  onKept(door: Door, digest: Digest): void;
}

/** A manifest whose bytes are verified. */
export interface LoadedManifest {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly bytes: Uint8Array;
  readonly provenance: Provenance;
}

/** Some thousand manifests. */
const maxAddingBytes = 32 * 1024 * 1024;

/** Pulls of manifests by digest: nothing is asked upstream once the content is here. */
export class ManifestPulls {
  readonly #options: ManifestPullsOptions;
  readonly #fetches = new SingleFlight<LoadedManifest>();
  /** Of manifests that are not on file yet. */
  #addingBytes = 0;

  constructor(options: ManifestPullsOptions) {
    this.#options = options;
  }

  async get(door: Door, digest: Digest): Promise<ServedManifest> {
    try {
      const stored = await this.findStored(door, digest);
      if (stored !== undefined) return serveManifest(stored, 'hit');
      return await this.#missed(door, digest, async () => serveManifest(await this.fetch(door, digest), 'miss'));
    } catch (error) {
      throw hideDenial(error, manifestUnknown);
    }
  }

  /** Costs a HEAD upstream at most, unless upstream's HEAD says too little. */
  async head(door: Door, digest: Digest): Promise<ServedManifest> {
    try {
      const stored = await this.findStored(door, digest);
      if (stored !== undefined) return serveManifest(stored, 'hit');
      return await this.#missed(door, digest, async () => await this.#headUpstream(door, digest));
    } catch (error) {
      throw hideDenial(error, manifestUnknown);
    }
  }

  /** Upstream is asked, unless it has just said that there is nothing. */
  async #missed(door: Door, digest: Digest, ask: () => Promise<ServedManifest>): Promise<ServedManifest> {
    const { misses } = this.#options;
    if (await misses.has(door, 'manifest', digest)) throw manifestUnknown();
    try {
      return await ask();
    } catch (error) {
      misses.remember(door, 'manifest', digest, error);
      throw error;
    }
  }

  async #headUpstream(door: Door, digest: Digest): Promise<ServedManifest> {
    const head = await door.upstream.headManifest(door.repository, { type: 'digest', digest });
    const mediaType = essenceOf(head.mediaType ?? '');
    if (head.sizeBytes === undefined || !isManifestType(mediaType)) {
      return serveManifest(await this.fetch(door, digest), 'miss');
    }
    const { sizeBytes, provenance } = head;
    return { ...unaged, outcome: 'miss', provenance, digest, mediaType, sizeBytes, bytes: undefined };
  }

  /** The manifest, when it is in the store, known to be one, and may leave through this door. */
  async findStored(door: Door, digest: Digest): Promise<LoadedManifest | undefined> {
    const { inventory, catalog, visibility } = this.#options;
    const object = await inventory.find(digest);
    if (object?.mediaType === undefined) return undefined;
    await visibility.requireStored(object, door, 'manifest');
    let bytes: Uint8Array | undefined;
    try {
      bytes = await inventory.readWhole(object);
    } catch (error) {
      // The bytes may be well: upstream has to do for now.
      this.#options.onStoreError('read', error);
      return undefined;
    }
    if (bytes === undefined) return undefined;
    catalog.touchContent(digest);
    return { digest, mediaType: object.mediaType, bytes, provenance: object.provenance };
  }

  /** The same at once, from memory. */
  recall(door: Door, digest: Digest): LoadedManifest | undefined {
    const { inventory, catalog, visibility } = this.#options;
    const recalled = inventory.recall(digest);
    if (recalled?.object.mediaType === undefined || !visibility.isShown(recalled.object, door)) return undefined;
    catalog.touchContent(digest);
    const { bytes, object } = recalled;
    return { digest, mediaType: recalled.object.mediaType, bytes, provenance: object.provenance };
  }

  /** Fetches by digest, verifies and keeps. @throws MirrorError `content-mismatch` when it is something else */
  async fetch(door: Door, digest: Digest, options: ManifestOptions = {}): Promise<LoadedManifest> {
    // Nobody who must have it waits for a fetch that may be refused.
    const key = [door.upstream.name, door.repository, audienceOf(door), digest, options.isOptional === true];
    return await this.#fetches.run(key, async () => {
      const fetched = await door.upstream.getManifest(door.repository, { type: 'digest', digest }, options);
      return await this.keep(door, digest, fetched);
    });
  }

  /** Verifies what was fetched against the digest it must have, and keeps it. */
  async keep(door: Door, digest: Digest, fetched: FetchedManifest): Promise<LoadedManifest> {
    const { bytes } = fetched;
    if (computeDigest(digestAlgorithm(digest), bytes) !== digest) {
      this.#options.meter.digestMismatch(door.upstream.name);
      this.#options.log.error(
        { ...repositoryOf(door), digest, bytes: bytes.length },
        'manifest does not match its digest; nothing is kept',
      );
      throw new MirrorError({
        kind: 'content-mismatch',
        message: 'upstream sent another manifest than the digest names',
      });
    }
    const facts = parseManifest(bytes, fetched.contentType);
    const known = this.#options.catalog.findContent(digest);
    const provenance = known?.provenance === 'public' ? 'public' : fetched.provenance;
    const manifest = { digest, mediaType: facts.mediaType, bytes, provenance };
    if (known === undefined) {
      const whenOnFile = this.#add(door, manifest, facts.children);
      // Where the disk does not keep up, memory must not grow with what waits for it.
      if (this.#addingBytes > maxAddingBytes) await whenOnFile;
      // Fetched twice at a time: what came first is being written.
    } else if (this.#options.inventory.isArriving(digest)) this.#book(door, manifest, facts.children);
    else await this.#replace(door, known, manifest, facts.children);
    return manifest;
  }

  /** Known from this turn on; nobody waits for the disk. */
  async #add(door: Door, manifest: LoadedManifest, children: readonly Descriptor[]): Promise<void> {
    const { inventory, content, space } = this.#options;
    const { mediaType, bytes } = manifest;
    const object = objectOf(manifest);
    this.#addingBytes += bytes.length;
    try {
      const added = inventory.add({ object, mediaType, bytes }, () =>
        withRoom(space, bytes.length, () => content.put(object, bytes)),
      );
      this.#book(door, manifest, children);
      await added;
    } catch (error) {
      // The pull goes on; the next one fetches again.
      this.#options.onStoreError('put', error);
    } finally {
      this.#addingBytes -= bytes.length;
    }
  }

  /** What there is stays until this is on file. */
  async #replace(
    door: Door,
    known: StoredObject,
    manifest: LoadedManifest,
    children: readonly Descriptor[],
  ): Promise<void> {
    const { content, catalog, space } = this.#options;
    const object = objectOf(manifest);
    try {
      await withRoom(space, object.sizeBytes, () => content.put(object, manifest.bytes));
      // What was restricted and now is public would otherwise stay there twice.
      if (known.provenance !== object.provenance) await content.remove(known);
    } catch (error) {
      this.#options.onStoreError('put', error);
      return;
    }
    void catalog.addContent(object, { mediaType: manifest.mediaType });
    this.#book(door, manifest, children);
  }

  #book(door: Door, { digest }: LoadedManifest, children: readonly Descriptor[]): void {
    const { catalog, onKept } = this.#options;
    void catalog.setChildren(digest, children);
    void catalog.addLink(repositoryOf(door), digest);
    onKept(door, digest);
  }
}

function objectOf({ digest, bytes, provenance }: LoadedManifest): StoredObject {
  return { digest, sizeBytes: bytes.length, provenance };
}

const unaged = { ageMs: undefined, warning: undefined };

export function serveManifest(
  manifest: LoadedManifest,
  outcome: Outcome,
  facts: Pick<ServedManifest, 'ageMs' | 'warning'> = unaged,
): ServedManifest {
  const { digest, mediaType, bytes, provenance } = manifest;
  return { outcome, provenance, digest, mediaType, sizeBytes: bytes.length, bytes, ...facts };
}
