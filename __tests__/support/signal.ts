/** Lets a test wait for a state by being told of every change, in place of sleeping. */
export interface Signal {
  /** Something has changed: whoever waits looks again. */
  raise(): void;
  /** Resolves as soon as `isReached` holds. @throws Error when it does not within `deadlineMs` */
  until(isReached: () => boolean, deadlineMs?: number): Promise<void>;
}

const defaultDeadlineMs = 20_000;

export function createSignal(): Signal {
  const waiters = new Set<() => void>();
  return {
    raise() {
      for (const waiter of waiters) waiter();
    },
    async until(isReached, deadlineMs = defaultDeadlineMs) {
      if (isReached()) return;
      // Made here, so that the stack names the test that waits in vain.
      const tooLate = new Error(`waited ${deadlineMs} ms in vain for: ${isReached.toString()}`);
      await new Promise<void>((resolve, reject) => {
        const end = (finish: () => void): void => {
          clearTimeout(deadline);
          waiters.delete(look);
          finish();
        };
        const look = (): void => {
          if (isReached()) end(resolve);
        };
        const deadline = setTimeout(() => end(() => reject(tooLate)), deadlineMs);
        waiters.add(look);
      });
    },
  };
}

/** For states that nobody announces: asks every few milliseconds. @throws Error when `deadlineMs` is over */
export async function pollUntil(
  isReached: () => boolean | Promise<boolean>,
  { deadlineMs = defaultDeadlineMs, what = isReached.toString() }: { deadlineMs?: number; what?: string } = {},
): Promise<void> {
  const tooLate = new Error(`waited ${deadlineMs} ms in vain for: ${what}`);
  const endMs = performance.now() + deadlineMs;
  while (!(await isReached())) {
    if (performance.now() > endMs) throw tooLate;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
