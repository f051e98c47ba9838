/** A place where a scripted answer waits until the test lets it go on. */
export interface Gate {
  /** Resolves when somebody has come to wait here for the first time. */
  readonly reached: Promise<void>;
  /** Waits until `open`; at once when it is open already. */
  pass(): Promise<void>;
  open(): void;
}

/** A closed gate. One that is never opened lets its waiters go when their connection ends. */
export function createGate(): Gate {
  const arrival = Promise.withResolvers<void>();
  const opening = Promise.withResolvers<void>();
  return {
    reached: arrival.promise,
    pass() {
      arrival.resolve();
      return opening.promise;
    },
    open: () => opening.resolve(),
  };
}
