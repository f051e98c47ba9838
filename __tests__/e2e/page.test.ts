import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, Locator, Page } from 'playwright-core';
import { createGate } from '../support/gate.ts';
import { findProjectRoot } from '../support/page/page-files.ts';
import { pollUntil } from '../support/signal.ts';
import {
  desktopWidth,
  findBarriers,
  findOverflow,
  launchBrowser,
  openViewer,
  phoneWidth,
  type Viewer,
} from './support/browser.ts';
import { describeWith } from './support/describe-with.ts';
import { createPageStage, type PageStage } from './support/page-stage.ts';

const one = 'docker.io/library/one:1';
const two = 'docker.io/library/two:1';

describeWith({ programs: ['chromium'] }, 'the page of a real mirror that is really pulling', () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launchBrowser();
  });
  afterAll(async () => {
    await browser?.close();
  });

  describe.each([
    ['at desktop width', desktopWidth],
    ['at phone width', phoneWidth],
  ])('%s', (_name, width) => {
    let stage: PageStage;
    let viewer: Viewer;
    let page: Page;
    beforeEach(async () => {
      stage = await createPageStage();
      viewer = await openViewer(browser, { url: stage.mirror.adminAddress, width });
      page = viewer.page;
    });
    afterEach(async () => {
      const complaints = viewer?.complaints;
      await viewer?.close();
      await stage?.close();
      expect(complaints).toEqual([]);
    });

    async function open(path: string): Promise<void> {
      await page.goto(path);
      await page.getByText('Live', { exact: true }).waitFor();
    }

    function row(reference: string): Locator {
      return page.getByRole('row').filter({ has: page.getByRole('link', { name: reference, exact: true }) });
    }

    test('shows a pull as it runs, and what it saved the next time', async () => {
      const { upstream, largeLayer, pullImage } = stage;
      const gate = createGate();
      upstream.always(
        { method: 'GET', path: `/blobs/${largeLayer.digest}` },
        { holdBody: { after: 6 * 1024 * 1024, gate } },
      );
      await open('/');
      await page.getByText('Nothing is being fetched').waitFor();
      await page.getByText('No pulls yet').first().waitFor();
      const pulls = [pullImage('library/one', '1'), pullImage('library/one', '1')];
      const fill = page.getByRole('listitem').filter({ hasText: largeLayer.digest.slice(0, 19) });
      await fill.getByRole('progressbar', { name: /library\/one/ }).waitFor();
      await fill.getByText('of 25 MB').waitFor();
      await fill.getByText('2 readers').waitFor();
      expect(await findBarriers(page)).toEqual([]);
      gate.open();
      expect(await Promise.all(pulls)).toEqual([true, true]);
      await fill.waitFor({ state: 'detached' });
      await page.getByText('Nothing is being fetched').waitFor();
      await page.getByText('docker.io/library/one, 25 MB').waitFor();
      expect(await pullImage('library/one', '1')).toBe(true);
      await page.getByText(/of \d+ requests without upstream/).waitFor();
      await page.reload();
      await page.locator('canvas').first().waitFor();
      await page.getByText(/served, 28 MB fetched/).waitFor();
      await page.getByText('As a table').click();
      await page.getByRole('columnheader', { name: 'Served' }).waitFor();
    }, 60_000);

    test('browses, searches, opens, pins and purges images, and keeps layers that others share', async () => {
      const { upstream, pullImage } = stage;
      for (const repository of ['library/one', 'library/two']) expect(await pullImage(repository, '1')).toBe(true);
      for (let number = 1; number <= 60; number += 1) expect(await pullImage('team/app', `${number}.0`)).toBe(true);
      await open('/images');
      await page.getByText('Page 1').waitFor();
      await page.getByRole('button', { name: 'Next' }).click();
      await page.getByText('Page 2').waitFor();
      await page.getByRole('button', { name: 'Previous' }).click();
      await page.getByText('Page 1').waitFor();
      await page.getByLabel('Order').selectOption({ label: 'Size' });
      await expectFirst(one);
      await page.getByLabel('Upstream').selectOption('ghcr.io');
      await page.getByText('No cached image fits').waitFor();
      await page.getByRole('link', { name: 'Show all images' }).click();
      await page.getByLabel('Search').fill('library/');
      await row(two).waitFor();
      await pollUntil(async () => (await page.locator('tbody tr').count()) === 2);
      await page.getByRole('button', { name: `Pin ${two}`, exact: true }).click();
      await row(two).getByText('pinned').waitFor();
      await page.getByRole('button', { name: `Unpin ${two}`, exact: true }).click();
      await row(two).getByText('pinned').waitFor({ state: 'detached' });

      await page.getByRole('button', { name: `Purge ${one}` }).click();
      const dialog = page.getByRole('dialog', { name: 'Purge this image?' });
      await dialog.getByText('frees 25 MB').waitFor();
      await dialog.getByText('Keeps 1 object (3.1 MB) that other images need').waitFor();
      expect(await findBarriers(page)).toEqual([]);
      await dialog.getByRole('button', { name: 'Keep it' }).click();
      await dialog.waitFor({ state: 'detached' });
      await page.getByRole('button', { name: `Purge ${one}` }).click();
      await dialog.getByRole('button', { name: 'Purge', exact: true }).click();
      await page
        .getByRole('status')
        .getByText(/removed, 25 MB freed; 1 object kept for other images/)
        .waitFor();
      await row(one).waitFor({ state: 'detached' });
      await upstream.down();
      expect(await pullImage('library/one', '1')).toBe(false);
      expect(await pullImage('library/two', '1')).toBe(true);
    }, 120_000);

    async function expectFirst(reference: string): Promise<void> {
      await page.locator('tbody tr').first().getByRole('link', { name: reference, exact: true }).waitFor();
    }

    test('looks into an image, verifies it, brings its other platforms, pins it and purges it', async () => {
      for (const repository of ['library/one', 'library/two'])
        expect(await stage.pullImage(repository, '1')).toBe(true);
      await open('/images');
      await page.getByRole('link', { name: one, exact: true }).click();
      await page.getByRole('heading', { level: 1, name: one }).waitFor();
      await page.reload();
      await page.getByText('linux/amd64', { exact: true }).waitFor();
      const shared = page.getByRole('row').filter({ hasText: stage.sharedLayer.digest.slice(0, 19) });
      await shared.getByText('1 image').click();
      await shared.getByRole('link', { name: two, exact: true }).waitFor();
      const otherPlatform = page.locator('details.manifest').filter({ hasText: 'linux/arm64' });
      await otherPlatform.getByText('not here').waitFor();
      expect(await findBarriers(page)).toEqual([]);
      expect(await findOverflow(page)).toBe(0);

      await page.getByRole('button', { name: 'Verify' }).click();
      await page.getByText('nothing damaged').waitFor();

      await page.getByRole('button', { name: 'Warm up…' }).click();
      const dialog = page.getByRole('dialog', { name: 'Warm up' });
      expect(await dialog.getByLabel('linux/arm64').isChecked()).toBe(true);
      expect(await dialog.getByLabel('linux/amd64').isChecked()).toBe(false);
      expect(await findBarriers(page)).toEqual([]);
      await dialog.getByRole('button', { name: 'Warm up' }).click();
      await otherPlatform.getByText('1.0 MB here').first().waitFor();

      await page.getByRole('button', { name: `Pin ${one}`, exact: true }).click();
      await page.getByRole('button', { name: `Remove the pin ${one}` }).click();
      await page.getByRole('button', { name: `Pin ${one}`, exact: true }).click();
      await page.getByRole('button', { name: `Unpin ${one}`, exact: true }).click();
      await page.getByRole('button', { name: `Pin ${one}`, exact: true }).waitFor();

      await page.getByRole('button', { name: 'Copy the reference' }).click();
      expect(await page.evaluate('navigator.clipboard.readText()')).toBe(one);

      await page.getByRole('button', { name: 'Purge…' }).click();
      await page.getByRole('button', { name: 'Purge', exact: true }).click();
      await page.getByText('This image is not cached').waitFor();
    }, 60_000);

    test('warms images up, says what it cannot read, and cancels', async () => {
      const { upstream, largeLayer } = stage;
      await open('/warm-up');
      const field = page.getByLabel('References');
      const start = page.getByRole('button', { name: 'Warm up' });
      await field.fill('library/two:1\nno such//image::');
      await start.click();
      await page.getByText(/line 2: "no such\/\/image::" is no image name/).waitFor();
      await page.waitForFunction('document.activeElement.tagName === "TEXTAREA"');
      await page.getByLabel('these platforms').check();
      await page.getByLabel('Names of platforms').fill('linux/amd64, nonsense');
      await field.fill('two:1\nteam/app:1.0');
      await start.click();
      await page.getByText('a platform is expected').waitFor();
      expect(await findBarriers(page)).toEqual([]);
      await page.getByLabel('all platforms').check();
      await start.click();
      const job = page.getByRole('listitem').filter({ hasText: 'Warm-up' });
      await job.getByText('took').waitFor();
      await job.getByText('docker.io/library/two:1').waitFor();
      await upstream.down();
      expect(await stage.pullImage('library/two', '1', 'arm64')).toBe(true);
      await upstream.up();

      const gate = createGate();
      upstream.always({ method: 'GET', path: `/blobs/${largeLayer.digest}` }, { holdBody: { after: 1_000_000, gate } });
      await page.getByLabel('the platform of the mirror’s machine').check();
      await field.fill('one:1');
      await start.click();
      await page.getByRole('progressbar', { name: one }).waitFor();
      await page.getByRole('button', { name: 'Cancel the warm-up' }).click();
      await page.getByText('cancelled', { exact: true }).first().waitFor();
      await page.getByRole('progressbar', { name: one }).waitFor({ state: 'detached' });
      gate.open();
      expect(await findOverflow(page)).toBe(0);
      await page.getByRole('link', { name: 'Overview' }).click();
      await page.getByRole('button', { name: 'Verify everything' }).click();
      await page.getByText('Verification of everything', { exact: true }).waitFor();
    }, 60_000);

    test('says which upstream is in trouble and how many pulls are left', async () => {
      const { upstream, pullImage } = stage;
      const quota = { 'ratelimit-limit': '100;w=21600', 'ratelimit-remaining': '42;w=21600' };
      upstream.always({ path: '/manifests/' }, { headers: quota });
      expect(await pullImage('library/two', '1')).toBe(true);
      await open('/');
      await page.getByText('42 of 100 pulls left').waitFor();
      await page.getByRole('meter', { name: 'Pulls left' }).waitFor();
      upstream.reset();
      upstream.always({ path: '/manifests/' }, { status: 429, headers: { 'retry-after': '600' } });
      expect(await pullImage('team/app', '1.0')).toBe(false);
      await page.getByText('It asked to be left alone with manifests').waitFor();
      expect(await findBarriers(page)).toEqual([]);
    }, 60_000);

    test('gives texts for clients to copy', async () => {
      await open('/setup');
      for (const [name, shown] of [
        ['docker', 'Docker'],
        ['containerd', 'containerd'],
        ['podman', 'Podman, CRI-O, Buildah, skopeo'],
        ['buildkit', 'BuildKit'],
      ] as const) {
        await page.getByRole('button', { name: `Copy the text for ${shown}` }).click();
        await page.getByRole('status').getByText(`the text for ${shown} copied`).waitFor();
        const copied: string = await page.evaluate('navigator.clipboard.readText()');
        expect(copied).toContain(new URL(stage.mirror.address).host);
        expect(copied.trim()).toBe(printSetup(name).trim());
      }
    }, 60_000);

    /** What the command prints for the same configuration. */
    function printSetup(client: string): string {
      const main = join(findProjectRoot(), 'dist', 'main.js');
      const config = join(stage.mirror.cachePath, '..', 'mirror.config.yaml');
      return execFileSync(process.execPath, [main, 'client-config', client, '--config', config], {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      });
    }

    test('keeps telling the truth when the mirror is restarted under it', async () => {
      await open('/');
      await stage.mirror.kill();
      await page.getByText('Disconnected').waitFor();
      await stage.mirror.start();
      await page.getByText('Live', { exact: true }).waitFor();
      expect(await stage.pullImage('library/two', '1')).toBe(true);
      await page.getByText('docker.io/library/two').first().waitFor();
    }, 60_000);

    test.each(['light', 'dark'] as const)(
      'has no barriers in %s',
      async (scheme) => {
        await page.emulateMedia({ colorScheme: scheme });
        expect(await stage.pullImage('library/two', '1')).toBe(true);
        expect(await stage.pullImage('library/two', '1')).toBe(true);
        for (const view of ['/', '/images', `/images/${two}`, '/warm-up', '/setup']) {
          await open(view);
          await page.locator('.skeleton').first().waitFor({ state: 'detached' });
          expect({ view, barriers: await findBarriers(page) }).toEqual({ view, barriers: [] });
          expect({ view, overflow: await findOverflow(page) }).toEqual({ view, overflow: 0 });
        }
      },
      60_000,
    );
  });

  test('asks for the token where the mirror wants one', async () => {
    const env = { STOWAGE__ADMIN__TOKEN_FILE: 'token', STOWAGE__ADMIN__CREATE_TOKEN: 'true' };
    const stage = await createPageStage({ env });
    const viewer = await openViewer(browser, { url: stage.mirror.adminAddress, width: desktopWidth });
    try {
      const { page } = viewer;
      await page.goto('/images');
      await page.getByLabel('Admin token').fill('wrong');
      await page.getByRole('button', { name: 'Sign in' }).click();
      await page.getByText('does not accept this token').waitFor();
      const token = readFileSync(join(stage.mirror.cachePath, '..', 'token'), 'utf8').trim();
      await page.getByLabel('Admin token').fill(token);
      await page.getByRole('button', { name: 'Sign in' }).click();
      await page.getByText('No images are cached yet').waitFor();
      await page.getByText('Live', { exact: true }).waitFor();
      await page.getByRole('link', { name: 'Warm up' }).first().click();
      await page.getByLabel('References').fill('two:1');
      await page.getByRole('button', { name: 'Warm up' }).click();
      await page.getByText('took').waitFor();
      expect(viewer.complaints).toEqual([]);
    } finally {
      await viewer.close();
      await stage.close();
    }
  }, 60_000);
});
