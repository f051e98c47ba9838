import { useState } from 'preact/hooks';
import { useApp } from '../app-context.ts';
import { toFailure, type ApiFailure } from './api-failure.ts';

/** A call that changes something, one at a time. */
export interface Action {
  readonly isRunning: boolean;
  readonly failure: ApiFailure | undefined;
  /**
   * Gives the answer, or undefined when it failed or another one runs; `done` says what to tell people then.
   * With `tells: false` a failure is only in `failure`.
   */
  run<Answer>(path: string, body: object, done?: (answer: Answer) => string): Promise<{ answer: Answer } | undefined>;
}

export function useAction({ tells = true }: { readonly tells?: boolean } = {}): Action {
  const { api, notices } = useApp();
  const [isRunning, setRunning] = useState(false);
  const [failure, setFailure] = useState<ApiFailure>();
  return {
    isRunning,
    failure,
    async run<Answer>(path: string, body: object, done?: (answer: Answer) => string) {
      if (isRunning) return undefined;
      setRunning(true);
      setFailure(undefined);
      try {
        const answer = await api.post<Answer>(path, body);
        if (done !== undefined) notices.tell(done(answer));
        return { answer };
      } catch (error) {
        const found = toFailure(error);
        setFailure(found);
        if (tells) notices.complain(found.message);
        return undefined;
      } finally {
        setRunning(false);
      }
    },
  };
}
