import type { Digest } from '../../oci/digest.ts';
import type { ImageName } from '../../oci/image-name.ts';
import type { Catalog } from '../../store/catalog.ts';
import type { StoredObject } from '../../store/content-store.ts';
import type { Inventory } from '../../store/inventory.ts';
import type { StoreFaults } from '../../store/store-faults.ts';
import type { Clock } from '../../telemetry/clock.ts';
import { ItemFailure, type Progress } from './job.ts';
import { pause } from './patience.ts';
import { untilAborted } from './until-aborted.ts';

export interface VerifierOptions {
  readonly catalog: Pick<Catalog, 'findContent' | 'findTag' | 'childrenOf' | 'listContent' | 'totals'>;
  readonly inventory: Pick<Inventory, 'open' | 'reportUnreadable'>;
  readonly faults: Pick<StoreFaults, 'report'>;
  readonly clock: Clock;
}

/** Rests shorter than this would cost more than they give. */
const leastRestMs = 50;
/** Digests are spread evenly: so many queries go through all of them. */
const prefixes = 256;

/**
 * Reads content again and holds it against its digests, one object after the other, and rests as long as it has read:
 * pulls want the disk and the hash worker too. What is damaged is put aside, as the scrub does it.
 */
export class Verifier {
  readonly #options: VerifierOptions;
  #owedMs = 0;

  constructor(options: VerifierOptions) {
    this.#options = options;
  }

  /** All of an image that is here. @throws ItemFailure when none of it is, or something was damaged */
  async verifyImage(name: ImageName, progress: Progress, signal: AbortSignal): Promise<void> {
    const { catalog } = this.#options;
    const digests = this.#findImage(name).filter((digest) => catalog.findContent(digest) !== undefined);
    if (digests.length === 0) throw new ItemFailure('nothing of this image is in the cache');
    const bytes = digests.reduce((sum, digest) => sum + (catalog.findContent(digest)?.sizeBytes ?? 0), 0);
    progress.expect(digests.length, bytes);
    for (const digest of digests) await this.#verify(digest, progress, signal);
    conclude(progress);
  }

  /** @throws ItemFailure when something was damaged */
  async verifyAll(progress: Progress, signal: AbortSignal): Promise<void> {
    const { catalog } = this.#options;
    const { objects, bytes } = catalog.totals();
    progress.expect(objects, bytes);
    for (const algorithm of ['sha256', 'sha512']) {
      for (let prefix = 0; prefix < prefixes; prefix++) {
        const records = catalog.listContent(`${algorithm}:${prefix.toString(16).padStart(2, '0')}`);
        for (const { digest } of records) await this.#verify(digest, progress, signal);
        // Queries in one go would keep everybody waiting.
        await new Promise((resolve) => setImmediate(resolve));
        signal.throwIfAborted();
      }
    }
    conclude(progress);
  }

  #findImage({ reference, ...repository }: ImageName): readonly Digest[] {
    const { catalog } = this.#options;
    const root = reference.type === 'digest' ? reference.digest : catalog.findTag(repository, reference.tag)?.digest;
    const found = new Set<Digest>(root === undefined ? [] : [root]);
    // A set gives also what is added while it is gone through.
    for (const digest of found) for (const child of catalog.childrenOf(digest)) found.add(child.digest);
    return [...found];
  }

  async #verify(digest: Digest, progress: Progress, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const { clock, catalog } = this.#options;
    const startMs = clock.monotonicMs();
    const record = catalog.findContent(digest);
    // Evicted meanwhile.
    if (record === undefined) return;
    if (!(await this.#isFit(record, signal))) progress.damaged();
    progress.begin(record.sizeBytes).done();
    await this.#rest(clock.monotonicMs() - startMs, signal);
  }

  async #isFit(record: StoredObject, signal: AbortSignal): Promise<boolean> {
    const { inventory, faults } = this.#options;
    try {
      const reader = await inventory.open(record);
      try {
        // A large one is read to the end whoever waits, but nobody has to.
        return reader !== undefined && (await untilAborted(reader.verify({ isAnew: true }), signal));
      } finally {
        reader?.close();
      }
    } catch (error) {
      signal.throwIfAborted();
      faults.report('verify', error);
      await inventory.reportUnreadable(record, error).catch((failure: unknown) => faults.report('remove', failure));
      return false;
    }
  }

  async #rest(afterMs: number, signal: AbortSignal): Promise<void> {
    this.#owedMs += afterMs;
    if (this.#owedMs < leastRestMs) return;
    const restMs = this.#owedMs;
    this.#owedMs = 0;
    await pause(this.#options.clock, restMs, signal);
  }
}

/** @throws ItemFailure that says how many */
function conclude(progress: Progress): void {
  progress.settle();
  const { damagedObjects: damaged, totalObjects } = progress;
  if (damaged === 0) return;
  const verb = damaged === 1 ? 'is' : 'are';
  throw new ItemFailure(
    `${damaged} of ${totalObjects} objects ${verb} damaged or missing, and out of the cache now: the next pull fetches anew`,
  );
}
