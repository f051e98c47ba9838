import type { Mirror } from '../mirror-api.ts';
import type { BlobPull } from '../pull.ts';
import { ItemFailure } from './job.ts';

export interface BlobPullOptions {
  readonly signal: AbortSignal;
  /** So many bytes more have come. */
  onBytes(bytes: number): void;
}

/**
 * Pulls a whole blob as a client does, and lets its bytes go. It need not be content yet when this resolves:
 * `whenKept` waits for that. What cannot be kept is not transferred. When `signal` fires it rejects, and what only it wanted ends.
 */
export async function pullBlob(mirror: Mirror, pull: BlobPull, { signal, onBytes }: BlobPullOptions): Promise<void> {
  try {
    const served = await mirror.getBlob(pull, { type: 'whole' }, signal);
    try {
      // What is here need not be read.
      if (served.outcome === 'hit') return;
      if (served.outcome === 'bypass') throw new ItemFailure(`the cache has no room for ${pull.digest}`);
      const body = served.openBody();
      const end = (): void => body.close();
      signal.addEventListener('abort', end, { once: true });
      try {
        for (let chunk = await body.read(); chunk !== undefined; chunk = await body.read()) {
          onBytes(chunk.bytes.length);
          chunk.release();
        }
      } finally {
        signal.removeEventListener('abort', end);
        body.close();
      }
      signal.throwIfAborted();
    } finally {
      served.close();
    }
  } finally {
    if (signal.aborted) await mirror.parkUnread(pull.digest);
  }
}
