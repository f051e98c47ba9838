import { createContext } from 'preact';
import { useContext } from 'preact/hooks';
import type { ApiClient } from './api/api-client.ts';
import type { Live } from './api/live.ts';
import type { Session } from './api/session.ts';
import type { Notices } from './parts/notices.ts';

/** What every view may use. Made once, in `main`. */
export interface AppServices {
  readonly api: ApiClient;
  readonly session: Session;
  readonly live: Live;
  readonly notices: Notices;
}

export const AppContext = createContext<AppServices | undefined>(undefined);

/** @throws Error outside of the page */
export function useApp(): AppServices {
  const services = useContext(AppContext);
  if (services === undefined) throw new Error('drawn outside of the page');
  return services;
}
