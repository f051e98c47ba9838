import type { Digest } from '../oci/digest.ts';
import type { Log } from './log.ts';

/** A fill as it is now. Sizes in bytes. */
export interface FillFacts {
  readonly digest: Digest;
  readonly upstream: string;
  readonly repository: string;
  /** Undefined until upstream has said it. */
  readonly sizeBytes: number | undefined;
  readonly hereBytes: number;
  /** Over the last seconds. */
  readonly bytesPerSecond: number;
  readonly readers: number;
  /** Connections to upstream. */
  readonly connections: number;
  /** Wall time, milliseconds since 1970. */
  readonly startedMs: number;
}

/** What has happened, for whoever watches. Where there is only a name, the state is to be asked for. */
export type Happening =
  | { readonly type: 'fill-started'; readonly fill: FillFacts }
  | {
      readonly type: 'fill-ended';
      readonly digest: Digest;
      readonly upstream: string;
      readonly repository: string;
      readonly result: 'committed' | 'failed' | 'parked' | 'mismatch' | 'bypassed';
      readonly sizeBytes: number | undefined;
      readonly durationMs: number;
      /** For clients' eyes: no address, no text of upstream's. */
      readonly reason: string | undefined;
    }
  /** Content was removed to make room, or because nobody used it: one batch. */
  | { readonly type: 'evicted'; readonly objects: number; readonly bytes: number }
  /** It began to rest, stopped or began to answer, took or refused the login. */
  | { readonly type: 'upstream-changed'; readonly upstream: string }
  /** It was loaded, or could not be. */
  | { readonly type: 'configuration-changed' }
  | { readonly type: 'job-changed'; readonly id: string };

/** What happens, from whom it happens to, to whoever watches. Parts get it as they get `Meter` and `Log`. */
export interface Events {
  /** Returns at once and never throws; watchers are called later, in order. Costs next to nothing while nobody watches. */
  publish(happening: Happening): void;
  /** The result ends it. What a watcher throws is logged, and does no more harm. */
  watch(watcher: (happening: Happening) => void): () => void;
}

/** What waits to be told; beyond it the newest are lost, which only a storm within one turn of the loop can bring about. */
const maxWaiting = 10_000;

export function createEvents(log: Log): Events {
  const watchers = new Set<{ readonly tell: (happening: Happening) => void }>();
  let waiting: Happening[] = [];

  function tellAll(): void {
    const told = waiting;
    waiting = [];
    for (const happening of told) for (const { tell } of watchers) tellOne(tell, happening);
  }

  function tellOne(tell: (happening: Happening) => void, happening: Happening): void {
    try {
      tell(happening);
    } catch (error) {
      log.error({ err: error, event: happening.type }, 'a watcher of events met a bug');
    }
  }

  return {
    publish(happening) {
      if (watchers.size === 0 || waiting.length >= maxWaiting) return;
      // Not at once: a watcher looks around, and whoever publishes may be in the middle of something.
      if (waiting.length === 0) setImmediate(tellAll);
      waiting.push(happening);
    },
    watch(tell) {
      const watcher = { tell };
      watchers.add(watcher);
      return () => void watchers.delete(watcher);
    },
  };
}

/** For tests and for parts that are run alone. */
export const silentEvents: Events = { publish() {}, watch: () => () => undefined };
