import { MirrorError } from '../../oci/errors.ts';
import type { Span } from '../../oci/span.ts';
import type { BypassStream, Bypasses } from './bypass.ts';
import { chunkBytes, type BufferPool } from './buffer-pool.ts';
import { tailBytes, verifyFirstBytes } from './fill-limits.ts';
import type { Fill } from './fill.ts';
import type { Interest } from './interest.ts';
import type { BodyChunk, BodyReader, Demand, Outcome, ServedBlob } from '../pull.ts';
import type { Source } from './sources.ts';
import type { Visibility } from '../visibility.ts';

/** Without it an exception with its stack would be made each time, which nobody sees. */
const closed = new DOMException('the body is closed', 'AbortError');
export interface FollowOptions {
  readonly fill: Fill;
  readonly source: Source;
  readonly demand: Demand;
  readonly outcome: Outcome;
  readonly visibility: Visibility;
  readonly buffers: BufferPool;
  readonly bypasses: Bypasses;
  /** Fires when the client has left. */
  readonly signal: AbortSignal;
}

/**
 * A blob that is being filled: resolves when upstream has answered, this pull may see it, and, for small
 * objects, when all of it is verified.
 */
export async function followFill(options: FollowOptions): Promise<ServedBlob> {
  const { fill, source, demand, signal } = options;
  const interest = fill.join(source, demand);
  try {
    await options.visibility.requireFill(fill, source, signal);
    await until(fill, signal, () => fill.hasAnswer || fill.state !== 'running');
    const sizeBytes = fill.sizeBytes ?? (await sizeFromUpstream(options));
    fill.settle(interest, spanOf(demand, sizeBytes));
    if (sizeBytes !== undefined && sizeBytes <= verifyFirstBytes) {
      await until(fill, signal, () => fill.state !== 'running');
    }
    if (fill.failure !== undefined) throw fill.failure;
    return serve(options, interest, sizeBytes);
  } catch (error) {
    fill.leave(interest);
    throw error;
  }
}

async function until(fill: Fill, signal: AbortSignal, isReached: () => boolean): Promise<void> {
  while (!isReached()) {
    await fill.progress.wait(signal);
    signal.throwIfAborted();
  }
}

/** A store that failed before upstream was asked leaves the size to be asked for. */
async function sizeFromUpstream({ fill, source }: FollowOptions): Promise<number | undefined> {
  if (fill.state !== 'bypassed') return undefined;
  return (await source.upstream.headBlob(source.repository, fill.digest)).sizeBytes;
}

function spanOf(demand: Demand, sizeBytes: number | undefined): Span {
  const end = sizeBytes ?? Infinity;
  if (demand.type === 'whole' || sizeBytes === undefined) return { start: 0, end };
  if (demand.type === 'suffix') return { start: Math.max(0, sizeBytes - demand.length), end };
  return { start: Math.min(demand.start, sizeBytes), end: Math.min(demand.end, sizeBytes) };
}

function serve(options: FollowOptions, interest: Interest, sizeBytes: number | undefined): ServedBlob {
  const { fill, outcome } = options;
  const bodies = new Set<FollowedBody>();
  let isClosed = false;
  const leaveWhenUnused = (): void => {
    if (isClosed && bodies.size === 0) fill.leave(interest);
  };
  return {
    outcome: fill.state === 'bypassed' ? 'bypass' : outcome,
    provenance: fill.provenance ?? 'restricted',
    digest: fill.digest,
    sizeBytes,
    openBody(span = { start: 0, end: sizeBytes ?? Infinity }) {
      const body = new FollowedBody(options, interest, span, sizeBytes, () => {
        bodies.delete(body);
        leaveWhenUnused();
      });
      bodies.add(body);
      return body;
    },
    close() {
      if (isClosed) return;
      isClosed = true;
      for (const body of bodies) body.close();
      leaveWhenUnused();
    },
  };
}

