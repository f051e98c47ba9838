import type { LoggedEvent } from '../api/live-changes.ts';
import { formatBytes, formatCounted, formatDuration } from '../format.ts';
import type { Tone } from '../parts/badge.tsx';
import { healthWords } from './health-words.ts';

export interface EventWords {
  readonly word: string;
  readonly tone: Tone;
  readonly text: string;
}

const results = {
  committed: { word: 'fetched', tone: 'good' },
  parked: { word: 'parked', tone: 'plain' },
  bypassed: { word: 'not kept', tone: 'warn' },
  failed: { word: 'failed', tone: 'bad' },
  mismatch: { word: 'wrong bytes', tone: 'bad' },
} as const;

/** An event in words. */
export function describeEvent(event: LoggedEvent): EventWords {
  switch (event.type) {
    case 'fill-ended': {
      const size = event.sizeBytes === null ? '' : `, ${formatBytes(event.sizeBytes)}`;
      const why = event.error === null ? '' : `: ${event.error}`;
      const text = `${event.upstream}/${event.repository}${size} in ${formatDuration(event.durationSeconds)}${why}`;
      return { ...results[event.result], text };
    }
    case 'evicted':
      return {
        word: 'evicted',
        tone: 'plain',
        text: `${formatCounted(event.objects, 'object')}, ${formatBytes(event.bytes)}`,
      };
    case 'upstream':
      return { ...healthWords[event.upstream.health], text: event.upstream.name };
    case 'configuration':
      return event.configuration.problems.length === 0
        ? { word: 'loaded', tone: 'good', text: 'The configuration' }
        : { word: 'refused', tone: 'bad', text: 'The configuration has problems; the old one stays in use' };
    case 'job': {
      const { kind, state, items } = event.job;
      const what = kind === 'pull' ? 'Warm-up' : 'Verification';
      const of = items[0]?.reference === '*' ? 'everything' : formatCounted(items.length, 'image');
      return {
        word: state,
        tone: state === 'done' ? 'good' : state === 'failed' ? 'bad' : 'plain',
        text: `${what} of ${of}`,
      };
    }
  }
}
