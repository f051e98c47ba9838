import type { Digest } from '../oci/digest.ts';
import type { Log } from '../telemetry/log.ts';
import type { Catalog, ContentRecord } from './catalog.ts';
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
  readonly log: Log;
  readonly signal: AbortSignal;
}

const hexDigits = '0123456789abcdef'.split('');
const twoDigits = hexDigits.flatMap((first) => hexDigits.map((second) => `${first}${second}`));
/** As the content store lists them. */
const prefixes = ['sha256:', 'sha512:'].flatMap((algorithm) => twoDigits.map((digits) => `${algorithm}${digits}`));
/** Files that are looked into at once. */
const filesAtOnce = 16;
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
    await this.#restore(digest, everywhere(digest)).catch(() => undefined);
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

  /** Some thousand objects of a store of a million, in slices that keep nobody waiting. */
  async #compare(prefix: string): Promise<void> {
    const { content, catalog } = this.#options;
    const files = Map.groupBy(await content.list(prefix), ({ digest }) => digest[prefix.length]);
    for (const digit of hexDigits) {
      const here = Map.groupBy(files.get(digit) ?? [], ({ digest }) => digest);
      const rows = new Map(catalog.listContent(`${prefix}${digit}`).map((row) => [row.digest, row]));
      const odd = [...here].filter(([digest, names]) => !isAsBooked(names, rows.get(digest)));
      await this.#forEach(odd, async ([digest, names]) => await this.#restore(digest, names));
      const lost = [...rows.values()].filter(({ digest }) => !here.has(digest));
      await this.#forEach(lost, async (row) => await this.#drop(row));
      if (this.#written.length >= rowsAtOnce) await Promise.all(this.#written.splice(0));
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  async #forEach<T>(items: readonly T[], act: (item: T) => Promise<void>): Promise<void> {
    const left = items.values();
    const work = async (): Promise<void> => {
      for (const item of left) {
        if (this.#options.signal.aborted) return;
        await act(item);
      }
    };
    await Promise.all(Array.from({ length: filesAtOnce }, work));
  }

  /** Gives what lies under this digest its row, unless it has it: others have gone on meanwhile. */
  async #restore(digest: Digest, names: readonly ObjectName[]): Promise<void> {
    const { content, catalog } = this.#options;
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

  async #drop(row: ContentRecord): Promise<void> {
    const { content, catalog } = this.#options;
    const found = await Promise.all(everywhere(row.digest).map((name) => content.find(name)));
    if (found.some((object) => object !== undefined)) return;
    this.#dropped += 1;
    this.#written.push(catalog.removeContent(row.digest));
  }
}

function everywhere(digest: Digest): readonly ObjectName[] {
  return [
    { digest, provenance: 'public' },
    { digest, provenance: 'restricted' },
  ];
}

function isAsBooked(files: readonly ObjectName[], row: ContentRecord | undefined): boolean {
  return files.length === 1 && files[0]?.provenance === row?.provenance;
}