class FollowedBody implements BodyReader {
  readonly #options: FollowOptions;
  readonly #fill: Fill;
  readonly #interest: Interest;
  readonly #isWholeBody: boolean;
  readonly #onClosed: () => void;
  readonly #closing = new AbortController();
  #position: number;
  #end: number;
  #bypass: BypassStream | undefined;
  #reads = 0;

  constructor(
    options: FollowOptions,
    interest: Interest,
    span: Span,
    sizeBytes: number | undefined,
    onClosed: () => void,
  ) {
    this.#options = options;
    this.#fill = options.fill;
    this.#interest = interest;
    this.#position = span.start;
    this.#end = span.end;
    this.#isWholeBody = span.start === 0 && span.end === (sizeBytes ?? Infinity);
    this.#onClosed = onClosed;
    this.#fill.settle(interest, span);
  }

  async read(): Promise<BodyChunk | undefined> {
    if (this.#closing.signal.aborted) return undefined;
    this.#reads++;
    try {
      return await this.#next();
    } finally {
      this.#reads--;
      if (this.#closing.signal.aborted) this.#finish();
    }
  }

  close(): void {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort(closed);
    if (this.#reads === 0) this.#finish();
  }

  #finish(): void {
    this.#bypass?.close();
    this.#onClosed();
  }

  async #next(): Promise<BodyChunk | undefined> {
    const fill = this.#fill;
    const { signal } = this.#closing;
    while (!signal.aborted) {
      if (fill.failure !== undefined) throw fill.failure;
      // A body of unknown size has its end when all of it is verified.
      if (fill.isVerified) this.#end = Math.min(this.#end, fill.sizeBytes ?? Infinity);
      if (this.#bypass === undefined && this.#position >= this.#end) return undefined;
      const readable = this.#readableEnd();
      if (readable > this.#position) return await this.#readFile(readable);
      if (fill.state === 'bypassed') {
        this.#bypass ??= await this.#openBypass();
        return await this.#bypass.read();
      }
      await fill.progress.wait(signal);
    }
    return undefined;
  }

  /** How far this body may be given out now: what is here, less the tail that waits for the digest. */
  #readableEnd(): number {
    if (this.#bypass !== undefined) return 0;
    const here = Math.min(this.#fill.segments.here.firstMissing(this.#position), this.#end);
    if (!this.#isWholeBody || this.#fill.isVerified) return here;
    return Math.min(here, (this.#fill.sizeBytes ?? here) - tailBytes);
  }

  async #readFile(readable: number): Promise<BodyChunk | undefined> {
    const fill = this.#fill;
    const { signal } = this.#closing;
    const chunk = await this.#readChunk(readable);
    if (chunk === undefined || signal.aborted || fill.failure?.kind === 'content-mismatch') {
      chunk?.release();
      if (signal.aborted) return undefined;
      // Wrong bytes may have been found out while these were read.
      throw fill.failure ?? unreadable();
    }
    this.#position += chunk.bytes.length;
    fill.moved(this.#interest, this.#position);
    return chunk;
  }

  async #readChunk(end: number): Promise<BodyChunk | undefined> {
    const { chunks, file, recent } = this.#fill;
    const lentEnd = Math.min(end, this.#position + chunkBytes);
    const held = file?.lend(this.#position, lentEnd) ?? recent.lend(this.#position, lentEnd);
    if (held !== undefined) return held;
    try {
      return await chunks.read({
        position: this.#position,
        end,
        buffers: this.#options.buffers,
        load: async (position, into) => (await file?.read(position, into)) ?? 0,
      });
    } catch (error) {
      throw unreadable(error);
    }
  }

  async #openBypass(): Promise<BypassStream> {
    const { source, bypasses } = this.#options;
    return await bypasses.open({
      digest: this.#fill.digest,
      source,
      position: this.#position,
      end: this.#end,
      file: this.#fill.file,
      isWholeBody: this.#isWholeBody,
      signal: this.#closing.signal,
    });
  }
}

function unreadable(cause?: unknown): MirrorError {
  return new MirrorError({ kind: 'upstream-failed', message: 'the content cannot be read back', cause });
}
