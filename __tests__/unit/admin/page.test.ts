import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { ask } from '../../support/admin-client.ts';
import { useAdminApp } from './serve.ts';

const start = useAdminApp();
const html = { accept: 'text/html,application/xhtml+xml' };
const index = '<!doctype html><title>Stowage</title>';
let pageDirectory: string;

beforeEach(async () => {
  const root = await mkdtemp(join(tmpdir(), 'stowage-page-'));
  pageDirectory = join(root, 'ui');
  await mkdir(join(pageDirectory, 'assets'), { recursive: true });
  await writeFile(join(pageDirectory, 'index.html'), index);
  await writeFile(join(pageDirectory, 'icon.svg'), '<svg/>');
  await writeFile(join(pageDirectory, '.hidden'), 'hidden');
  await writeFile(join(pageDirectory, 'assets', 'index-a1b2c3.js'), 'export {};');
  await writeFile(join(root, 'secret.txt'), 'secret');
});
afterEach(async () => {
  await rm(join(pageDirectory, '..'), { recursive: true, force: true });
});

test.each(['/', '/images', '/fills', '/images/docker.io/library/alpine:3.20'])(
  '%s is the page, asked for anew',
  async (path) => {
    const asked = await ask(await start({ pageDirectory }), path, { headers: html });
    expect(asked).toMatchObject({ status: 200, text: index });
    expect(asked.headers).toMatchObject({ 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-cache' });
  },
);

test('the page needs no token', async () => {
  const token = { matches: async () => await Promise.resolve(false) };
  const address = await start({ pageDirectory, token });
  for (const path of ['/', '/images', '/assets/index-a1b2c3.js']) {
    expect((await ask(address, path, { headers: html })).status).toBe(200);
  }
});

test('what is named by its content is kept for ever, the rest is asked for anew', async () => {
  const address = await start({ pageDirectory });
  const asset = await ask(address, '/assets/index-a1b2c3.js');
  expect([asset.status, asset.text, asset.headers['cache-control']]).toEqual([
    200,
    'export {};',
    'public, max-age=31536000, immutable',
  ]);
  expect(asset.headers['content-type']).toMatch(/^(text|application)\/javascript/);
  const icon = await ask(address, '/icon.svg');
  expect([icon.status, icon.headers['cache-control']]).toEqual([200, 'no-cache']);
});

test.each([
  '/assets/index-000000.js',
  '/nothing.png',
  '/assets/x',
  '/api/v1/nothing',
  '/api/nothing',
  '/v2/',
  '/Metrics',
  '/.hidden',
  '/..%2fsecret.txt',
  '/../secret.txt',
  '/%2e%2e/secret.txt',
  '/assets',
])('there is nothing at %s', async (path) => {
  const asked = await ask(await start({ pageDirectory }), path, { headers: html });
  expect([400, 403, 404]).toContain(asked.status);
  expect(asked.text).not.toContain('secret');
  expect(asked.text).not.toContain(pageDirectory);
});

test('who wants no HTML gets none', async () => {
  const address = await start({ pageDirectory });
  expect((await ask(address, '/images')).status).toBe(404);
  expect((await ask(address, '/images', { headers: { accept: 'application/json' } })).status).toBe(404);
  expect((await ask(address, '/images', { method: 'POST', headers: html })).status).toBe(404);
});

test.each(['/', '/images'])('a page that is not built says how it is, at %s', async (path) => {
  const asked = await ask(await start({ pageDirectory: '/nowhere' }), path, { headers: html });
  expect(asked.status).toBe(503);
  expect(asked.text).toContain('npm run build');
  expect(asked.headers).toMatchObject({ 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' });
});
