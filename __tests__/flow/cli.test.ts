// Story: the operator looks at a running mirror, and after it, from the command line.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import type { ImageSummary, Job, Page, PurgeResult, Status } from '../../src/admin/api-types.ts';
import { cliClock } from '../../src/cli/clock.ts';
import { listJobs, untilJobEnds } from '../support/admin-jobs.ts';
import { createSeededContent } from '../support/content.ts';
import { mainName, setStage } from '../support/flow.ts';
import { createGate } from '../support/gate.ts';
import { findMain, type MirrorProcess } from '../support/mirror-process.ts';
import { pull } from '../support/raw-client.ts';
import type { AddedImage } from '../support/registry-content.ts';
import { blobGets } from '../support/scripted-upstream.ts';
import { run, type CliInput, type CliResult } from '../unit/cli/run.ts';

const stage = setStage();
const app = `${mainName}/team/app:v1`;
const largeBytes = 6_000_000;
const large = createSeededContent('cli large', largeBytes);
const token = 'a-token-that-nobody-guesses';

/** `team/app:v1` of forty layers, and `team/tool:v1`, which shares one of them. */
async function setUp(env: Readonly<Record<string, string>> = {}) {
  const upstream = await stage.upstream();
  const layers = Array.from({ length: 39 }, (_, index) => createSeededContent(`cli ${index}`, 3000));
  const image = upstream.registry.addImage('team/app', 'v1', [...layers, large]);
  const tool = upstream.registry.addImage('team/tool', 'v1', [...layers.slice(0, 1), 'a tool']);
  const mirror = await stage.mirror(upstream, {}, env);
  const stowage = (argv: readonly string[], input: CliInput = {}): Promise<CliResult> =>
    run([...argv, '--admin', mirror.adminAddress], { clock: cliClock, ...input });
  return { upstream, image, tool, mirror, stowage };
}

/** What a client of the image is answered, for the manifest and everything it lists. */
async function outcomesOf(mirror: MirrorProcess, image: AddedImage): Promise<ReadonlySet<string | undefined>> {
  const paths = ['manifests/v1', ...[image.config, ...image.layers].map(({ digest }) => `blobs/${digest}`)];
  const answers = await Promise.all(paths.map((path) => pull(mirror.address, `/v2/team/app/${path}`)));
  return new Set(answers.map(({ status, headers }) => `${status} ${headers['cache-status']}`));
}

const allHits = new Set(['200 stowage; hit']);

