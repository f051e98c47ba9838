import { finished, type Readable } from 'node:stream';

/** Two of them are in use for each body: one that fills, one in the reader's hands. */
const runBytes = 512 * 1024;
const maxSpareBuffers = 16;
const spareBuffers: Buffer<ArrayBuffer>[] = [];

export interface GatherOptions {
  /** The memory of a chunk that fills all of its buffer is nobody else's: it may be given back at once. */
  readonly ownsChunks: boolean;
}

/**
 * The bytes of a stream in runs: each is what came while the reader was busy with the last one, so that a fast
 * stream comes in few large pieces and a slow one without delay. A run's memory is the reader's until it asks for
 * the next one. Throws what the stream fails with, after the bytes that came before.
 */
export async function* gatherRuns(
  source: Readable,
  { ownsChunks }: GatherOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
  let filling = takeBuffer();
  let lent = takeBuffer();
  let length = 0;
  /** The chunk for which there was no room; nothing comes while it waits. */
  let rest: Uint8Array | undefined;
  let end: { readonly error: Error | undefined } | undefined;
  let wake: (() => void) | undefined;

  const onData = (chunk: Uint8Array): void => {
    if (length + chunk.length <= runBytes) {
      filling.set(chunk, length);
      length += chunk.length;
      if (ownsChunks) giveMemoryBack(chunk);
    } else {
      rest = chunk;
      source.pause();
    }
    wake?.();
  };
  const takeRest = (chunk: Uint8Array): Uint8Array => {
    rest = undefined;
    source.resume();
    return chunk;
  };
  const unwatch = finished(source, { writable: false }, (error) => {
    end = { error: error ?? undefined };
    wake?.();
  });
  source.on('data', onData);
  try {
    for (;;) {
      if (length > 0) {
        const run = filling.subarray(0, length);
        [filling, lent] = [lent, filling];
        length = 0;
        if (rest !== undefined && rest.length <= runBytes) onData(takeRest(rest));
        yield run;
      } else if (rest !== undefined) {
        yield takeRest(rest);
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
    spareBuffers.push(...[filling, lent].slice(0, maxSpareBuffers - spareBuffers.length));
  }
}

function takeBuffer(): Buffer<ArrayBuffer> {
  return spareBuffers.pop() ?? Buffer.allocUnsafeSlow(runBytes);
}

/**
 * The socket's memory, 64 KiB a chunk, without waiting for the collector: V8 begins a full collection for every 32 MB
 * of it, which took a quarter of the processor.
 */
function giveMemoryBack({ buffer, byteOffset, byteLength }: Uint8Array): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength === byteOffset + byteLength) buffer.transfer(0);
}
