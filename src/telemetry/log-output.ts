import { pino } from 'pino';
import { systemClock, type Timer } from './clock.ts';
import type { LogSink } from './text-format.ts';

/** Lines are written together: a system call for each costs as much as the answer to a cached manifest. */
const batchBytes = 64 * 1024;
const delayMs = 50;
/** More is lost rather than kept while standard output cannot be written. */
const maxBytes = 8 * 1024 * 1024;
/** A character of a string takes at most so many bytes in UTF-8. */
const maxBytesOfCharacter = 3;

/**
 * Standard output in batches; what is left goes out when the process exits. A line may be 50 ms late, and those of the
 * last 50 ms are lost by kill -9. Written at once and not by another thread: a write under way when the process exits
 * would come after those that follow it, or not at all.
 */
export function createLogOutput(): LogSink {
  const output = pino.destination({ dest: 1, sync: true, maxLength: maxBytes, contentMode: 'buffer' });
  // A full disk beneath the log, say: it is tried again with the next batch, and there is nowhere to tell it.
  output.on('error', () => undefined);
  const batch = Buffer.allocUnsafeSlow(batchBytes);
  let length = 0;
  let timer: Timer | undefined;

  function flush(): void {
    timer?.stop();
    timer = undefined;
    if (length > 0) write(Buffer.from(batch.subarray(0, length)));
    length = 0;
  }

  function write(bytes: Buffer): void {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- sonic-boom's types know only texts, not this mode
    output.write(bytes as unknown as string);
  }

  process.once('exit', flush);
  return {
    write(line) {
      const mostBytes = line.length * maxBytesOfCharacter;
      if (mostBytes > batchBytes - length) flush();
      // Encoded at once: texts that wait as they were put together keep the collector busy.
      if (mostBytes > batchBytes) write(Buffer.from(line));
      else length += batch.write(line, length);
      if (length > 0) timer ??= systemClock.startTimer(delayMs, flush);
    },
    flush,
  };
}
