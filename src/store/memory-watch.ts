import type { Clock, Timer } from '../telemetry/clock.ts';
import type { Digest } from '../oci/digest.ts';

/** How long after its use in memory a file is looked at, */
const delayMs = 250;
/** and how many in one go: some milliseconds of work. */
const looksAtOnce = 64;

/** Looks at files whose content was given out from memory: what happens to them is not to go unnoticed for that. */
export interface MemoryWatch {
  /** Its file is looked at soon, once however often it is used until then. */
  used(digest: Digest): void;
  /** Ends after the looks that are under way. */
  close(): Promise<void>;
}

/** `look` puts right what it finds, and does not reject. */
export function createMemoryWatch(clock: Clock, look: (digest: Digest) => Promise<void>): MemoryWatch {
  const waiting = new Set<Digest>();
  let timer: Timer | undefined;
  let running: Promise<void> | undefined;
  let isClosed = false;

  function schedule(): void {
    if (isClosed || timer !== undefined || running !== undefined || waiting.size === 0) return;
    timer = clock.startTimer(delayMs, () => {
      timer = undefined;
      running = lookAtSome().finally(() => {
        running = undefined;
        schedule();
      });
    });
  }

  async function lookAtSome(): Promise<void> {
    for (const digest of [...waiting].slice(0, looksAtOnce)) {
      waiting.delete(digest);
      await look(digest);
    }
  }

  return {
    used(digest) {
      waiting.add(digest);
      schedule();
    },
    async close() {
      isClosed = true;
      timer?.stop();
      await running;
    },
  };
}
