import { createStore, type Store } from '../store.ts';

export interface Notice {
  readonly key: number;
  readonly kind: 'good' | 'bad';
  readonly text: string;
}

/** What people are told of what they did. */
export interface Notices {
  readonly shown: Store<readonly Notice[]>;
  /** Goes by itself. */
  tell(text: string): void;
  /** Stays until it is dismissed. */
  complain(text: string): void;
  dismiss(key: number): void;
}

const shownMs = 8000;
const mostShown = 3;

export function createNotices(): Notices {
  const shown = createStore<readonly Notice[]>([]);
  let keys = 0;
  const dismiss = (key: number): void => shown.set(shown.get().filter((notice) => notice.key !== key));
  const add = (kind: Notice['kind'], text: string): number => {
    keys += 1;
    shown.set([...shown.get(), { key: keys, kind, text }].slice(-mostShown));
    return keys;
  };
  return {
    shown,
    tell(text) {
      const key = add('good', text);
      setTimeout(() => dismiss(key), shownMs);
    },
    complain: (text) => void add('bad', text),
    dismiss,
  };
}
