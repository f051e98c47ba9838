import { useEffect, useState } from 'preact/hooks';

/** A value that is watched. Values are replaced, never changed. */
export interface Store<Value> {
  get(): Value;
  set(value: Value): void;
  /** Gives what ends the watch. */
  watch(onChange: () => void): () => void;
}

export function createStore<Value>(first: Value): Store<Value> {
  let current = first;
  const watchers = new Set<() => void>();
  return {
    get: () => current,
    set(value) {
      if (Object.is(value, current)) return;
      current = value;
      for (const onChange of watchers) onChange();
    },
    watch(onChange) {
      watchers.add(onChange);
      return () => void watchers.delete(onChange);
    },
  };
}

/** The store's value; the component is drawn again when it is replaced. */
export function useStore<Value>(store: Store<Value>): Value {
  const [value, setValue] = useState(store.get());
  useEffect(() => {
    const take = (): void => setValue(() => store.get());
    // It may have been replaced between drawing and now.
    take();
    return store.watch(take);
  }, [store]);
  return value;
}
