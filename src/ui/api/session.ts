import { createStore, type Store } from '../store.ts';

const storageKey = 'stowage-token';

/** The admin token, kept until the tab is closed. */
export interface Session {
  readonly token: Store<string | undefined>;
  /** Whether the API wants a token, or another one than it got. */
  readonly isRefused: Store<boolean>;
  /** Takes a token and lets everything ask again. */
  signIn(token: string): void;
  /** `sent`: the token of the request that was refused; an older one says nothing. */
  refuse(sent: string | undefined): void;
}

export function createSession(): Session {
  const token = createStore<string | undefined>(readToken());
  const isRefused = createStore(false);
  return {
    token,
    isRefused,
    signIn(given) {
      keepToken(given);
      token.set(given);
      isRefused.set(false);
    },
    refuse(sent) {
      if (sent === token.get()) isRefused.set(true);
    },
  };
}

// A browser that keeps nothing (private, or told so) still gets the page: the token lives as long as it does.
function readToken(): string | undefined {
  try {
    return globalThis.sessionStorage.getItem(storageKey) ?? undefined;
  } catch {
    return undefined;
  }
}

function keepToken(token: string): void {
  try {
    globalThis.sessionStorage.setItem(storageKey, token);
  } catch {
    // Nothing to do: see above.
  }
}
