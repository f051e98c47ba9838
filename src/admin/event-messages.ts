import type { Happening } from '../telemetry/events.ts';
import type { ConfigurationState, Event, Job } from './api-types.ts';
import { toFillState } from './fill-state.ts';
import { toUpstreamState, type UpstreamFacts } from './upstream-state.ts';

/** Where the state is of which a happening only gives the name. */
export interface EventFacts {
  upstreams(): readonly UpstreamFacts[];
  configuration(): ConfigurationState;
  findJob(id: string): Job | undefined;
}

/** What subscribers are told of a happening; undefined when it is about something that is gone already. */
export function toEvent(happening: Happening, facts: EventFacts, nowMs: number): Event | undefined {
  const at = new Date(nowMs).toISOString();
  switch (happening.type) {
    case 'fill-started':
      return { type: 'fill-started', at, fill: toFillState(happening.fill) };
    case 'fill-ended': {
      const { type, durationMs, reason, sizeBytes, ...fill } = happening;
      const durationSeconds = durationMs / 1000;
      return { type, at, ...fill, sizeBytes: sizeBytes ?? null, durationSeconds, error: reason ?? null };
    }
    case 'evicted':
      return { ...happening, at };
    case 'upstream-changed': {
      const upstream = facts.upstreams().find(({ name }) => name === happening.upstream);
      return upstream && { type: 'upstream', at, upstream: toUpstreamState(upstream, nowMs) };
    }
    case 'configuration-changed':
      return { type: 'configuration', at, configuration: facts.configuration() };
    case 'job-changed': {
      const job = facts.findJob(happening.id);
      return job && { type: 'job', at, job };
    }
    default:
      return happening satisfies never;
  }
}

/** As it goes over the wire: JSON holds no line break. */
export function formatEvent(event: Event): string {
  return `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;
}
