import type { Digest } from '../../oci/digest.ts';
import { readImageParts } from '../../oci/image-parts.ts';
import { isIndexType } from '../../oci/media-type.ts';
import type { Clock } from '../../telemetry/clock.ts';
import type { Log } from '../../telemetry/log.ts';
import type { Mirror } from '../mirror-api.ts';
import type { BlobPull, ManifestPull, ServedManifest } from '../pull.ts';
import { pullBlob } from './pull-blob.ts';

export interface LayersAheadOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** Otherwise nothing is fetched ahead. */
  isWanted(): boolean;
}

/** The mirror as clients are to see it: who pulls an image's manifest will soon ask for its layers. */
export interface LayersAhead {
  /** Pulls of manifests through this one start what is missing of their layers; everything else is as it was. */
  readonly mirror: Mirror;
  /** Ends what it has started. */
  close(): Promise<void>;
}

const maxWaitingImages = 8;
const blobsAtOnce = 2;
/** An image that was looked at is left alone for so long; and so many of them are remembered. */
const lookEveryMs = 60_000;
const maxLooked = 10_000;

/** Clients follow the fills that are begun here, within the same limits. */
export function fetchLayersAhead(mirror: Mirror, { clock, log, isWanted }: LayersAheadOptions): LayersAhead {
  const lookedMs = new Map<Digest, number>();
  const stop = new AbortController();
  const running = new Set<Promise<void>>();
  let waiting: BlobPull[][] = [];

  function isLooked(digest: Digest): boolean {
    const atMs = lookedMs.get(digest);
    return atMs !== undefined && clock.monotonicMs() - atMs < lookEveryMs;
  }

  function look(pull: ManifestPull, { digest, mediaType, bytes, provenance }: ServedManifest): void {
    if (!isWanted() || bytes === undefined || isIndexType(mediaType) || isLooked(digest) || stop.signal.aborted) return;
    waiting = waiting.filter((image) => image.length > 0);
    if (waiting.length >= maxWaitingImages) return;
    lookedMs.delete(digest);
    lookedMs.set(digest, clock.monotonicMs());
    for (const oldest of lookedMs.keys()) {
      if (lookedMs.size <= maxLooked) break;
      lookedMs.delete(oldest);
    }
    // A login is not kept for later.
    if (pull.login !== undefined && provenance === 'restricted') return;
    const parts = readImageParts(bytes, mediaType).blobs.filter(({ isForeign }) => !isForeign);
    const { upstream, repository, hops = [] } = pull;
    waiting.push(parts.map(({ digest: part }) => ({ upstream, repository, hops, digest: part })));
    // The answer goes out first.
    setImmediate(work);
  }

  function work(): void {
    while (running.size < blobsAtOnce && !stop.signal.aborted) {
      waiting = waiting.filter((image) => image.length > 0);
      const [image] = waiting;
      const pull = image?.shift();
      if (image === undefined || pull === undefined) return;
      const run = fetch(pull, image).finally(() => {
        running.delete(run);
        work();
      });
      running.add(run);
    }
  }

  async function fetch(pull: BlobPull, rest: BlobPull[]): Promise<void> {
    const { signal } = stop;
    try {
      if (!(await mirror.hasContent(pull))) await pullBlob(mirror, pull, { signal, onBytes: () => {} });
    } catch (error) {
      // The client meets the same trouble, and tells of it.
      rest.length = 0;
      const { upstream, repository, digest } = pull;
      if (!signal.aborted)
        log.debug({ upstream, repository, digest, err: error }, 'a layer could not be fetched ahead');
    }
  }

  return {
    mirror: {
      ...mirror,
      recallManifest(pull) {
        const served = mirror.recallManifest(pull);
        // Now and then it goes the longer way, on which it is looked at.
        if (served === undefined || !isWanted() || isIndexType(served.mediaType)) return served;
        return isLooked(served.digest) ? served : undefined;
      },
      async getManifest(pull, signal) {
        const served = await mirror.getManifest(pull, signal);
        look(pull, served);
        return served;
      },
    },
    async close() {
      stop.abort();
      waiting = [];
      await Promise.all(running);
    },
  };
}
