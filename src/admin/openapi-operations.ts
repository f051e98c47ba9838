import type { z } from 'zod';
import {
  imageDetails,
  imagePage,
  pinPage,
  purgeResult,
  referencesRequest,
  repositoryPage,
} from './api-schemas-images.ts';
import { job, jobPage, pullRequest, verifyRequest } from './api-schemas-jobs.ts';
import { clientSetup, fillState, history, status } from './api-schemas-status.ts';

/** What can be done at one path with one method. */
export interface Operation {
  readonly method: 'get' | 'post';
  /** Below `/api/v1`; `{id}` stands for a part of it. */
  readonly path: string;
  readonly summary: string;
  readonly query?: readonly QueryParameter[];
  readonly body?: z.ZodType;
  readonly answer: Answer;
  /** Beside those that every operation has. */
  readonly errors?: readonly number[];
}

/** `list`: a bare list of these. */
export type Answer =
  | { readonly status: number; readonly schema: z.ZodType; readonly isList?: boolean }
  | { readonly status: number; readonly special: 'events' | 'document' };

export interface QueryParameter {
  readonly name: string;
  readonly description: string;
  readonly isRequired?: boolean;
  readonly schema: Readonly<Record<string, unknown>>;
}

const text = { type: 'string' } as const;
const search: QueryParameter = { name: 'search', description: 'A part of the name, in any case.', schema: text };
const upstream: QueryParameter = { name: 'upstream', description: 'Only of this upstream.', schema: text };
const page: readonly QueryParameter[] = [
  { name: 'cursor', description: '`next` of the page before.', schema: text },
  {
    name: 'limit',
    description: 'At most so many items.',
    schema: { type: 'integer', minimum: 1, maximum: 200, default: 50 },
  },
];

export const operations: readonly Operation[] = [
  {
    method: 'get',
    path: '/status',
    summary: 'How the mirror is doing.',
    answer: { status: 200, schema: status },
  },
  {
    method: 'get',
    path: '/history',
    summary: 'What was served and fetched over the last day, in steps, the oldest first.',
    answer: { status: 200, schema: history },
  },
  {
    method: 'get',
    path: '/fills',
    summary: 'What is being fetched now.',
    answer: { status: 200, schema: fillState, isList: true },
  },
  {
    method: 'get',
    path: '/events',
    summary: 'What happens from now on, as server-sent events. Who is too slow is disconnected.',
    answer: { status: 200, special: 'events' },
    errors: [503],
  },
  {
    method: 'get',
    path: '/client-setup',
    summary: 'What to write where so that clients pull through this mirror.',
    answer: { status: 200, schema: clientSetup },
  },
  {
    method: 'get',
    path: '/openapi.json',
    summary: 'This document.',
    answer: { status: 200, special: 'document' },
  },
  {
    method: 'get',
    path: '/repositories',
    summary: 'Repositories with cached tags, in the order of their names.',
    query: [search, upstream, ...page],
    answer: { status: 200, schema: repositoryPage },
    errors: [400],
  },
  {
    method: 'get',
    path: '/images',
    summary: 'Cached tags.',
    query: [
      search,
      upstream,
      { name: 'repository', description: 'Only of this repository.', schema: text },
      {
        name: 'sort',
        description: 'By name, last use, size or hits.',
        schema: { type: 'string', enum: ['name', 'used', 'size', 'hits'], default: 'name' },
      },
      ...page,
    ],
    answer: { status: 200, schema: imagePage },
    errors: [400],
  },
  {
    method: 'get',
    path: '/image',
    summary: 'One image: its platforms and layers, and which of them are here.',
    query: [{ name: 'reference', description: 'With a tag or a digest.', isRequired: true, schema: text }],
    answer: { status: 200, schema: imageDetails },
    errors: [400, 404],
  },
  {
    method: 'get',
    path: '/pins',
    summary: 'What is never evicted.',
    answer: { status: 200, schema: pinPage },
    errors: [400],
  },
  {
    method: 'post',
    path: '/pin',
    summary: 'Keeps images whatever has to go; gives all pins that hold now.',
    body: referencesRequest,
    answer: { status: 200, schema: pinPage },
    errors: [400],
  },
  {
    method: 'post',
    path: '/unpin',
    summary: 'Takes pins away, but for those of the configuration; gives all pins that hold now.',
    body: referencesRequest,
    answer: { status: 200, schema: pinPage },
    errors: [400, 404, 409],
  },
  {
    method: 'post',
    path: '/purge',
    summary: 'Removes images, but not what others share with them.',
    body: referencesRequest,
    answer: { status: 200, schema: purgeResult },
    errors: [400, 404],
  },
  {
    method: 'post',
    path: '/pull',
    summary: 'Fetches images ahead of the first pull.',
    body: pullRequest,
    answer: { status: 202, schema: job },
    errors: [400, 503],
  },
  {
    method: 'post',
    path: '/verify',
    summary: 'Reads cached content and holds it against its digests.',
    body: verifyRequest,
    answer: { status: 202, schema: job },
    errors: [400, 503],
  },
  {
    method: 'get',
    path: '/jobs',
    summary: 'The last pulls and verifications, the newest first.',
    query: page,
    answer: { status: 200, schema: jobPage },
    errors: [400],
  },
  {
    method: 'get',
    path: '/jobs/{id}',
    summary: 'One of them.',
    answer: { status: 200, schema: job },
    errors: [404],
  },
  {
    method: 'post',
    path: '/jobs/{id}/cancel',
    summary: 'Ends one that runs.',
    answer: { status: 200, schema: job },
    errors: [404],
  },
];
