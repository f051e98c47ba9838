import { isMirrorError } from '../../oci/errors.ts';
import type { Clock } from '../../telemetry/clock.ts';

/** Who asks to be asked again later than this is not waited for: the limits of hours are the next round's. */
const longestWaitMs = 60_000;
const maxAttempts = 4;

/** Resolves when the time has passed, or `signal` has fired. */
export async function pause(clock: Clock, waitMs: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    const end = (): void => {
      timer.stop();
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = clock.startTimer(waitMs, end);
    signal.addEventListener('abort', end, { once: true });
  });
}

/** Tries again where upstream, or we, say when that makes sense: no client waits for the answer. */
export async function patiently<Value>(
  act: () => Promise<Value>,
  { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
): Promise<Value> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await act();
    } catch (error) {
      if (!isMirrorError(error, 'upstream-throttled', 'upstream-paused', 'overloaded')) throw error;
      const { retryAfterMs = Infinity, isLoginRefused } = error;
      // Waiting mends no password.
      if (attempt === maxAttempts || retryAfterMs > longestWaitMs || isLoginRefused) throw error;
      await pause(clock, retryAfterMs, signal);
      signal.throwIfAborted();
    }
  }
}
