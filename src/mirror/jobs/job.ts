/** What the mirror does for its operator rather than for a client: pulls ahead of time, and verifications. */
export interface Job {
  readonly id: string;
  /** Grows from job to job. */
  readonly order: number;
  readonly kind: JobKind;
  readonly origin: JobOrigin;
  readonly state: JobState;
  /** Wall time, milliseconds since 1970. */
  readonly startedMs: number;
  readonly endedMs: number | undefined;
  readonly items: readonly JobItem[];
}

export type JobKind = 'pull' | 'verify';
/** `prefetch`: the configuration asked for it. */
export type JobOrigin = 'operator' | 'prefetch';
export type JobState = 'running' | 'done' | 'failed' | 'cancelled';

export interface JobItem {
  /** In full; `*` for everything that is here. */
  readonly reference: string;
  readonly state: 'waiting' | 'running' | 'done' | 'failed' | 'cancelled';
  readonly error: string | undefined;
  readonly totalBytes: number;
  readonly doneBytes: number;
  readonly totalObjects: number;
  readonly doneObjects: number;
  readonly fetchedBytes: number;
  readonly damagedObjects: number;
}

/** Why an item has failed, in a sentence for the operator. Anything else that is thrown is a bug. */
export class ItemFailure extends Error {}

/** How far an item is, as its task tells it. */
export class Progress {
  totalBytes = 0;
  doneBytes = 0;
  totalObjects = 0;
  doneObjects = 0;
  fetchedBytes = 0;
  damagedObjects = 0;
  readonly #onChange: () => void;

  constructor(onChange: () => void) {
    this.#onChange = onChange;
  }

  /** There is more to do than was known. */
  expect(objects: number, bytes: number): void {
    this.totalObjects += objects;
    this.totalBytes += bytes;
    this.#onChange();
  }

  /** One of the expected objects is being worked at. */
  begin(sizeBytes: number): ObjectProgress {
    let seenBytes = 0;
    /** Never beyond what was expected: sizes are claims. */
    const see = (bytes: number): void => {
      const step = Math.min(bytes, sizeBytes - seenBytes);
      seenBytes += step;
      this.doneBytes += step;
      this.#onChange();
    };
    return {
      fetched: (bytes) => {
        this.fetchedBytes += bytes;
        see(bytes);
      },
      done: () => {
        this.doneObjects += 1;
        see(sizeBytes);
      },
      leftOut: () => {
        see(-seenBytes);
        this.expect(-1, -sizeBytes);
      },
    };
  }

  damaged(): void {
    this.damagedObjects += 1;
    this.#onChange();
  }

  /** What is done is all that there was: things come and go meanwhile. */
  settle(): void {
    this.totalObjects = this.doneObjects;
    this.totalBytes = this.doneBytes;
    this.#onChange();
  }
}

export interface ObjectProgress {
  /** So many bytes more have come from upstream. */
  fetched(bytes: number): void;
  done(): void;
  /** It does not count any more. */
  leftOut(): void;
}
