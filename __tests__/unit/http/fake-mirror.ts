import { createHash } from 'node:crypto';
import type { Mirror } from '../../../src/mirror/mirror-api.ts';
import type { BodyReader, ServedBlob, ServedManifest } from '../../../src/mirror/pull.ts';
import { parseDigest, type Digest } from '../../../src/oci/digest.ts';
import { MirrorError } from '../../../src/oci/errors.ts';
import { mediaTypes } from '../../../src/oci/media-type.ts';

/** What was opened and must have been closed, and what was asked, in words. */
export interface Ledger {
  readonly calls: { readonly method: string; readonly pull: object; readonly demand?: object }[];
  openBlobs: number;
  openBodies: number;
  heldChunks: number;
}

export interface FakeMirror extends Mirror {
  readonly ledger: Ledger;
}

/** A mirror that has nothing, but for what `parts` says. */
export function createFakeMirror(parts: Partial<Mirror> = {}, ledger: Ledger = createLedger()): FakeMirror {
  const note = (method: string, pull: object, demand?: object): void => {
    ledger.calls.push(demand === undefined ? { method, pull } : { method, pull, demand });
  };
  const absent = async (kind: 'manifest-unknown' | 'blob-unknown'): Promise<never> => {
    throw new MirrorError({ kind, message: 'it is not there' });
  };
  return {
    ledger,
    recallManifest: (pull) => parts.recallManifest?.(pull),
    recallBlob: (pull) => parts.recallBlob?.(pull),
    getManifest(pull, signal) {
      note('getManifest', pull);
      return parts.getManifest?.(pull, signal) ?? absent('manifest-unknown');
    },
    checkManifest(pull, signal) {
      note('checkManifest', pull);
      return parts.checkManifest?.(pull, signal) ?? absent('manifest-unknown');
    },
    headManifest(pull, signal) {
      note('headManifest', pull);
      return parts.headManifest?.(pull, signal) ?? absent('manifest-unknown');
    },
    getBlob(pull, demand, signal) {
      note('getBlob', pull, demand);
      return parts.getBlob?.(pull, demand, signal) ?? absent('blob-unknown');
    },
    headBlob(pull, signal) {
      note('headBlob', pull);
      return parts.headBlob?.(pull, signal) ?? absent('blob-unknown');
    },
    hasContent: async (pull) => (await parts.hasContent?.(pull)) ?? false,
    whenKept: async (digest) => await parts.whenKept?.(digest),
    parkUnread: async (digest) => await parts.parkUnread?.(digest),
    listTags(pull, signal) {
      note('listTags', pull);
      return parts.listTags?.(pull, signal) ?? absent('manifest-unknown');
    },
    listReferrers(pull, signal) {
      note('listReferrers', pull);
      return parts.listReferrers?.(pull, signal) ?? absent('manifest-unknown');
    },
    listCatalog: () => parts.listCatalog?.() ?? [],
    stats: () => ({ fills: 0, readers: ledger.openBodies, waiting: 0 }),
    listFills: () => parts.listFills?.() ?? [],
    close: () => Promise.resolve(),
  };
}

export function createLedger(): Ledger {
  return { calls: [], openBlobs: 0, openBodies: 0, heldChunks: 0 };
}

export function digestOf(bytes: Uint8Array): Digest {
  return parseDigest(`sha256:${createHash('sha256').update(bytes).digest('hex')}`);
}

/** A blob that is here, in chunks of `chunkBytes`. Overwrites each chunk once it is released, as a pool would. */
export function serveBlob(
  bytes: Buffer,
  ledger: Ledger,
  options: Partial<ServedBlob> & { readonly chunkBytes?: number } = {},
): ServedBlob {
  const { chunkBytes = 100_000, ...facts } = options;
  ledger.openBlobs += 1;
  return {
    digest: digestOf(bytes),
    sizeBytes: bytes.length,
    outcome: 'hit',
    provenance: 'public',
    openBody: (span = { start: 0, end: bytes.length }) => {
      const chunks: Buffer[] = [];
      for (let at = span.start; at < span.end; at += chunkBytes) {
        chunks.push(Buffer.from(bytes.subarray(at, Math.min(at + chunkBytes, span.end))));
      }
      return createChunkReader(chunks, ledger);
    },
    close: () => {
      ledger.openBlobs -= 1;
    },
    ...facts,
  };
}

/** A function in place of a chunk is called in its turn: to wait, to throw, to let something happen. */
export type Step = Buffer | ((ledger: Ledger) => Promise<Buffer | undefined>);

export function createChunkReader(steps: readonly Step[], ledger: Ledger): BodyReader {
  const remaining = [...steps];
  const closed = Promise.withResolvers<undefined>();
  let isClosed = false;
  ledger.openBodies += 1;
  return {
    async read() {
      const step = isClosed ? undefined : remaining.shift();
      const bytes = typeof step === 'function' ? await Promise.race([step(ledger), closed.promise]) : step;
      if (bytes === undefined || isClosed) return undefined;
      ledger.heldChunks += 1;
      return {
        bytes,
        release: () => {
          ledger.heldChunks -= 1;
          bytes.fill(0xff);
        },
      };
    },
    close() {
      if (isClosed) return;
      isClosed = true;
      ledger.openBodies -= 1;
      closed.resolve(undefined);
    },
  };
}

export const manifestBytes = Buffer.from('{ "schemaVersion": 2,\r\n"config": {} }\n');

export function serveManifest(facts: Partial<ServedManifest> = {}): ServedManifest {
  return {
    digest: digestOf(manifestBytes),
    mediaType: mediaTypes.ociManifest,
    sizeBytes: manifestBytes.length,
    bytes: manifestBytes,
    outcome: 'hit',
    provenance: 'public',
    ageMs: undefined,
    warning: undefined,
    ...facts,
  };
}
