import type { Digest } from '../oci/digest.ts';
import type { Clock } from '../telemetry/clock.ts';
import type { Log } from '../telemetry/log.ts';
import type { Catalog, ContentRecord } from './catalog.ts';
import type { Differences } from './catalog-compare.ts';
import type { ContentStore, FoundObject, ObjectName } from './content-store.ts';
import { findStoredManifest } from './stored-manifest.ts';

/** Makes rows and files agree again after a crash, or after the catalog was lost. */
export interface Recovery {
  /** The object under this digest that has lost its row, while any may have. Gets its row at once. */
  find(digest: Digest): Promise<ContentRecord | undefined>;
  /** Resolves at its end; never rejects. True when nothing was left undone. */
  readonly whenOver: Promise<boolean>;
}

export interface RecoveryOptions {
  readonly content: ContentStore;
  readonly catalog: Catalog;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
  /** What differs below one prefix, as far as rows are written; each is looked at again before anything is done. */
  compare(prefix: string): Promise<Differences>;
  /** Whether its file is on the way, later than its row. */
  isArriving(digest: Digest): boolean;
}

const hexDigits = '0123456789abcdef'.split('');
const twoDigits = hexDigits.flatMap((first) => hexDigits.map((second) => `${first}${second}`));
/** As the content store lists them. */
const prefixes = ['sha256:', 'sha512:'].flatMap((algorithm) => twoDigits.map((digits) => `${algorithm}${digits}`));
/** Files that are looked into at once. */
const filesAtOnce = 16;
const retryDelayMs = 1000;
/** Rows on their way to the catalog. */
const rowsAtOnce = 1000;

/** Nothing to be done. */
export const noRecovery: Recovery = { find: () => Promise.resolve(undefined), whenOver: Promise.resolve(true) };

/**
 * Starts in the background: adds rows for files that have none, everything after the catalog was lost, and removes rows
 * whose files are gone. Restricted content gets no links, so it leaves only after upstream was asked.
 */
export function startRecovery(options: RecoveryOptions): Recovery {
  const recovery = new RunningRecovery(options);
  return { find: (digest) => recovery.find(digest), whenOver: recovery.run() };
}

class RunningRecovery {
  readonly #options: RecoveryOptions;
  #isRunning = true;
  #restored = 0;
  #dropped = 0;
  #written: Promise<void>[] = [];

  constructor(options: RecoveryOptions) {
    this.#options = options;
  }

  async find(digest: Digest): Promise<ContentRecord | undefined> {
    if (!this.#isRunning) return undefined;
    await this.#restore(everywhere(digest)).catch(() => undefined);
    return this.#options.catalog.findContent(digest);
  }

  async run(): Promise<boolean> {
    const { log, signal } = this.#options;
    try {
      for (const prefix of prefixes) {
        await this.#compare(prefix);
        // Also in the last one something may have been left undone.
        if (signal.aborted) return false;
      }
      await Promise.all(this.#written);
    } catch (error) {
      log.error({ err: error, restored: this.#restored }, 'the catalog could not be made whole from the files');
      return false;
    } finally {
      this.#isRunning = false;
    }
    const counts = { restored: this.#restored, dropped: this.#dropped };
    if (counts.restored + counts.dropped > 0) log.info(counts, 'the catalog has been made whole from the files');
    return true;
  }

  /** Some thousand objects of a store of a million. */
  async #compare(prefix: string): Promise<void> {
    const { odd, lost } = await this.#findDifferences(prefix);
    await this.#forEach(odd, async (names) => await this.#restore(names));
    await this.#forEach(lost, async (digest) => await this.#drop(digest));
  }

  /** A catalog that cannot be opened yet, as on a full disk, is waited for: meanwhile files are found one by one. */
  async #findDifferences(prefix: string): Promise<Differences> {
    const { compare, log, signal } = this.#options;
    for (let failures = 0; !signal.aborted; failures += 1) {
      try {
        return await compare(prefix);
      } catch (error) {
        if (failures === 0) log.warn({ err: error }, 'rows and files cannot be compared yet');
        await this.#pause();
      }
    }
    return { odd: [], lost: [] };
  }

  async #pause(): Promise<void> {
    const { clock, signal } = this.#options;
    if (signal.aborted) return;
    await new Promise<void>((resolve) => {
      const end = () => {
        timer.stop();
        signal.removeEventListener('abort', end);
        resolve();
      };
      const timer = clock.startTimer(retryDelayMs, end);
      signal.addEventListener('abort', end);
    });
  }

  async #forEach<T>(items: readonly T[], act: (item: T) => Promise<void>): Promise<void> {
    const left = items.values();
    const work = async (): Promise<void> => {
      for (const item of left) {
        if (this.#options.signal.aborted) return;
        await act(item);
        if (this.#written.length >= rowsAtOnce) await Promise.all(this.#written.splice(0));
      }
    };
    await Promise.all(Array.from({ length: filesAtOnce }, work));
  }

  /** Gives what lies under these names of one digest its row, unless it has it: others have gone on meanwhile. */
  async #restore(names: readonly ObjectName[]): Promise<void> {
    const { content, catalog } = this.#options;
    const digest = names[0]?.digest;
    if (digest === undefined) return;
    const found = await Promise.all(names.map((name) => content.find(name)));
    const [open, closed] = (['public', 'restricted'] as const).map((provenance) =>
      found.find((object) => object?.provenance === provenance),
    );
    const row = catalog.findContent(digest);
    // A second copy that nobody will open: a promotion was cut short.
    if (open !== undefined && closed !== undefined) await content.remove(closed);
    if (row === undefined) await this.#addRow(open ?? closed);
    else if (row.provenance === 'restricted' && open !== undefined) await catalog.promoteContent(digest);
    else if (row.provenance === 'public' && open === undefined && closed !== undefined) await content.promote(closed);
  }

  async #addRow(object: FoundObject | undefined): Promise<void> {
    if (object === undefined) return;
    const { content, catalog } = this.#options;
    const facts = await findStoredManifest(content, object);
    // A fill may have ended while the file was read.
    if (catalog.findContent(object.digest) !== undefined) return;
    this.#restored += 1;
    this.#written.push(catalog.addContent(object, { mediaType: facts?.mediaType, lastUsedMs: object.changedMs }));
    if (facts !== undefined) void catalog.setChildren(object.digest, facts.children);
  }

  async #drop(digest: Digest): Promise<void> {
    const { content, catalog, isArriving } = this.#options;
    if (isArriving(digest)) return;
    const found = await Promise.all(everywhere(digest).map((name) => content.find(name)));
    if (found.some((object) => object !== undefined) || catalog.findContent(digest) === undefined) return;
    // It has come again while nothing was found of it.
    if (isArriving(digest)) return;
    this.#dropped += 1;
    this.#written.push(catalog.removeContent(digest));
  }
}

function everywhere(digest: Digest): readonly ObjectName[] {
  return [
    { digest, provenance: 'public' },
    { digest, provenance: 'restricted' },
  ];
}
