import { afterEach, describe, expect, test } from '@jest/globals';
import type { Job } from '../../../src/admin/api-types.ts';
import { createFakes, type ApiCall, type FakeApi } from './fake-api.ts';
import { run } from './run.ts';
import { sampleItem, sampleJob } from './samples.ts';

const fakes = createFakes();
afterEach(fakes.end);

const alpine = 'docker.io/library/alpine:3.20';
const nginx = 'docker.io/library/nginx:1.27';
const whole = { totalBytes: 10_000_000, totalObjects: 4 };
const finished = sampleItem(alpine, 'done', {
  ...whole,
  doneBytes: 10_000_000,
  doneObjects: 4,
  fetchedBytes: 8_000_000,
});

/** Tells of the job what it is told to, one state for each question; the last one again and again. */
async function startWith(states: readonly Job[], onCall: (call: ApiCall) => void = () => undefined): Promise<FakeApi> {
  let asked = 0;
  return fakes.start((call) => {
    onCall(call);
    const job = states[Math.min(asked, states.length - 1)];
    asked += 1;
    return { status: call.method === 'POST' ? 202 : 200, body: job ?? {} };
  });
}

const running = (doneBytes: number): Job =>
  sampleJob('running', [
    sampleItem(alpine, 'running', { ...whole, doneBytes, doneObjects: 1, fetchedBytes: doneBytes }),
    sampleItem(nginx, 'waiting'),
  ]);

describe('pull without a terminal', () => {
  test('tells what starts, what comes along and what is done', async () => {
    const states = [...Array.from({ length: 14 }, (_, step) => running(step * 500_000)), sampleJob('done', [finished])];
    const api = await startWith(states);
    const result = await run(['pull', 'alpine:3.20', 'nginx:1.27', '--admin', api.url]);
    expect(result).toMatchObject({ status: 0, stderr: '' });
    expect(result.stdout).toBe(`${alpine}: starts
${alpine}: 65 %, 6.5 MB of 10 MB, 1 MB/s, 1 of 4 objects
${alpine}: done, 10 MB in 4 objects, 8 MB fetched
`);
  });

  test.each([
    [[], {}],
    [['--platform', 'linux/amd64', '--platform', 'linux/arm64'], { platforms: ['linux/amd64', 'linux/arm64'] }],
    [['--all-platforms'], { platforms: 'all' }],
  ])('asks for the platforms of %j', async (words, expected) => {
    const api = await startWith([sampleJob('done', [finished])]);
    await run(['pull', 'alpine:3.20', ...words, '--admin', api.url]);
    expect(api.calls).toMatchObject([{ method: 'POST', target: '/api/v1/pull' }]);
    expect(api.calls[0]?.body).toEqual({ references: ['alpine:3.20'], ...expected });
    expect(api.calls[0]?.headers['content-type']).toBe('application/json');
  });

  test('says of each image that failed which and why, and fails', async () => {
    const failed = sampleItem(nginx, 'failed', { error: 'upstream does not have it' });
    const api = await startWith([running(0), sampleJob('failed', [finished, failed])]);
    const result = await run(['pull', 'alpine:3.20', 'nginx:1.27', '--admin', api.url]);
    expect(result).toMatchObject({ status: 1, stderr: `stowage: ${nginx}: upstream does not have it\n` });
    expect(result.stdout).toContain(`${alpine}: done`);
  });

  test('says that all of it was here', async () => {
    const api = await startWith([sampleJob('done', [{ ...finished, fetchedBytes: 0 }])]);
    const { stdout } = await run(['pull', 'alpine:3.20', '--admin', api.url]);
    expect(stdout).toContain('done, 10 MB in 4 objects, all of it was here');
  });

  test('is cancelled by Ctrl-C, at the mirror too', async () => {
    let interrupt: () => void = () => undefined;
    const api = await fakes.start(({ method, target }) => {
      if (target.endsWith('/cancel')) return { body: sampleJob('cancelled', [sampleItem(alpine, 'cancelled')]) };
      if (method === 'GET') interrupt();
      return { body: running(0) };
    });
    const result = await run(['pull', 'alpine:3.20', '--admin', api.url], {
      onInterrupt: (listener) => {
        interrupt = listener;
        return () => undefined;
      },
    });
    expect(api.calls.map(({ method, target }) => `${method} ${target}`)).toEqual([
      'POST /api/v1/pull',
      'GET /api/v1/jobs/job-1',
      'POST /api/v1/jobs/job-1/cancel',
    ]);
    expect(result).toMatchObject({
      status: 1,
      stderr: `stowage: ${alpine}: cancelled\nstowage: cancelled; what has been done so far stays\n`,
    });
  });

  test('that is cancelled by somebody else fails', async () => {
    const api = await startWith([running(0), sampleJob('cancelled', [sampleItem(alpine, 'cancelled')])]);
    const result = await run(['pull', 'alpine:3.20', '--admin', api.url]);
    expect(result).toMatchObject({ status: 1, stderr: `stowage: ${alpine}: cancelled\n` });
  });

  test('does not wait when it is detached', async () => {
    const api = await startWith([running(0)]);
    const result = await run(['pull', 'alpine:3.20', 'nginx:1.27', '--detach', '--admin', api.url]);
    expect(result).toMatchObject({
      status: 0,
      stdout: 'job job-1 pulls 2 images; the page shows how it comes along\n',
    });
    expect(api.calls).toHaveLength(1);
    const { stdout } = await run(['pull', 'alpine:3.20', '--detach', '--json', '--admin', api.url]);
    expect(JSON.parse(stdout)).toEqual(running(0));
  });

  test('as JSON is the job, a line whenever it has moved', async () => {
    const states = [
      running(0),
      running(0),
      ...Array.from({ length: 5 }, () => running(5_000_000)),
      sampleJob('done', [finished]),
    ];
    const api = await startWith(states);
    const result = await run(['pull', 'alpine:3.20', '--json', '--admin', api.url]);
    expect(result).toMatchObject({ status: 0, stderr: '' });
    const lines = result.stdout.trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([
      running(0),
      running(5_000_000),
      sampleJob('done', [finished]),
    ]);
  });

  test('as JSON says on stderr what failed', async () => {
    const job = sampleJob('failed', [sampleItem(nginx, 'failed', { error: 'a\u001b[2Jb' })]);
    const api = await startWith([job]);
    const result = await run(['pull', 'nginx:1.27', '--json', '--admin', api.url]);
    expect(JSON.parse(result.stdout)).toEqual(job);
    expect(result).toMatchObject({ status: 1, stderr: `stowage: ${nginx}: a\ufffd[2Jb\n` });
  });

  test.each([
    ['no such//image::', '"no such//image::" is no image name'],
    ['alpine@sha256:12', 'what follows @ is no digest'],
    ['Alpine', 'the repository does not fit the grammar'],
  ])('refuses %j in one line, before any mirror is asked', async (image, reason) => {
    const result = await run(['pull', 'alpine', image, '--admin', 'http://127.0.0.1:1']);
    expect(result).toMatchObject({ status: 2, stdout: '' });
    expect(result.stderr).toMatch(/^stowage: [^\n]*\n$/);
    expect(result.stderr).toContain(reason);
  });

  test.each([
    [['--platform', 'windows 95'], 'Expected a platform, as in linux/amd64 or linux/arm/v7.'],
    [['--platform', 'linux/amd64', '--all-platforms'], "'--all-platforms' cannot be used with option '--platform"],
  ])('refuses %j', async (words, reason) => {
    const result = await run(['pull', 'alpine', ...words, '--admin', 'http://127.0.0.1:1']);
    expect(result).toMatchObject({ status: 2, stdout: '' });
    expect(result.stderr).toContain(reason);
  });

  test('leaves it to the mirror which upstreams there are', async () => {
    const refusal = {
      error: '"quay.io/org/app" is no image name: quay.io is not among the upstreams',
      field: 'references[0]',
    };
    const api = await fakes.start(() => ({ status: 400, body: refusal }));
    const result = await run(['pull', 'quay.io/org/app', '--admin', api.url]);
    expect(result).toMatchObject({ status: 2, stderr: `stowage: ${refusal.error} (references[0])\n` });
  });
});

