// Takes the README's pictures of the page: a real mirror that lives through a day of pulls, on a wall clock of its own.
import { mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { createSeededContent } from '../../support/content.ts';
import { createFakeTime } from '../../support/fake-time.ts';
import { createGate } from '../../support/gate.ts';
import { findProjectRoot } from '../../support/page/page-files.ts';
import { launchBrowser, openViewer, phoneWidth } from './browser.ts';
import { createPageStage, type PageStage } from './page-stage.ts';

const mebibyte = 1024 * 1024;
const stepMs = 10 * 60_000;
const mostBytes = 150_000;

/** Repository, tag, sizes of layers in MiB. The first layers are the same in all that share a first number. */
const images: readonly (readonly [string, string, readonly number[]])[] = [
  ['library/alpine', '3.20', [3.5]],
  ['library/alpine', '3.21', [3.6]],
  ['library/debian', '12-slim', [12]],
  ['library/nginx', '1.27', [12, 5, 0.2]],
  ['library/node', '22-slim', [12, 0.1, 14]],
  ['library/postgres', '16', [12, 1, 17]],
  ['library/python', '3.13-slim', [12, 1.5, 6]],
  ['library/redis', '7', [12, 0.4, 4]],
  ['grafana/grafana', '11.2.0', [3.5, 16]],
  ['prom/prometheus', 'v2.54.1', [1, 15]],
];

/** Brings in everything over the day, a few images at a time, and most of them again and again. */
async function liveThroughADay(stage: PageStage, setWall: (ms: number) => void): Promise<void> {
  const steps = 140;
  const begin = Date.now() - steps * stepMs;
  for (let step = 0; step < steps; step += 1) {
    setWall(begin + step * stepMs);
    const isWork = 1 + Math.sin((step / steps) * 2 * Math.PI - 1.2);
    const known = Math.min(images.length, 2 + Math.floor(step / 9));
    const pulls = Math.round(isWork * 4 + Math.abs(Math.sin(step * 7)) * 2);
    for (let pull = 0; pull < pulls; pull += 1) {
      const [repository = '', tag = ''] = images[(step * 3 + pull) % known] ?? [];
      await stage.pullImage(repository, tag);
    }
  }
}

async function take(page: Page, name: string, height: number): Promise<void> {
  const path = join(findProjectRoot(), 'docs', 'images', `${name}.png`);
  const { width = 0 } = page.viewportSize() ?? {};
  await page.setViewportSize({ width, height });
  // The charts follow the new size in the next frame.
  await page.evaluate('new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))');
  await page.screenshot({ path });
  const { size } = statSync(path);
  if (size > mostBytes) throw new Error(`${path} has ${size} bytes, more than ${mostBytes}`);
}

const time = await createFakeTime();
const stage = await createPageStage({
  env: time.env,
  config: { cache: { maxSize: '300MB' }, publicUrl: 'http://mirror.lan:5000' },
});
const browser = await launchBrowser();
try {
  const { upstream, mirror } = stage;
  for (const [repository, tag, sizes] of images) {
    const layers = sizes.map((size, index) =>
      createSeededContent(index === 0 ? `base ${size}` : `${repository} ${tag} ${index}`, Math.round(size * mebibyte)),
    );
    upstream.registry.addImage(repository, tag, layers);
  }
  const quota = { 'ratelimit-limit': '200;w=21600', 'ratelimit-remaining': '137;w=21600' };
  upstream.always({ path: '/manifests/' }, { headers: quota });
  await liveThroughADay(stage, time.setWall);
  time.reset();
  mkdirSync(join(findProjectRoot(), 'docs', 'images'), { recursive: true });

  const light = await openViewer(browser, { url: mirror.adminAddress, width: 1200 });
  const dark = await openViewer(browser, { url: mirror.adminAddress, width: 1200, scheme: 'dark' });
  const phone = await openViewer(browser, { url: mirror.adminAddress, width: phoneWidth });
  for (const { page } of [light, dark, phone]) {
    await page.goto('/');
    await page.getByText('Live', { exact: true }).waitFor();
    await page.locator('canvas').first().waitFor();
  }
  for (const [repository, tag] of [
    ['library/mariadb', '11'],
    ['library/rabbitmq', '3'],
  ] as const) {
    const gate = createGate();
    const layer = createSeededContent(repository, (repository.length - 5) * 4 * mebibyte);
    upstream.registry.addImage(repository, tag, [layer]);
    const fault = { holdBody: { after: Math.floor(layer.sizeBytes / 5), gate } };
    upstream.always({ method: 'GET', path: `/blobs/${layer.digest}` }, fault);
    void stage.pullImage(repository, tag);
  }
  await stage.pullImage('team/app', '1.0');
  for (const { page } of [light, dark, phone]) {
    await page.getByText('2 transfers').waitFor();
    await page.getByText('docker.io/team/app').first().waitFor();
  }
  await take(light.page, 'overview-light', 800);
  await take(dark.page, 'overview-dark', 800);
  await take(phone.page, 'phone', 844);
  await light.page.getByRole('link', { name: 'Images' }).click();
  await light.page.getByRole('button', { name: 'Pin docker.io/library/postgres:16' }).click();
  await light.page.getByText('pinned', { exact: true }).waitFor();
  await light.page.getByRole('button', { name: /Dismiss/ }).waitFor({ state: 'detached' });
  await take(light.page, 'images', 720);
} finally {
  await browser.close();
  await stage.close();
  await time.close();
}
