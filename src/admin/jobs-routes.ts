import type { Request, Response } from 'express';
import { z } from 'zod';
import { isMirrorError } from '../oci/errors.ts';
import type { NamedUpstream } from '../oci/image-name.ts';
import { findPlatform } from '../oci/platform.ts';
import type { Job } from '../mirror/jobs/job.ts';
import type { Jobs } from '../mirror/jobs/jobs.ts';
import type { WantedPlatforms } from '../mirror/jobs/pull-image.ts';
import { toApiJob } from './api-job.ts';
import { ApiProblem, sendJson, type ApiRoutes } from './api-router.ts';
import type { Job as ApiJob, Page } from './api-types.ts';
import { parseBody, parseImageNames, references } from './body.ts';

export interface JobsRoutesOptions {
  readonly jobs: Pick<Jobs, 'startPull' | 'startVerify' | 'find' | 'list' | 'cancel'>;
  upstreams(): readonly NamedUpstream[];
}

const pullBody = z.strictObject({ references, platforms: z.unknown().optional() });
const verifyBody = z.strictObject({ references: references.optional() });

const defaultLimit = 50;
const maxLimit = 200;
/** Of all jobs of a page: some have a thousand. */
const maxItems = 2000;

/** Warm-up and verification: they are started here, and looked after. */
export function createJobsRoutes({ jobs, upstreams }: JobsRoutesOptions): ApiRoutes {
  return (router) => {
    router.post('/pull', (request: Request, response: Response) => {
      const body = parseBody(pullBody, request.body);
      const names = parseImageNames(body.references, upstreams());
      const pull = { names, platforms: parsePlatforms(body.platforms), origin: 'operator', isAnew: false } as const;
      sendStarted(request, response, () => jobs.startPull(pull).job);
    });
    router.post('/verify', (request: Request, response: Response) => {
      const body = parseBody(verifyBody, request.body);
      const names = body.references && parseImageNames(body.references, upstreams());
      sendStarted(request, response, () => jobs.startVerify(names).job);
    });
    router.get('/jobs', (request: Request, response: Response) => {
      const { cursor, limit } = parsePage(request.url);
      const found = jobs.list({ limit: limit + 1, ...(cursor !== undefined && { before: cursor }) });
      const items = cut(found.slice(0, limit));
      const next = found.length > items.length ? String(items.at(-1)?.order) : null;
      sendJson(response, 200, { items: items.map(toApiJob), next } satisfies Page<ApiJob>);
    });
    router.get('/jobs/:id', (request: Request, response: Response) => {
      sendJson(response, 200, toApiJob(requireJob(jobs.find(idOf(request)))));
    });
    router.post('/jobs/:id/cancel', (request: Request, response: Response) => {
      sendJson(response, 200, toApiJob(requireJob(jobs.cancel(idOf(request)))));
    });
  };
}

/** @throws ApiProblem 400 */
function parsePlatforms(value: unknown): WantedPlatforms | undefined {
  if (value === undefined || value === 'all') return value;
  const expected = '"all" is expected, or a list of platforms, as in ["linux/amd64", "linux/arm/v7"]';
  if (!Array.isArray(value) || value.length === 0) throw new ApiProblem(400, expected, 'platforms');
  return value.map((text: unknown, index) => {
    const platform = typeof text === 'string' ? findPlatform(text) : undefined;
    if (platform !== undefined) return platform;
    throw new ApiProblem(400, 'a platform is expected, as in linux/amd64 or linux/arm/v7', `platforms[${index}]`);
  });
}

function sendStarted(request: Request, response: Response, start: () => Job): void {
  let job: Job;
  try {
    job = start();
  } catch (error) {
    if (!isMirrorError(error, 'overloaded', 'shutting-down')) throw error;
    response.setHeader('Retry-After', Math.ceil((error.retryAfterMs ?? 1000) / 1000));
    throw new ApiProblem(503, error.message);
  }
  response.setHeader('Location', `${request.baseUrl}/jobs/${job.id}`);
  sendJson(response, 202, toApiJob(job));
}

/** As many as there is room for, and one at least. */
function cut(jobs: readonly Job[]): readonly Job[] {
  let items = 0;
  const end = jobs.findIndex((job) => (items += job.items.length) > maxItems);
  return end < 0 ? jobs : jobs.slice(0, Math.max(1, end));
}

function idOf(request: Request): string {
  return String(request.params['id']);
}

function requireJob(job: Job | undefined): Job {
  if (job !== undefined) return job;
  throw new ApiProblem(404, 'there is no such job; of those that are over the last hundred are kept');
}

/** @throws ApiProblem 400 */
function parsePage(url: string): { readonly cursor: number | undefined; readonly limit: number } {
  const { searchParams } = new URL(url, 'http://localhost');
  for (const key of searchParams.keys()) {
    if (key !== 'cursor' && key !== 'limit')
      throw new ApiProblem(400, 'there is no parameter of this name', key.slice(0, 100));
  }
  const [cursor, limit] = [searchParams.get('cursor'), searchParams.get('limit')];
  if (cursor !== null && !/^[1-9]\d{0,14}$/.test(cursor)) {
    throw new ApiProblem(400, '"next" of the page before is expected', 'cursor');
  }
  if (limit !== null && (!/^[1-9]\d{0,2}$/.test(limit) || Number(limit) > maxLimit)) {
    throw new ApiProblem(400, `a whole number from 1 to ${maxLimit} is expected`, 'limit');
  }
  return { cursor: cursor === null ? undefined : Number(cursor), limit: limit === null ? defaultLimit : Number(limit) };
}
