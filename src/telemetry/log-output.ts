import { pino } from 'pino';
import { systemClock, type Timer } from './clock.ts';
import type { LogSink } from './text-format.ts';

/** Lines are written together: a system call for each costs as much as the answer to a cached manifest. */
const batchLength = 8 * 1024;
const delayMs = 50;
/** More is lost rather than kept, when whoever reads standard output has stopped. */
const maxBytes = 8 * 1024 * 1024;

/**
 * Standard output in batches, never waited for; what is left goes out when the process exits. A line may be
 * 50 ms late, and those of the last 50 ms are lost by kill -9.
 */
export function createLogOutput(): LogSink {
  const output = pino.destination({ dest: 1, sync: false, maxLength: maxBytes });
  // A full disk beneath the log, say: it is tried again with the next batch, and there is nowhere to tell it.
  output.on('error', () => undefined);
  let batch = '';
  let timer: Timer | undefined;

  function flush(): void {
    timer?.stop();
    timer = undefined;
    if (batch !== '') output.write(batch);
    batch = '';
  }

  process.once('exit', () => {
    flush();
    output.flushSync();
  });
  return {
    write(line) {
      batch += line;
      if (batch.length >= batchLength) flush();
      else timer ??= systemClock.startTimer(delayMs, flush);
    },
    flush,
  };
}
