import { useCallback, useEffect, useState } from 'preact/hooks';
import { useApp } from '../app-context.ts';
import { useStore } from '../store.ts';
import { toFailure, type ApiFailure } from './api-failure.ts';

/** What an address of the API says, as far as it is known. */
export interface Resource<Value> {
  readonly value: Value | undefined;
  /** Of the last attempt; an older value may be there all the same. */
  readonly failure: ApiFailure | undefined;
  readonly isLoading: boolean;
  reload(): void;
}

export interface ResourceOptions {
  /** Asked again so long after each answer, while the page can be seen. */
  readonly everyMs?: number;
  /** Whether the value of another address stays until the new one is here. */
  readonly keepsOld?: boolean;
  /** Asked again when it changes. */
  readonly version?: number;
}

interface Known<Value> {
  readonly path: string;
  readonly value?: Value;
  readonly failure?: ApiFailure;
}

/** Asks for `path` now, whenever it changes, and by the options. Undefined: nothing is asked. */
export function useResource<Value>(path: string | undefined, options: ResourceOptions = {}): Resource<Value> {
  const { api, session } = useApp();
  const isRefused = useStore(session.isRefused);
  const { everyMs, keepsOld = false, version = 0 } = options;
  const [known, setKnown] = useState<Known<Value>>();
  const [isLoading, setLoading] = useState(false);
  const [round, setRound] = useState(0);

  useEffect(() => {
    if (path === undefined || isRefused) return undefined;
    const abort = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const ask = async (): Promise<void> => {
      setLoading(true);
      try {
        const value = await api.get<Value>(path, abort.signal);
        if (!abort.signal.aborted) setKnown({ path, value });
      } catch (error) {
        if (!abort.signal.aborted) {
          const failure = toFailure(error);
          setKnown((old) =>
            old?.value !== undefined && (old.path === path || keepsOld) ? { ...old, failure } : { path, failure },
          );
        }
      }
      if (abort.signal.aborted) return;
      setLoading(false);
      if (everyMs !== undefined) timer = setTimeout(askWhenSeen, everyMs);
    };
    const askWhenSeen = (): void => {
      if (document.visibilityState === 'visible') void ask();
      else document.addEventListener('visibilitychange', () => void ask(), { once: true, signal: abort.signal });
    };
    void ask();
    return () => {
      abort.abort();
      clearTimeout(timer);
    };
  }, [api, path, everyMs, keepsOld, version, round, isRefused]);

  const reload = useCallback(() => setRound((count) => count + 1), []);
  const isCurrent = known !== undefined && (known.path === path || keepsOld);
  return {
    value: isCurrent ? known.value : undefined,
    failure: isCurrent ? known.failure : undefined,
    isLoading: isLoading || !isCurrent,
    reload,
  };
}
