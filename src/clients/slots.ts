/** So many may do something at once, and so many wait for it. */
export interface Slots {
  /** What must be called at the end; undefined when too many wait already. */
  acquire(): Promise<(() => void) | undefined>;
}

export function createSlots({ size, maxWaiting }: { readonly size: number; readonly maxWaiting: number }): Slots {
  const waiting: (() => void)[] = [];
  let taken = 0;

  function release(): void {
    const next = waiting.shift();
    // The slot goes from hand to hand.
    if (next !== undefined) next();
    else taken -= 1;
  }

  return {
    async acquire() {
      if (taken < size) taken += 1;
      else if (waiting.length >= maxWaiting) return undefined;
      else await new Promise<void>((resolve) => waiting.push(resolve));
      return release;
    },
  };
}
