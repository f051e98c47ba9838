import type { Job, JobItem } from '../../admin/api-types.ts';

/** Shows a job to whoever waits for it. */
export interface JobReporter {
  /** Called with every state that was seen, the last one too. */
  show(job: Job): void;
  /** Leaves the terminal as it was. Called once, also after a failure. */
  close(): void;
}

/** `docker.io/library/alpine:3.20: manifest unknown`; undefined for an item that is well or still waits. */
export function findComplaint({ reference, state, error, damagedObjects }: JobItem): string | undefined {
  if (state === 'failed') return `${reference}: ${error ?? 'it failed'}`;
  if (state === 'cancelled') return `${reference}: cancelled`;
  if (damagedObjects === 0) return undefined;
  return `${reference}: damaged: ${damagedObjects === 1 ? 'one object was' : `${damagedObjects} objects were`} put aside and will be fetched again`;
}

export function hasEnded({ state }: JobItem): boolean {
  return state !== 'waiting' && state !== 'running';
}
