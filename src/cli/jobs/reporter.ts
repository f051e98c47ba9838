import type { Job, JobItem } from '../../admin/api-types.ts';

/** Shows a job to whoever waits for it. */
export interface JobReporter {
  /** Called with every state that was seen, the last one too. */
  show(job: Job): void;
  /** Leaves the terminal as it was. Called once, also after a failure. */
  close(): void;
}

/** `docker.io/library/alpine:3.20: manifest unknown`; undefined for an item that is well or still waits. */
export function findComplaint(item: JobItem): string | undefined {
  const { state, error, damagedObjects } = item;
  const name = nameOf(item);
  if (state === 'failed') return `${name}: ${error ?? 'it failed'}`;
  if (state === 'cancelled') return `${name}: cancelled`;
  if (damagedObjects === 0) return undefined;
  return `${name}: damaged: ${damagedObjects === 1 ? 'one object was' : `${damagedObjects} objects were`} put aside and will be fetched again`;
}

/** `*` is all that is in the cache. */
export function nameOf({ reference }: JobItem): string {
  return reference === '*' ? 'everything' : reference;
}

export function hasEnded({ state }: JobItem): boolean {
  return state !== 'waiting' && state !== 'running';
}
