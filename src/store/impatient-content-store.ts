import type { Clock } from '../telemetry/clock.ts';
import type { ContentReader, ContentStore, PartialContent } from './content-store.ts';

/** Longer than any disk that works needs to find a file, and to read some hundred kilobytes. */
const openTimeoutMs = 10_000;
const readTimeoutMs = 30_000;

/** The disk has not answered; `code` as of a file system over a network. */
class DiskTimeoutError extends Error {
  readonly code = 'ETIMEDOUT';
}

/**
 * A content store that gives up on a disk that hangs, so that pulls go around it: opening, beginning and reading reject
 * with ETIMEDOUT. What comes later is closed. Commits may take what they need: fsync of a large file does.
 * A read that was given up may still fill its buffer: nobody may use that again.
 */
export function createImpatientContentStore(content: ContentStore, clock: Clock): ContentStore {
  return {
    ...content,
    async open(object) {
      const reader = await within(clock, openTimeoutMs, content.open(object), (late) => late?.close());
      return reader && createImpatientReader(reader, clock);
    },
    async watch(object, onChanged) {
      return await within(clock, openTimeoutMs, content.watch(object, onChanged), (late) => late?.());
    },
    async begin(digest) {
      return await within(clock, openTimeoutMs, content.begin(digest), (late) => void discard(late));
    },
  };
}

async function discard(partial: PartialContent): Promise<void> {
  await partial.abort().catch(() => undefined);
  await partial.close();
}

function createImpatientReader(reader: ContentReader, clock: Clock): ContentReader {
  return {
    sizeBytes: reader.sizeBytes,
    get isTrusted() {
      return reader.isTrusted;
    },
    read: async (position, into) => await within(clock, readTimeoutMs, reader.read(position, into), () => {}),
    verify: (options) => reader.verify(options),
    close: () => reader.close(),
  };
}

async function within<T>(clock: Clock, timeoutMs: number, work: Promise<T>, onLate: (value: T) => void): Promise<T> {
  const { promise: tooLate, reject } = Promise.withResolvers<never>();
  let isLate = false;
  const timer = clock.startTimer(timeoutMs, () => {
    isLate = true;
    reject(new DiskTimeoutError('the disk does not answer'));
  });
  try {
    return await Promise.race([work, tooLate]);
  } finally {
    timer.stop();
    if (isLate) void work.then(onLate, () => undefined);
  }
}
