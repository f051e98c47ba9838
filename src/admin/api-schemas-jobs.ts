import { z } from 'zod';
import { configurationState, fillState, upstreamState } from './api-schemas-status.ts';
import { bytes, count, digest, named, pageOf, time } from './api-schema.ts';
import type { Event, Job, JobItem, Page, PullRequest, VerifyRequest } from './api-types.ts';

const references = z.array(z.string()).min(1).max(1000);

export const pullRequest = named<PullRequest>()(
  'PullRequest',
  z.strictObject({
    references,
    platforms: z
      .union([z.literal('all'), z.array(z.string()).min(1)])
      .exactOptional()
      .meta({ description: '`all`, or some, as in `linux/arm/v7`. Default: that of the mirror’s machine.' }),
  }),
);

export const verifyRequest = named<VerifyRequest>()(
  'VerifyRequest',
  z.strictObject({ references: references.exactOptional().meta({ description: 'Default: everything.' }) }),
);

const jobItem = named<JobItem>()(
  'JobItem',
  z.strictObject({
    reference: z.string().meta({ description: '`*`: everything in the cache.' }),
    state: z.enum(['waiting', 'running', 'done', 'failed', 'cancelled']),
    error: z.string().nullable(),
    totalBytes: bytes,
    doneBytes: bytes,
    totalObjects: count,
    doneObjects: count,
    fetchedBytes: bytes,
    damagedObjects: count.meta({ description: 'Of a verification: what was found damaged and put aside.' }),
  }),
);

export const job = named<Job>()(
  'Job',
  z.strictObject({
    id: z.string(),
    kind: z.enum(['pull', 'verify']),
    origin: z.enum(['operator', 'prefetch']),
    state: z.enum(['running', 'done', 'failed', 'cancelled']),
    startedAt: time,
    endedAt: time.nullable(),
    items: z.array(jobItem),
  }),
);

export const jobPage = named<Page<Job>>()('JobPage', pageOf(job));

const at = time;

/** One of what `/events` tells. */
export const event = named<Event>()(
  'Event',
  z.discriminatedUnion('type', [
    z.strictObject({ type: z.literal('fill-started'), at, fill: fillState }),
    z.strictObject({ type: z.literal('fills'), at, fills: z.array(fillState) }),
    z.strictObject({
      type: z.literal('fill-ended'),
      at,
      digest,
      upstream: z.string(),
      repository: z.string(),
      result: z.enum(['committed', 'failed', 'parked', 'mismatch', 'bypassed']),
      sizeBytes: bytes.nullable(),
      durationSeconds: z.number().nonnegative(),
      error: z.string().nullable(),
    }),
    z.strictObject({ type: z.literal('evicted'), at, objects: count, bytes }),
    z.strictObject({ type: z.literal('upstream'), at, upstream: upstreamState }),
    z.strictObject({ type: z.literal('configuration'), at, configuration: configurationState }),
    z.strictObject({ type: z.literal('job'), at, job }),
  ]),
);
