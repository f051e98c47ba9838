import type { Digest } from '../../oci/digest.ts';
import { MirrorError } from '../../oci/errors.ts';
import type { Clock } from '../../telemetry/clock.ts';

export interface AdmissionLimits {
  /** Fills at once, in all and for each upstream. */
  readonly maxFills: number;
  readonly maxUpstreamFills: number;
  /** Pulls that wait for one of them to end. */
  readonly maxWaiting: number;
}

/** Clients give up by themselves later than this, and then they have an answer that says when to come again. */
const longestWaitMs = 30_000;
const retryAfterMs = 5_000;

/** The right to have a fill. */
export interface FillPlace {
  /** Gives it back: once the fill is over, or when none was begun. Harmless when repeated. */
  leave(): void;
}

interface Waiting {
  readonly upstream: string;
  readonly digest: Digest;
  /** Without a place: there is a fill of its digest now. */
  readonly wake: (place: FillPlace | undefined) => void;
}

/** Places for fills. Who finds none waits in a queue, the oldest first; the queue has an end, and so has the wait. */
export class FillAdmission {
  readonly #limits: () => AdmissionLimits;
  readonly #clock: Clock;
  readonly #taken = new Map<string, number>();
  readonly #queue = new Set<Waiting>();
  #all = 0;

  constructor(limits: () => AdmissionLimits, clock: Clock) {
    this.#limits = limits;
    this.#clock = clock;
  }

  /** Pulls that wait. */
  get waiting(): number {
    return this.#queue.size;
  }

  /** Undefined when there is no place now. */
  tryEnter(upstream: string): FillPlace | undefined {
    const taken = this.#taken.get(upstream) ?? 0;
    const { maxFills, maxUpstreamFills } = this.#limits();
    if (this.#all >= maxFills || taken >= maxUpstreamFills) return undefined;
    this.#taken.set(upstream, taken + 1);
    this.#all += 1;
    let hasLeft = false;
    return {
      leave: () => {
        if (!hasLeft) this.#leave(upstream);
        hasLeft = true;
      },
    };
  }

  #leave(upstream: string): void {
    const left = (this.#taken.get(upstream) ?? 1) - 1;
    if (left === 0) this.#taken.delete(upstream);
    else this.#taken.set(upstream, left);
    this.#all -= 1;
    for (const waiting of this.#queue) {
      if (this.#all >= this.#limits().maxFills) return;
      const place = this.tryEnter(waiting.upstream);
      if (place !== undefined) waiting.wake(place);
    }
  }

  /** A fill of this digest has begun: nobody need wait to begin it. */
  onStarted(digest: Digest): void {
    for (const waiting of this.#queue) {
      if (waiting.digest === digest) waiting.wake(undefined);
    }
  }

  /**
   * A place as soon as there is one, or undefined: there is a fill to follow now.
   * @throws MirrorError `overloaded` when too many wait, or none became free in time; what `signal` says when the client has left
   */
  async wait(upstream: string, digest: Digest, signal: AbortSignal): Promise<FillPlace | undefined> {
    signal.throwIfAborted();
    if (this.#queue.size >= this.#limits().maxWaiting) throw overloaded();
    return await new Promise((resolve, reject) => {
      const end = (): void => {
        this.#queue.delete(waiting);
        timer.stop();
        signal.removeEventListener('abort', onLeft);
      };
      const onLeft = (): void => {
        end();
        reject(signal.reason instanceof Error ? signal.reason : new Error('the client has left'));
      };
      const waiting: Waiting = {
        upstream,
        digest,
        wake(place) {
          end();
          resolve(place);
        },
      };
      const timer = this.#clock.startTimer(longestWaitMs, () => {
        end();
        reject(overloaded());
      });
      signal.addEventListener('abort', onLeft, { once: true });
      this.#queue.add(waiting);
    });
  }
}

function overloaded(): MirrorError {
  return new MirrorError({
    kind: 'overloaded',
    message: 'this mirror fetches as many blobs as it may at once: what it has is served, new blobs have to wait',
    retryAfterMs,
  });
}