describe('stowage pull', () => {
  test('brings forty layers with plain lines; afterwards each is a hit with the upstream stopped', async () => {
    const { upstream, image, mirror, stowage } = await setUp();
    const result = await stowage(['pull', 'team/app:v1']);
    expect(result).toMatchObject({ status: 0, stderr: '' });
    expect(result.stdout).toMatch(
      new RegExp(`^${app}: starts\n${app}: done, 6\\.1 MB in 42 objects, 6\\.1 MB fetched\n$`),
    );
    await upstream.down();
    expect(await outcomesOf(mirror, image)).toEqual(allHits);
    const again = await stowage(['pull', 'team/app:v1']);
    expect(again.stdout).toContain('42 objects, all of it was here');
  });

  test('draws bars on a terminal', async () => {
    const { upstream, stowage } = await setUp();
    const gate = createGate();
    upstream.always({ ...blobGets, path: large.digest }, { holdBody: { after: largeBytes / 2, gate } });
    const seen: string[] = [];
    const result = await stowage(['pull', 'team/app:v1'], {
      terminal: { columns: 120, rows: 30 },
      onOutput: (text) => {
        if (!text.includes('41 of 42 objects')) return;
        seen.push(text);
        gate.open();
      },
    });
    expect(result).toMatchObject({ status: 0, stderr: '' });
    expect(seen[0]).toMatch(new RegExp(`^${app} \\[=+-+\\] \\d+ %, .* of 6\\.1 MB, .*41 of 42 objects$`));
    expect(result.stdout).toContain(`${app}: done, 6.1 MB in 42 objects`);
  });

  test('as JSON is the job, line by line', async () => {
    const { stowage } = await setUp();
    const result = await stowage(['pull', 'team/app:v1', '--json']);
    expect(result).toMatchObject({ status: 0, stderr: '' });
    const lines = result.stdout.trimEnd().split('\n');
    const jobs = lines.map((line) => JSON.parse(line) as Job);
    expect(jobs[0]).toMatchObject({ kind: 'pull', state: 'running' });
    expect(jobs.at(-1)).toMatchObject({ state: 'done', items: [{ reference: app, doneObjects: 42 }] });
  });

  test('says in a line each which image failed and why', async () => {
    const { stowage } = await setUp();
    const result = await stowage(['pull', 'team/app:v1', 'team/app:v2']);
    expect(result.status).toBe(1);
    expect(result.stderr).toMatch(new RegExp(`^stowage: ${mainName}/team/app:v2: [^\n]+\n$`));
    expect(result.stdout).toContain(`${app}: done`);
  });

  test.each([
    ['no such//image::', 'is no image name'],
    ['elsewhere.test/team/app', 'elsewhere.test is not among the upstreams'],
  ])('refuses %j in one clear line', async (image, reason) => {
    const { stowage, upstream } = await setUp();
    const result = await stowage(['pull', 'team/app:v1', image]);
    expect(result).toMatchObject({ status: 2, stdout: '' });
    expect(result.stderr).toMatch(/^stowage: [^\n]+\n$/);
    expect(result.stderr).toContain(reason);
    expect(upstream.requests).toHaveLength(0);
  });

  test('ended by Ctrl-C is cancelled at the mirror', async () => {
    const { upstream, mirror } = await setUp();
    stage.allowParked(large.digest);
    const gate = createGate();
    upstream.always({ ...blobGets, path: large.digest }, { holdBody: { after: largeBytes / 2, gate } });
    const words = [findMain(), 'pull', 'team/app:v1', '--admin', mirror.adminAddress];
    const child = spawn(process.execPath, words, { cwd: '/', stdio: ['ignore', 'pipe', 'pipe'] });
    let complaint = '';
    child.stderr.on('data', (bytes: Buffer) => (complaint += bytes.toString()));
    const exited = new Promise<number | null>((resolve) => child.once('exit', resolve));
    await gate.reached;
    await new Promise((resolve) => child.stdout.once('data', resolve));
    child.kill('SIGINT');
    expect(await exited).toBe(1);
    expect(complaint).toContain('stowage: cancelled; what has been done so far stays\n');
    gate.open();
    expect((await listJobs(mirror)).map(({ kind, state }) => [kind, state])).toEqual([['pull', 'cancelled']]);
  });

  test('that is detached leaves the job to the mirror', async () => {
    const { stowage, mirror } = await setUp();
    const result = await stowage(['pull', 'team/app:v1', '--detach', '--json']);
    expect(result).toMatchObject({ status: 0, stderr: '' });
    const { id } = JSON.parse(result.stdout) as Job;
    expect(await untilJobEnds(mirror, id)).toMatchObject({ state: 'done', items: [{ reference: app }] });
  });
});

describe('stowage verify', () => {
  test('reads everything, or what is named', async () => {
    const { stowage } = await setUp();
    await stowage(['pull', 'team/app:v1', 'team/tool:v1']);
    const all = await stowage(['verify']);
    expect(all).toMatchObject({ status: 0, stderr: '' });
    expect(all.stdout).toMatch(/^everything: starts\neverything: verified, .* in 45 objects\n$/);
    const one = await stowage(['verify', 'team/tool:v1', '--json']);
    const job = JSON.parse(one.stdout.trimEnd().split('\n').at(-1) ?? '') as Job;
    expect(job).toMatchObject({ kind: 'verify', state: 'done', items: [{ doneObjects: 4, damagedObjects: 0 }] });
  });

  test('fails for an image that is not here', async () => {
    const { stowage } = await setUp();
    const result = await stowage(['verify', 'team/app:v1']);
    expect(result.status).toBe(1);
    expect(result.stderr).toMatch(new RegExp(`^stowage: ${app}: [^\n]+\n$`));
  });
});

