// Bytes from a reader to a response, at the client's pace. Knows nothing of where the bytes come from.
import type { ServerResponse } from 'node:http';
import type { BodyReader } from '../mirror/pull.ts';
import type { Clock } from '../telemetry/clock.ts';
import type { TurnBudget } from './turn-budget.ts';

export interface WriteBodyOptions {
  readonly clock: Clock;
  /** Shared by all bodies of this process. */
  readonly turns: TurnBudget;
  /** A client that takes nothing for this long, while bytes wait for it, is dropped. */
  readonly writeIdleMs: number;
  /**
   * How long headers wait for the first bytes. Until they are out an early failure can still become an error
   * answer, which sends clients to their next mirror; SOCI gives up without headers after 3 s.
   */
  readonly headerDelayMs: number;
  /** The length that the headers promise; undefined for a chunked body. */
  readonly sizeBytes: number | undefined;
  /** Told of each run of bytes that the connection has taken. */
  onBytes(count: number): void;
}

/**
 * A write counts as progress when all of it has been taken, so clients that need long for one get less in the next:
 * they must take 64 KiB in `writeIdleMs`. All others get whole chunks, which is a third faster.
 */
const sliceBytes = 64 * 1024;
const slowWriteMs = 1000;

/**
 * Writes the whole body and ends the response; closes the reader in any case. Resolves also when the client
 * has left, or was dropped: `response.writableFinished` tells.
 * Throws what the reader threw, having destroyed the response if headers were out already; never ends it short.
 */
export async function writeBody(response: ServerResponse, body: BodyReader, options: WriteBodyOptions): Promise<void> {
  const writer = createWriter(response, body, options);
  try {
    const written = await pump(body, writer, options.sizeBytes);
    if (written === undefined || isGone(response)) return;
    if (options.sizeBytes !== undefined && written < options.sizeBytes) throw wrongLength();
    if (!response.writableEnded) response.end();
  } catch (error) {
    if (response.headersSent) response.destroy();
    throw error;
  } finally {
    writer.close();
    body.close();
  }
}

/**
 * Gives the bytes written, or undefined when the client has left. One chunk at a time: to read ahead was measured
 * to gain nothing, and clients that do not read would hold twice as many of the buffers that all share.
 */
async function pump(
  body: BodyReader,
  writer: Writer,
  sizeBytes: number | undefined = Infinity,
): Promise<number | undefined> {
  let written = 0;
  while (written < sizeBytes && !writer.isClosed()) {
    const chunk = await body.read();
    if (chunk === undefined) break;
    written += chunk.bytes.length;
    try {
      // Bytes beyond the length would be taken for the next answer on the connection.
      if (written > sizeBytes) throw wrongLength();
      await writer.write(chunk.bytes, written === sizeBytes);
    } finally {
      chunk.release();
    }
  }
  return writer.isClosed() ? undefined : written;
}

function wrongLength(): Error {
  return new Error('the body is not as long as its headers say');
}

interface Writer {
  /**
   * Resolves when the connection has taken the bytes, or is gone. Never rejects. The last ones end the response with
   * them: a client that has all of it counts as answered when it comes again at once.
   */
  write(bytes: Uint8Array, areLast: boolean): Promise<void>;
  isClosed(): boolean;
  close(): void;
}

function createWriter(response: ServerResponse, body: BodyReader, options: WriteBodyOptions): Writer {
  const { clock } = options;
  let settle: (() => void) | undefined;
  let waitingSinceMs: number | undefined;
  let isSlow = false;

  const onGone = (): void => {
    body.close();
    settle?.();
  };
  // 'drain' never comes on a response whose client has left, and neither may the callback of a queued write.
  response.once('close', onGone);
  if (isGone(response)) body.close();

  const headerTimer = clock.startTimer(options.headerDelayMs, () => {
    if (!response.headersSent && !isGone(response)) response.flushHeaders();
  });
  // One timer that looks again, in place of one per write.
  let idleTimer = clock.startTimer(options.writeIdleMs, checkIdle);
  function checkIdle(): void {
    const idleMs = waitingSinceMs === undefined ? 0 : clock.monotonicMs() - waitingSinceMs;
    if (idleMs >= options.writeIdleMs) response.destroy();
    else idleTimer = clock.startTimer(options.writeIdleMs - idleMs, checkIdle);
  }

  async function writeSlice(slice: Uint8Array, isLast: boolean): Promise<void> {
    if (isGone(response)) return;
    waitingSinceMs = clock.monotonicMs();
    await new Promise<void>((resolve) => {
      settle = resolve;
      const onTaken = (error?: Error | null): void => {
        // At once: when the last bytes have been taken, the response closes before whoever waits here goes on.
        if (!error) options.onBytes(slice.length);
        resolve();
      };
      if (isLast) response.end(slice, onTaken);
      else response.write(slice, onTaken);
    });
    isSlow = clock.monotonicMs() - waitingSinceMs > slowWriteMs;
    waitingSinceMs = undefined;
    settle = undefined;
  }

  return {
    async write(bytes, areLast) {
      for (let rest = bytes; rest.length > 0 && !isGone(response);) {
        const slice = isSlow ? rest.subarray(0, sliceBytes) : rest;
        await options.turns.take(slice.length);
        rest = rest.subarray(slice.length);
        await writeSlice(slice, areLast && rest.length === 0);
      }
    },
    isClosed: () => isGone(response),
    close() {
      response.off('close', onGone);
      headerTimer.stop();
      idleTimer.stop();
    },
  };
}

function isGone(response: ServerResponse): boolean {
  return response.destroyed || response.closed || response.req.socket.destroyed;
}
