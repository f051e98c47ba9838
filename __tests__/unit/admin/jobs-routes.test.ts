import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';
import { createApiRouter } from '../../../src/admin/api-router.ts';
import type { Job as ApiJob, Page } from '../../../src/admin/api-types.ts';
import { createJobsRoutes } from '../../../src/admin/jobs-routes.ts';
import type { Job } from '../../../src/mirror/jobs/job.ts';
import type { PullJob } from '../../../src/mirror/jobs/jobs.ts';
import { MirrorError } from '../../../src/oci/errors.ts';
import { formatImageName, type ImageName } from '../../../src/oci/image-name.ts';
import { askApi } from '../../support/admin-jobs.ts';

const upstreams = [
  { name: 'docker.io', aliases: ['index.docker.io'], isDefault: true },
  { name: 'ghcr.io', aliases: [], isDefault: false },
];

let server: Server;
let adminAddress: string;
let pulls: PullJob[];
let verifies: (readonly ImageName[] | undefined)[];
let list: Job[];
let failure: Error | undefined;

beforeEach(async () => {
  [pulls, verifies, list, failure] = [[], [], [], undefined];
  const started = () => {
    if (failure !== undefined) throw failure;
    const job = jobOf(7);
    return { id: job.id, job, ended: Promise.resolve(job) };
  };
  const find = (id: string) => list.find((job) => job.id === id);
  const jobs = {
    startPull: (pull: PullJob) => (pulls.push(pull), started()),
    startVerify: (names: readonly ImageName[] | undefined) => (verifies.push(names), started()),
    find,
    list: ({ before = Infinity, limit }: { before?: number; limit: number }) =>
      list.filter(({ order }) => order < before).slice(0, limit),
    cancel: find,
  };
  const app = express().use('/api/v1', createApiRouter([createJobsRoutes({ jobs, upstreams: () => upstreams })]));
  server = createServer((request, response) => void app(request, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  adminAddress = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterEach(async () => {
  await new Promise((resolve) => server.close(resolve));
});

function jobOf(order: number, items = 1): Job {
  const counts = { totalBytes: 0, doneBytes: 0, totalObjects: 0, doneObjects: 0, fetchedBytes: 0, damagedObjects: 0 };
  const item = { reference: 'docker.io/library/a:latest', state: 'waiting', error: undefined, ...counts } as const;
  const facts = { kind: 'pull', origin: 'operator', state: 'running', startedMs: 0, endedMs: undefined } as const;
  return { id: `job${order}`, order, ...facts, items: Array.from({ length: items }, () => item) };
}

const ask = async (path: string, body?: object) => await askApi({ adminAddress }, path, body);

describe('a pull', () => {
  test('is started with names in full, each once, and told where to look after it', async () => {
    const references = ['alpine', 'docker.io/library/alpine:latest', 'ghcr.io/org/app:v1'];
    const answer = await ask('/pull', { references, platforms: ['linux/amd64', 'linux/arm/v7'] });
    expect(answer).toMatchObject({ status: 202, location: '/api/v1/jobs/job7', body: { id: 'job7', endedAt: null } });
    expect(pulls).toHaveLength(1);
    expect(pulls[0]?.names.map(formatImageName)).toEqual(['docker.io/library/alpine:latest', 'ghcr.io/org/app:v1']);
    expect(pulls[0]).toMatchObject({
      origin: 'operator',
      isAnew: false,
      platforms: [
        { os: 'linux', architecture: 'amd64' },
        { os: 'linux', architecture: 'arm', variant: 'v7' },
      ],
    });
  });

  test.each([[[]], ['text'], [7], [null]])('of the body %j is refused', async (body) => {
    const response = await fetch(`${adminAddress}/api/v1/pull`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', connection: 'close' },
      body: JSON.stringify(body),
    });
    expect(response.status).toBe(400);
    expect(((await response.json()) as { error: string }).error).toMatch(/JSON/);
  });

  test('of a thousand images is the most there is', async () => {
    const names = Array.from({ length: 1001 }, (_, i) => `image:${i}`);
    expect((await ask('/pull', { references: names.slice(1) })).status).toBe(202);
    const answer = await ask('/pull', { references: names });
    const error = 'at most 1000 image names are expected';
    expect(answer).toMatchObject({ status: 400, body: { field: 'references', error } });
  });

  test.each([[['linux']], [[7]]])('for the platforms %j is refused', async (platforms) => {
    const answer = await ask('/pull', { references: ['alpine'], platforms });
    expect(answer).toMatchObject({ status: 400, body: { field: 'platforms[0]' } });
    expect(pulls).toEqual([]);
  });

  test.each(['overloaded', 'shutting-down'] as const)('is put off while the mirror is %s', async (kind) => {
    failure = new MirrorError({ kind, message: 'too much', retryAfterMs: 1500 });
    const response = await fetch(`${adminAddress}/api/v1/pull`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', connection: 'close' },
      body: JSON.stringify({ references: ['alpine'] }),
    });
    expect([response.status, response.headers.get('retry-after')]).toEqual([503, '2']);
    expect(await response.json()).toEqual({ error: 'too much' });
  });
});

describe('a verification', () => {
  test('is of some images, or of everything', async () => {
    expect((await ask('/verify', { references: ['alpine'] })).status).toBe(202);
    expect((await ask('/verify', {})).status).toBe(202);
    expect(verifies.map((names) => names?.map(formatImageName))).toEqual([
      ['docker.io/library/alpine:latest'],
      undefined,
    ]);
  });

  test.each([
    [{ references: [] }, 'references'],
    [{ references: ['a b'] }, 'references[0]'],
    [{ reference: 'alpine' }, 'reference'],
  ])('of %j is refused at its field', async (body, field) => {
    expect(await ask('/verify', body)).toMatchObject({ status: 400, body: { field } });
    expect(verifies).toEqual([]);
  });
});

describe('the list of jobs', () => {
  const pageOf = async (query: string) => (await ask(`/jobs${query}`)).body as Page<ApiJob>;
  const ids = ({ items }: Page<ApiJob>) => items.map(({ id }) => id);

  test('is paged', async () => {
    list = [5, 4, 3, 2, 1].map((order) => jobOf(order));
    const first = await pageOf('?limit=2');
    expect([ids(first), first.next]).toEqual([['job5', 'job4'], '4']);
    const last = await pageOf(`?limit=3&cursor=${first.next}`);
    expect([ids(last), last.next]).toEqual([['job3', 'job2', 'job1'], null]);
    expect(last.items[0]).toMatchObject({ startedAt: '1970-01-01T00:00:00.000Z', items: [{ error: null }] });
    expect(last.items[0]).not.toHaveProperty('order');
  });

  test('has fewer to a page where they are long', async () => {
    list = [jobOf(4, 1500), jobOf(3, 500), jobOf(2, 1), jobOf(1, 5000)];
    const first = await pageOf('');
    expect([ids(first), first.next]).toEqual([['job4', 'job3'], '3']);
    const second = await pageOf('?cursor=3');
    expect([ids(second), second.next]).toEqual([['job2'], '2']);
    expect(ids(await pageOf('?cursor=2'))).toEqual(['job1']);
  });

  test.each([
    ['?limit=0', 'limit'],
    ['?limit=201', 'limit'],
    ['?limit=x', 'limit'],
    ['?cursor=job1', 'cursor'],
    ['?cursor=', 'cursor'],
    ['?search=a', 'search'],
  ])('is refused with %s', async (query, field) => {
    expect(await ask(`/jobs${query}`)).toMatchObject({ status: 400, body: { field } });
  });
});

test('one job is shown, and cancelled', async () => {
  list = [jobOf(1)];
  expect(await ask('/jobs/job1')).toMatchObject({ status: 200, body: { id: 'job1', kind: 'pull' } });
  expect(await ask('/jobs/job1/cancel', {})).toMatchObject({ status: 200, body: { id: 'job1' } });
  for (const answer of [await ask('/jobs/job2'), await ask('/jobs/job2/cancel', {})]) {
    const error = 'there is no such job; of those that are over the last hundred are kept';
    expect(answer).toMatchObject({ status: 404, body: { error } });
  }
});