describe('pull on a terminal', () => {
  const terminal = { columns: 100, rows: 24 };

  test('draws a bar for each image that is on its way', async () => {
    const api = await startWith([running(0), running(5_000_000), sampleJob('done', [finished])]);
    const result = await run(['pull', 'alpine:3.20', 'nginx:1.27', '--admin', api.url], { terminal });
    expect(result).toMatchObject({ status: 0, stderr: '' });
    expect(result.stdout).toContain(`${alpine} [--------------------] 0 %, 0 B of 10 MB, 1 of 4 objects`);
    expect(result.stdout).toContain(`${alpine} [==========----------] 50 %, 5 MB of 10 MB, 50 MB/s, 1 of 4 objects`);
    expect(result.stdout).toContain(`${alpine}: done, 10 MB in 4 objects, 8 MB fetched`);
    expect(result.stdout).not.toContain(nginx);
  });

  test('keeps the lines of bars within the terminal', async () => {
    const api = await startWith([running(5_000_000), sampleJob('done', [finished])]);
    const { stdout } = await run(['pull', 'alpine:3.20', '--admin', api.url], { terminal: { columns: 60, rows: 24 } });
    const escape = '\u001b';
    const ends = new RegExp(`\\n|${escape}\\[[0-9;]*[A-Za-z]`, 'u');
    const lines = stdout.split(ends).filter((line) => line.includes('['));
    expect(lines.length).toBeGreaterThan(0);
    for (const line of lines) expect(line.length).toBeLessThan(60);
    expect(lines[0]).toMatch(/^….*alpine:3\.20 \[=+-+\] 50 %/);
  });

  test('draws no more bars than there is room for', async () => {
    const items = Array.from({ length: 30 }, (_, index) =>
      sampleItem(`docker.io/library/app-${index}:1`, 'running', whole),
    );
    const api = await startWith([sampleJob('running', items), sampleJob('done', [finished])]);
    const { stdout } = await run(['pull', 'alpine:3.20', '--admin', api.url], { terminal: { columns: 100, rows: 8 } });
    expect(stdout).toContain('app-4:1 [');
    expect(stdout).not.toContain('app-5:1');
  });

  test('says below the bars what failed', async () => {
    const failed = sampleItem(nginx, 'failed', { error: 'no\u001b[31m such tag' });
    const api = await startWith([running(0), sampleJob('failed', [finished, failed])]);
    const result = await run(['pull', 'alpine:3.20', 'nginx:1.27', '--admin', api.url], { terminal });
    expect(result).toMatchObject({ status: 1, stderr: `stowage: ${nginx}: no\ufffd[31m such tag\n` });
  });

  test('draws no bars where the terminal cannot move its cursor', async () => {
    const api = await startWith([running(0), sampleJob('done', [finished])]);
    const { stdout } = await run(['pull', 'alpine:3.20', '--admin', api.url], { terminal, env: { TERM: 'dumb' } });
    expect(stdout).not.toContain('\u001b');
    expect(stdout).toContain(`${alpine}: done`);
  });
});
