import { afterEach, describe, expect, test } from '@jest/globals';
import type { PurgeResult } from '../../../src/admin/api-types.ts';
import { createFakes } from './fake-api.ts';
import { run } from './run.ts';
import { sampleItem, sampleJob } from './samples.ts';

const fakes = createFakes();
afterEach(fakes.end);

const alpine = 'docker.io/library/alpine:3.20';

describe('purge', () => {
  const body: PurgeResult = {
    items: [
      { reference: alpine, removedObjects: 3, freedBytes: 7_800_000, keptObjects: 0 },
      { reference: 'docker.io/library/nginx:1', removedObjects: 1, freedBytes: 1200, keptObjects: 2 },
    ],
  };

  test('says what has gone and what stays for others', async () => {
    const api = await fakes.start(() => ({ body }));
    const result = await run(['purge', 'alpine:3.20', 'nginx:1', '--admin', api.url]);
    expect(api.calls).toMatchObject([
      { method: 'POST', target: '/api/v1/purge', body: { references: ['alpine:3.20', 'nginx:1'] } },
    ]);
    expect(result).toMatchObject({ status: 0, stderr: '' });
    expect(result.stdout).toBe(`${alpine}: 3 objects removed, 7.8 MB freed
docker.io/library/nginx:1: 1 object removed, 1.2 kB freed, 2 objects kept for other images
`);
  });

  test('as JSON is the answer of the API', async () => {
    const api = await fakes.start(() => ({ body }));
    expect(JSON.parse((await run(['purge', 'alpine', '--json', '--admin', api.url])).stdout)).toEqual(body);
  });

  test('needs an image, and a good name for it', async () => {
    expect(await run(['purge'])).toMatchObject({ status: 2 });
    expect(await run(['purge', 'a//b'])).toMatchObject({ status: 2, stdout: '' });
  });

  test('of what is not here fails with the words of the mirror', async () => {
    const api = await fakes.start(() => ({
      status: 404,
      body: { error: `${alpine} is not in the cache`, field: 'references[0]' },
    }));
    const result = await run(['purge', 'alpine:3.20', '--admin', api.url]);
    expect(result).toMatchObject({ status: 1, stderr: `stowage: ${alpine} is not in the cache (references[0])\n` });
  });
});

describe('pin, unpin and pins', () => {
  const body = {
    items: [
      { pin: 'docker.io/library/alpine:3.20', source: 'operator' },
      { pin: 'ghcr.io/org/*', source: 'configuration' },
    ],
  };

  test.each([
    ['pin', 'pinned'],
    ['unpin', 'unpinned'],
  ])('%s says what it has done', async (command, done) => {
    const api = await fakes.start(() => ({ body }));
    const result = await run([command, 'alpine:3.20', 'ghcr.io/org/*', '--admin', api.url]);
    expect(api.calls).toMatchObject([
      { method: 'POST', target: `/api/v1/${command}`, body: { references: ['alpine:3.20', 'ghcr.io/org/*'] } },
    ]);
    expect(result).toMatchObject({ status: 0, stdout: `alpine:3.20: ${done}\nghcr.io/org/*: ${done}\n`, stderr: '' });
    const json = await run([command, 'alpine:3.20', '--json', '--admin', api.url]);
    expect(JSON.parse(json.stdout)).toEqual(body);
  });

  test.each(['pin', 'unpin'])('%s refuses what is no pin in one line', async (command) => {
    const result = await run([command, 'sha256:12']);
    expect(result).toMatchObject({ status: 2, stdout: '' });
    expect(result.stderr).toMatch(/^stowage: "sha256:12" is no pin: expected an image or a digest[^\n]*\n$/);
  });

  test('pins lists them', async () => {
    const api = await fakes.start(() => ({ body }));
    const { stdout } = await run(['pins', '--admin', api.url]);
    expect(stdout).toBe(`PIN                            FROM
docker.io/library/alpine:3.20  operator
ghcr.io/org/*                  configuration
`);
    expect(JSON.parse((await run(['pins', '--json', '--admin', api.url])).stdout)).toEqual(body);
  });

  test('pins says that there are none', async () => {
    const api = await fakes.start(() => ({ body: { items: [] } }));
    expect(await run(['pins', '--admin', api.url])).toMatchObject({
      status: 0,
      stdout: '',
      stderr: 'nothing is pinned\n',
    });
  });
});

describe('verify', () => {
  const item = sampleItem(alpine, 'done', { totalBytes: 5000, doneBytes: 5000, totalObjects: 3, doneObjects: 3 });

  test.each([
    [[], {}],
    [['alpine:3.20'], { references: ['alpine:3.20'] }],
  ])('of %j reads what is meant', async (images, expected) => {
    const api = await fakes.start(() => ({ body: sampleJob('done', [item], 'verify') }));
    const result = await run(['verify', ...images, '--admin', api.url]);
    expect(api.calls[0]).toMatchObject({ method: 'POST', target: '/api/v1/verify', body: expected });
    expect(result).toMatchObject({ status: 0, stderr: '' });
    expect(result.stdout).toBe(`${alpine}: starts\n${alpine}: verified, 5 kB in 3 objects\n`);
  });

  test('calls everything by that name', async () => {
    const api = await fakes.start(() => ({ body: sampleJob('done', [{ ...item, reference: '*' }], 'verify') }));
    const { stdout } = await run(['verify', '--admin', api.url]);
    expect(stdout).toBe('everything: starts\neverything: verified, 5 kB in 3 objects\n');
  });

  test('fails where something is damaged', async () => {
    const api = await fakes.start(() => ({ body: sampleJob('done', [{ ...item, damagedObjects: 2 }], 'verify') }));
    expect(await run(['verify', '--admin', api.url])).toMatchObject({
      status: 1,
      stderr: `stowage: ${alpine}: damaged: 2 objects were put aside and will be fetched again\n`,
    });
  });
});
