import type { Event, FillState, Job, Page } from '../../admin/api-types.ts';
import { createStore, type Store } from '../store.ts';
import type { ApiClient } from './api-client.ts';
import { readEvents } from './event-stream.ts';
import { changeFills, changeJobs, isWorthLogging, type LoggedEvent } from './live-changes.ts';
import type { Session } from './session.ts';

export type Connection = 'connecting' | 'live' | 'lost';

/** What the mirror tells by itself, over one connection for the whole page, opened again when it breaks. */
export interface Live {
  readonly connection: Store<Connection>;
  /** Undefined until they are known. */
  readonly fills: Store<readonly FillState[] | undefined>;
  /** Newest first; undefined until they are known. */
  readonly jobs: Store<readonly Job[] | undefined>;
  /** What happened since the page was opened, newest first. */
  readonly events: Store<readonly LoggedEvent[]>;
  /** Counts what makes an older `/status` wrong: changes of upstreams, of the configuration, evictions, ends of fills. */
  readonly changes: Store<number>;
  /** Begins, once. */
  start(): void;
  /** Takes a job that a call has just given. */
  takeJob(job: Job): void;
}

const mostEvents = 50;
const longestPauseMs = 15_000;

export function createLive(api: ApiClient, session: Session): Live {
  const live = {
    connection: createStore<Connection>('connecting'),
    fills: createStore<readonly FillState[] | undefined>(undefined),
    jobs: createStore<readonly Job[] | undefined>(undefined),
    events: createStore<readonly LoggedEvent[]>([]),
    changes: createStore(0),
  };
  let keys = 0;
  let isKnown = false;

  let unsettled: Event[] | undefined;

  const apply = (event: Event): void => {
    live.fills.set(changeFills(live.fills.get(), event));
    if (event.type === 'job') live.jobs.set(changeJobs(live.jobs.get(), event.job));
  };
  const take = (event: Event): void => {
    apply(event);
    unsettled?.push(event);
    if (!isWorthLogging(event)) return;
    keys += 1;
    live.events.set([{ ...event, key: keys }, ...live.events.get()].slice(0, mostEvents));
    if (event.type !== 'job') live.changes.set(live.changes.get() + 1);
  };
  // Events tell only what changes: what is already so is asked for whenever they begin. What they told before the
  // answer came is newer than it.
  const catchUp = async (): Promise<boolean> => {
    const told: Event[] = [];
    unsettled = told;
    const [fills, jobs] = await Promise.allSettled([
      api.get<readonly FillState[]>('/fills'),
      api.get<Page<Job>>('/jobs'),
    ]);
    if (fills.status === 'fulfilled') live.fills.set(fills.value);
    if (jobs.status === 'fulfilled') live.jobs.set(jobs.value.items);
    for (const event of told) apply(event);
    if (unsettled === told) unsettled = undefined;
    if (isKnown) live.changes.set(live.changes.get() + 1);
    isKnown = true;
    return fills.status === 'fulfilled' && jobs.status === 'fulfilled';
  };
  const keepCatchingUp = async (connection: AbortSignal): Promise<void> => {
    for (let attempt = 0; !connection.aborted && !(await catchUp()); attempt += 1) await pause(attempt);
  };
  const follow = async (): Promise<void> => {
    for (let attempt = 0; ; attempt += 1) {
      const connection = new AbortController();
      try {
        const onOpen = (): void => {
          attempt = 0;
          live.connection.set('live');
          void keepCatchingUp(connection.signal);
        };
        await readEvents(api, { onOpen, onEvent: take }, connection.signal);
      } catch {
        // Broken or refused: either way it is tried again.
      }
      connection.abort();
      live.connection.set('lost');
      if (session.isRefused.get()) await untilSignedIn(session);
      else await pause(attempt);
    }
  };
  return {
    ...live,
    start: () => void follow(),
    takeJob: (job) => live.jobs.set(changeJobs(live.jobs.get(), job)),
  };
}

/** Longer from time to time, never the same for all pages that lost the mirror at once. */
async function pause(attempt: number): Promise<void> {
  const ms = Math.min(longestPauseMs, 500 * 2 ** attempt) * (0.75 + Math.random() / 2);
  await new Promise((resolve) => setTimeout(resolve, ms));
}

async function untilSignedIn(session: Session): Promise<void> {
  await new Promise<void>((resolve) => {
    const unwatch = session.isRefused.watch(() => {
      if (session.isRefused.get()) return;
      unwatch();
      resolve();
    });
  });
}
