import { MirrorError } from '../../oci/errors.ts';
import type { Digest } from '../../oci/digest.ts';
import type { Clock } from '../../telemetry/clock.ts';
import type { BlobStream } from '../../upstream/upstream.ts';
import type { FillLimits } from './fill-limits.ts';
import type { Segment, Segments } from './segments.ts';
import type { Source } from './sources.ts';
import { Watchdog } from './watchdog.ts';

export interface SegmentFetchOptions {
  readonly digest: Digest;
  readonly segments: Segments;
  readonly source: Source;
  readonly limits: FillLimits;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Whether to ask for the whole without a Range. */
  readonly isPlain: boolean;
  readonly avoidLastUrl: boolean;
  /** Upstream has answered for this source. Throws when the answer cannot belong to this fill. */
  onAnswer(source: Source, stream: BlobStream): void;
  /** Bytes for `offset`. When it resolves they are on file, and the buffer is free again unless `keep` was called for it. */
  write(offset: number, bytes: Uint8Array, keep: BlobStream['keep']): Promise<void>;
  /** What was written is booked in `segments`. */
  onWritten(): void;
  onReceived(bytes: number): void;
}

/**
 * One upstream request that brings one segment: opens it, writes what comes, ends when the segment is full.
 * Throws what ended it early; what it has brought until then stays.
 */
export async function fetchSegment(segment: Segment, options: SegmentFetchOptions): Promise<void> {
  const { digest, source, isPlain, signal } = options;
  const stream = await source.upstream.openBlob(source.repository, digest, {
    ...(isPlain ? {} : { span: { start: segment.position, end: segment.end } }),
    transfer: source.transfer,
    avoidLastUrl: options.avoidLastUrl,
    signal,
  });
  try {
    options.onAnswer(source, stream);
    await consume(stream, segment, options);
  } catch (error) {
    // The next segment asks the registry for a new place rather than going back to one that broke.
    source.transfer.redirectTarget = undefined;
    throw error;
  } finally {
    stream.destroy();
  }
}

async function consume(stream: BlobStream, segment: Segment, options: SegmentFetchOptions): Promise<void> {
  if (stream.start > segment.position) throw broken('upstream answered with a later part than was asked for');
  let isStalled = false;
  const watchdog = new Watchdog({
    clock: options.clock,
    idleMs: options.limits.idleTimeoutMs,
    minBytesPerSecond: options.limits.minBytesPerSecond,
    onStall() {
      isStalled = true;
      stream.destroy();
    },
  });
  try {
    await copy(stream, segment, options, watchdog);
  } catch (error) {
    throw isStalled ? stalled(error) : error;
  } finally {
    watchdog.stop();
  }
  if (isStalled && segment.position < segment.end) throw stalled();
  if (segment.end !== Infinity && segment.position < segment.end) {
    throw broken('upstream closed the connection before the end');
  }
}

async function copy(
  stream: BlobStream,
  segment: Segment,
  options: SegmentFetchOptions,
  watchdog: Watchdog,
): Promise<void> {
  const { segments } = options;
  let offset = stream.start;
  for await (const chunk of stream.body) {
    watchdog.received(chunk.length);
    options.onReceived(chunk.length);
    watchdog.pause();
    const chunkEnd = offset + chunk.length;
    while (segment.position < Math.min(chunkEnd, segment.end)) {
      const { position } = segment;
      // A whole answer to a range, or to a fill of which parts are here: what is here already is dropped.
      const known = Math.min(segments.here.firstMissing(position), chunkEnd, segment.end);
      if (known > position) {
        segments.advance(segment, known - position);
        continue;
      }
      const end = Math.min(segments.here.firstPresent(position), chunkEnd, segment.end);
      await options.write(position, chunk.subarray(position - offset, end - offset), (run) => stream.keep(run));
      // A split may have cut the segment while the write was under way; the bytes are right all the same.
      segments.advance(segment, Math.min(end, segment.end) - position);
      options.onWritten();
    }
    offset = chunkEnd;
    watchdog.resume();
    // Others bring the rest, or upstream sends more than there is. A body that ends here by itself keeps its connection.
    if (segment.position >= segment.end && stream.end !== segment.end) return;
  }
}

function broken(message: string, cause?: unknown): MirrorError {
  return new MirrorError({ kind: 'upstream-failed', message, cause });
}

function stalled(cause?: unknown): MirrorError {
  return new MirrorError({ kind: 'upstream-timeout', message: 'upstream stopped sending', cause });
}
