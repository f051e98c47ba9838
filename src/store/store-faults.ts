import type { Clock, Timer } from '../telemetry/clock.ts';
import type { Health } from '../telemetry/health.ts';
import type { Log } from '../telemetry/log.ts';
import type { Meter } from '../telemetry/metrics.ts';

/** What the disk refuses. Each is counted; the first of a row is logged, and health says it until the disk is well again. */
export interface StoreFaults {
  report(operation: string, error: unknown): void;
  /** Ends the probing. */
  close(): Promise<void>;
}

export interface StoreFaultsOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly meter: Meter;
  readonly health: Health;
  /** Tries what the store does to the disk; rejects while that fails. */
  readonly probe: () => Promise<void>;
}

const probeEveryMs = 5000;

export function createStoreFaults({ clock, log, meter, health, probe }: StoreFaultsOptions): StoreFaults {
  let isFailing = false;
  let isClosed = false;
  let unlogged = 0;
  let timer: Timer | undefined;
  let probing: Promise<void> | undefined;

  function schedule(): void {
    if (isClosed) return;
    timer = clock.startTimer(probeEveryMs, () => {
      probing = probe().then(recover, schedule);
    });
  }

  function recover(): void {
    isFailing = false;
    health.report('store', undefined);
    log.info({ furtherFailures: unlogged }, 'the store is well again');
  }

  return {
    report(operation, error) {
      meter.storeError(operation);
      const reason = error instanceof Error ? error.message : 'unknown error';
      health.report('store', `the last ${operation} failed: ${reason}`);
      if (isFailing) {
        unlogged += 1;
        return;
      }
      isFailing = true;
      unlogged = 0;
      log.error({ operation, err: error }, 'the store failed; pulls go on without it');
      schedule();
    },
    async close() {
      isClosed = true;
      timer?.stop();
      await probing;
    },
  };
}
