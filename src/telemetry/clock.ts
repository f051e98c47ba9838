/**
 * Time as the parts see it, so that tests can own it.
 * Wall time is for what is shown and what survives a restart; everything measured uses monotonic time.
 */
export interface Clock {
  /** Milliseconds since 1970, may jump. */
  wallMs(): number;
  /** Milliseconds since some start, never jumps. */
  monotonicMs(): number;
  /** Calls back once after `delayMs`. The timer does not keep the process alive. */
  startTimer(delayMs: number, onTime: () => void): Timer;
}

export interface Timer {
  /** After this the callback is not called. Harmless when it has been. */
  stop(): void;
}

export const systemClock: Clock = {
  wallMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  startTimer(delayMs, onTime) {
    const handle = setTimeout(onTime, delayMs);
    handle.unref();
    return { stop: () => clearTimeout(handle) };
  },
};
