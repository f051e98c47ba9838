// The jobs of a running mirror, as its operator sees them.
import type { Job, JobItem, Page } from '../../src/admin/api-types.ts';
import type { MirrorProcess } from './mirror-process.ts';
import { pollUntil } from './signal.ts';

export interface Answer {
  readonly status: number;
  readonly location: string | null;
  readonly body: unknown;
}

type Admin = Pick<MirrorProcess, 'adminAddress'>;

/** Asks the admin API; `path` counts from `/api/v1`. */
export async function askApi({ adminAddress }: Admin, path: string, body?: object): Promise<Answer> {
  const response = await fetch(`${adminAddress}/api/v1${path}`, {
    headers: { connection: 'close', ...(body !== undefined && { 'content-type': 'application/json' }) },
    ...(body !== undefined && { method: 'POST', body: JSON.stringify(body) }),
  });
  return { status: response.status, location: response.headers.get('location'), body: await response.json() };
}

/** Starts a job and gives its id. @throws Error when it is not accepted */
export async function startJob(mirror: Admin, path: '/pull' | '/verify', body: object): Promise<string> {
  const answer = await askApi(mirror, path, body);
  if (answer.status !== 202) throw new Error(`the job is refused: ${answer.status} ${JSON.stringify(answer.body)}`);
  return (answer.body as Job).id;
}

export async function readJob(mirror: Admin, id: string): Promise<Job> {
  return (await askApi(mirror, `/jobs/${id}`)).body as Job;
}

export async function listJobs(mirror: Admin): Promise<readonly Job[]> {
  return ((await askApi(mirror, '/jobs')).body as Page<Job>).items;
}

/** Waits until the job looks so, and gives it. */
export async function untilJob(mirror: Admin, id: string, isReached: (job: Job) => boolean): Promise<Job> {
  let job = await readJob(mirror, id);
  const look = async (): Promise<boolean> => isReached((job = await readJob(mirror, id)));
  await pollUntil(look, { what: `job ${id}` }).catch((error: unknown) => {
    throw new Error(`the job is ${JSON.stringify(job)}`, { cause: error });
  });
  return job;
}

export async function untilJobEnds(mirror: Admin, id: string): Promise<Job> {
  return await untilJob(mirror, id, ({ state }) => state !== 'running');
}

/** The one item of a job. */
export function itemOf(job: Job): JobItem {
  const [item] = job.items;
  if (item === undefined || job.items.length > 1) throw new Error('a job of one item was expected');
  return item;
}
