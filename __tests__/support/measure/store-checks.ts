// Words that the rows about the store share.
import { readFileSync } from 'node:fs';
import type { Pulled } from '../raw-client.ts';
import { pollUntil } from '../signal.ts';
import { megabyte } from './bench.ts';

/** Served from the store, and upstream was not asked. */
export function isHit({ status, headers }: Pulled): boolean {
  return status === 200 && headers['cache-status'] === 'stowage; hit';
}

/** Whole and right, refused for now, or the worst: broken in the middle, complete and wrong, anything else. */
export type Outcome = 'whole' | '503 with Retry-After' | 'broken' | 'wrong' | `${number}`;

/** What a pull of the whole of `digest` came to. */
export function outcomeOf(pulled: Pulled, digest: string): Outcome {
  if (pulled.status === 0 || !pulled.isComplete) return 'broken';
  if (pulled.status === 200) return pulled.digest === digest ? 'whole' : 'wrong';
  if (pulled.status === 503 && Number(pulled.headers['retry-after']) > 0) return '503 with Retry-After';
  return `${pulled.status}`;
}

/** `3 x whole, 1 x broken`. */
export function countOutcomes(outcomes: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const outcome of outcomes) counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
  return [...counts].map(([outcome, times]) => `${times} x ${outcome}`).join(', ');
}

/** Whether it comes true within ten seconds. */
export function settlesTo(isReached: () => Promise<boolean>, deadlineMs = 10_000): Promise<boolean> {
  return pollUntil(isReached, { deadlineMs }).then(
    () => true,
    () => false,
  );
}

export function megabytes(bytes: number): string {
  return `${(bytes / megabyte).toFixed(1)} MB`;
}

/** The most resident memory the process ever had, from the kernel's own books. */
export function readPeakResidentBytes(pid: number): number {
  const [, kilobytes = '0'] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kilobytes) * 1024;
}