describe('an operator', () => {
  test('sees images, pins one, purges one, and what they share stays', async () => {
    const { upstream, image, mirror, stowage } = await setUp();
    await stowage(['pull', 'team/app:v1', 'team/tool:v1']);
    const list = await stowage(['ls']);
    expect(list).toMatchObject({ status: 0, stderr: '' });
    expect(list.stdout.split('\n').map((line) => line.split(/ {2,}/)[0])).toEqual([
      'IMAGE',
      app,
      `${mainName}/team/tool:v1`,
      '',
    ]);
    expect(await stowage(['pin', 'team/app:v1'])).toMatchObject({ status: 0, stdout: 'team/app:v1: pinned\n' });
    expect((await stowage(['ls', 'app'])).stdout).toContain('pinned');
    expect((await stowage(['pins'])).stdout).toContain(`${app}  operator\n`);
    const purged = JSON.parse((await stowage(['purge', 'team/tool:v1', '--json'])).stdout) as PurgeResult;
    expect(purged.items).toMatchObject([{ reference: `${mainName}/team/tool:v1`, removedObjects: 3, keptObjects: 1 }]);
    const left = JSON.parse((await stowage(['ls', '--json', '--sort', 'size'])).stdout) as Page<ImageSummary>;
    expect(left).toMatchObject({ items: [{ reference: app, isPinned: true }], next: null });
    await upstream.down();
    expect(await outcomesOf(mirror, image)).toEqual(allHits);
    const unpinned = await stowage(['unpin', 'team/app:v1', '--json']);
    expect(JSON.parse(unpinned.stdout)).toMatchObject({ items: [] });
    const missing = await stowage(['purge', 'team/tool:v1']);
    expect(missing).toMatchObject({ status: 1, stdout: '' });
    expect(missing.stderr).toMatch(/^stowage: [^\n]*team\/tool:v1[^\n]*\n$/);
  });

  test('sees how the mirror is', async () => {
    const { stowage } = await setUp();
    await stowage(['pull', 'team/app:v1']);
    const { stdout } = await stowage(['status']);
    expect(stdout).toMatch(/^mirror {5}ready, version /);
    expect(stdout).toMatch(/^ +42 objects, 0 B pinned/m);
    expect(stdout).toContain(`upstreams  ${mainName}  ok\n`);
    const status = JSON.parse((await stowage(['status', '--json'])).stdout) as Status;
    expect(status).toMatchObject({ isReady: true, cache: { objects: 42 }, upstreams: [{ name: mainName }] });
  });

  test('needs the token where there is one', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'stowage-cli-'));
    try {
      const tokenFile = join(directory, 'token');
      writeFileSync(tokenFile, `${token}\n`);
      const { stowage } = await setUp({ STOWAGE__ADMIN__TOKEN_FILE: tokenFile, STOWAGE__ADMIN__OPEN_METRICS: 'true' });
      const refused = await stowage(['status']);
      expect(refused.status).toBe(1);
      expect(refused.stderr).toMatch(/^stowage: http:.* wants a token: --token-file FILE[^\n]*\n$/);
      expect(await stowage(['status', '--token-file', tokenFile])).toMatchObject({ status: 0 });
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  });

  test('is told in one line that the mirror is away', async () => {
    const { stowage, mirror } = await setUp();
    await mirror.terminate();
    const result = await stowage(['status']);
    expect(result).toMatchObject({
      status: 1,
      stderr: `stowage: no mirror answers at ${mirror.adminAddress} (connection refused): is it running? --admin URL says where\n`,
    });
    await mirror.start();
  });
});
