import { finished, type Readable } from 'node:stream';
import { giveMemoryBack, isInReceiveMemory, PieceCollector } from './receive-memory.ts';

/** At most so much waits for the reader before the stream is held back, and no more than the memory of one piece. */
const maxWaitingBytes = 1024 * 1024;
/** Of a body in HTTP's chunks, whose pieces do not lie one behind the other, they are copied together below this size. */
const copiedBytes = 64 * 1024;

/**
 * The bytes of a stream in runs: each is what came while the reader was busy with the last one, so that a fast
 * stream comes in few large pieces and a slow one without delay. A run's memory is the reader's until it asks for
 * the next one. Throws what the stream fails with, after the bytes that came before.
 */
export async function* gatherRuns(source: Readable): AsyncGenerator<Uint8Array, void, undefined> {
  const collector = new PieceCollector();
  const waiting: Uint8Array[] = [];
  let waitingBytes = 0;
  let mostWaitingBytes = maxWaitingBytes;
  let run: Uint8Array | undefined;
  let end: { readonly error: Error | undefined } | undefined;
  let wake: (() => void) | undefined;
  let lastChunk: Uint8Array | undefined;
  let isInChunks = false;

  const onData = (chunk: Uint8Array): void => {
    isInChunks ||= lastChunk?.buffer === chunk.buffer && !isBehind(lastChunk, chunk);
    lastChunk = chunk;
    const isCopied = (isInChunks && chunk.length < copiedBytes) || !isInReceiveMemory(chunk);
    const piece = isCopied ? collector.copy(chunk) : chunk;
    const last = waiting.at(-1);
    if (last !== undefined && isBehind(last, piece)) waiting[waiting.length - 1] = join(last, piece);
    else waiting.push(piece);
    waitingBytes += piece.length;
    mostWaitingBytes = Math.min(maxWaitingBytes, piece.buffer.byteLength);
    if (waitingBytes >= mostWaitingBytes) source.pause();
    wake?.();
  };
  /** What a stream that was held back still has came before its failure. */
  const takeRest = (): void => {
    source.off('data', onData);
    for (let chunk = source.read() as Uint8Array | null; chunk !== null; chunk = source.read() as Uint8Array | null)
      onData(chunk);
  };
  const unwatch = finished(source, { writable: false }, (error) => {
    if (error !== undefined && error !== null) takeRest();
    end = { error: error ?? undefined };
    wake?.();
  });
  source.on('data', onData);
  try {
    for (;;) {
      run = waiting.shift();
      if (run !== undefined) {
        waitingBytes -= run.length;
        if (source.isPaused() && waitingBytes < mostWaitingBytes) source.resume();
        yield run;
        giveMemoryBack(run);
      } else if (end === undefined) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      } else if (end.error !== undefined) {
        throw end.error;
      } else return;
    }
  } finally {
    unwatch();
    source.off('data', onData);
    for (const left of [run, ...waiting]) if (left !== undefined) giveMemoryBack(left);
    collector.end();
  }
}

function isBehind(first: Uint8Array, second: Uint8Array): boolean {
  return first.buffer === second.buffer && first.byteOffset + first.length === second.byteOffset;
}

function join({ buffer, byteOffset, length }: Uint8Array, { length: more }: Uint8Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, length + more);
}
