import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import type { Browser, Page } from 'playwright-core';
import { startFakeAdmin, type FakeAdmin } from '../support/page/fake-admin.ts';
import {
  createDetails,
  createFill,
  createImage,
  createImages,
  createJob,
  createUpstream,
} from '../support/page/fake-state.ts';
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

const views = ['/', '/images', '/images/docker.io/library/app-1:v1', '/warm-up', '/setup', '/nowhere'];
const now = (): string => new Date().toISOString();

/** Names and texts as bad as any upstream can make them. */
const hostile = `<img src=x onerror="document.title='owned'">`;
const long = 'a'.repeat(200);

describeWith({ programs: ['chromium'] }, 'the page, of a mirror in any state', () => {
  let browser: Browser;
  let admin: FakeAdmin;
  let viewers: Viewer[];
  beforeAll(async () => {
    browser = await launchBrowser();
  });
  afterAll(async () => {
    await browser?.close();
  });
  beforeEach(async () => {
    viewers = [];
    admin = await startFakeAdmin();
  });
  afterEach(async () => {
    const complaints = viewers.flatMap((viewer) => viewer.complaints);
    for (const viewer of viewers) await viewer.close();
    await admin.close();
    expect(complaints).toEqual([]);
  });

  async function open(path: string, width = desktopWidth, scheme: 'light' | 'dark' = 'light'): Promise<Page> {
    const viewer = await openViewer(browser, { url: admin.url, width, scheme });
    viewers.push(viewer);
    await viewer.page.goto(path);
    return viewer.page;
  }

  async function untilLoaded(page: Page): Promise<void> {
    await page.getByText('Live', { exact: true }).waitFor();
    await page.locator('.skeleton').first().waitFor({ state: 'detached' });
  }

  /** Everything that can be wrong at once. */
  function worsen(): void {
    const { state } = admin;
    const paused = createUpstream('docker.io', {
      isDefault: true,
      health: 'paused',
      urls: [
        {
          url: `https://registry-1.docker.io/${long}`,
          health: 'paused',
          pauses: [{ class: 'manifests', until: new Date(Date.now() + 120_000).toISOString() }],
          rateLimit: { limit: 100, remaining: 0 },
        },
        { url: 'https://second.example', health: 'login-rejected', pauses: [], rateLimit: null },
      ],
    });
    const away = createUpstream(`${long}.example`, { health: 'away' });
    state.status = {
      ...state.status,
      degraded: [hostile, `no space left on ${long}`],
      upstreams: [paused, { ...away, urls: away.urls.map((url) => ({ ...url, health: 'away' })) }],
      cache: { ...state.status.cache, spareBytes: 1000 },
      configuration: { ...state.status.configuration, problems: [hostile, `upstreams[0].url: ${long}`] },
    };
    state.fills = [
      createFill({ repository: hostile, sizeBytes: null }),
      createFill({ digest: `sha256:${'ab'.repeat(32)}`, repository: long }),
    ];
    state.jobs = [
      createJob([`docker.io/${long}:1`, hostile], { id: 'a' }),
      createJob(['docker.io/library/gone:1'], {
        id: 'b',
        state: 'failed',
        endedAt: now(),
        items: [{ ...createJob(['x']).items[0], reference: hostile, state: 'failed', error: hostile } as never],
      }),
    ];
    const image = createImage(`docker.io/${long}:${long.slice(0, 128)}`, now(), {
      isPinned: true,
      visibility: 'restricted',
    });
    const odd = createImage(`docker.io/library/${hostile}:1`, now());
    state.images = [image, odd, ...createImages(3, now())];
    state.details.set(
      image.reference,
      createDetails(image, {
        mediaType: long,
        links: { repositories: [{ upstream: long, repository: hostile }], count: 1000 },
      }),
    );
    state.details.set('docker.io/library/app-1:v1', {
      ...createDetails(createImage('docker.io/library/app-1:v1', now())),
      pins: [
        { pin: `docker.io/${long}*`, source: 'configuration' },
        { pin: hostile, source: 'operator' },
      ],
    });
    state.clientSetup = {
      publicUrl: `http://${long}.lan`,
      clients: [{ name: hostile, text: `${long}\n${hostile}`, notes: [hostile, long] }],
    };
  }

  test.each([
    ['light', desktopWidth],
    ['dark', desktopWidth],
    ['light', 360],
    ['dark', 360],
  ] as const)(
    'has no barriers and no sideways scrolling, in %s, %d pixels wide, well or in trouble',
    async (scheme, width) => {
      const page = await open('/', width, scheme);
      for (const prepare of [() => undefined, worsen]) {
        prepare();
        for (const view of views) {
          await page.goto(view);
          await untilLoaded(page);
          expect({ view, barriers: await findBarriers(page) }).toEqual({ view, barriers: [] });
          expect({ view, overflow: await findOverflow(page) }).toEqual({ view, overflow: 0 });
        }
      }
    },
    120_000,
  );

  test('shows hostile names and texts as text', async () => {
    worsen();
    const page = await open('/');
    for (const view of views) {
      await page.goto(view);
      await untilLoaded(page);
      expect(await page.locator('img').count()).toBe(0);
      expect(await page.title()).toMatch(/Stowage$/);
    }
    await page.goto('/');
    await page.getByText(hostile, { exact: true }).first().waitFor();
  }, 60_000);

  test('says in which trouble it is', async () => {
    worsen();
    const page = await open('/');
    await page.getByText('Ready, with trouble').waitFor();
    await page.getByText('It asked to be left alone with manifests; asked again in').waitFor();
    await page.getByText('0 of 100 pulls left').waitFor();
    await page.getByText('It rejects our login').waitFor();
    await page.getByText('It does not answer').waitFor();
    await page.getByText('The disk is nearly full').waitFor();
    await page.getByText('was not loaded').waitFor();
    admin.state.status = { ...admin.state.status, isReady: false };
    await admin.untilReaders(1);
    admin.send({ type: 'upstream', at: now(), upstream: createUpstream('docker.io', { health: 'away' }) });
    await page.getByText('Not ready').waitFor();
  });

  test.each([desktopWidth, phoneWidth])(
    'says what is missing where nothing is, %d pixels wide',
    async (width) => {
      const { state } = admin;
      const none = { requests: 0, hits: 0, hitRatio: null, servedBytes: 0, fetchedBytes: 0, savedBytes: 0 };
      state.status = {
        ...state.status,
        traffic: { ...state.status.traffic, ...none, byteHitRatio: null },
        cache: { ...state.status.cache, maxBytes: null, spareBytes: null, usedBytes: 0, contentBytes: 0, objects: 0 },
      };
      state.history = { stepSeconds: 300, points: [] };
      state.images = [];
      const expected: Record<string, readonly string[]> = {
        '/': ['No pulls yet', 'Nothing is being fetched', 'Nothing has happened yet', '0 B, no limit', 'not known yet'],
        '/images': ['No images are cached yet'],
        '/images?search=nothing': ['No cached image fits'],
        '/images/docker.io/library/gone:1': ['This image is not cached'],
        '/warm-up': ['No jobs yet'],
      };
      for (const [view, texts] of Object.entries(expected)) {
        const page = await open(view, width);
        await untilLoaded(page);
        for (const text of texts) await page.getByText(text).first().waitFor();
        expect({ view, barriers: await findBarriers(page) }).toEqual({ view, barriers: [] });
      }
    },
    60_000,
  );

  test('shows that it is loading, then why it could not, and tries again when told', async () => {
    const release = admin.hold('/images');
    const page = await open('/images');
    await page.getByText('Loading the images').waitFor({ state: 'attached' });
    expect(await findBarriers(page)).toEqual([]);
    admin.script('/images', { status: 500, body: { error: 'internal error' } });
    release();
    await page.getByRole('alert').getByText('internal error').waitFor();
    expect(await findBarriers(page)).toEqual([]);
    admin.restore();
    await page.getByRole('button', { name: 'Try again' }).click();
    await page.getByRole('link', { name: 'docker.io/library/app-0:v0' }).waitFor();
  });

  test('says when the mirror is gone, keeps what it knew, and comes back by itself', async () => {
    const page = await open('/');
    await admin.untilReaders(1);
    admin.send({ type: 'fills', at: now(), fills: [createFill()] });
    await page.getByRole('progressbar', { name: /postgres/ }).waitFor();
    admin.script('/status', { status: 502, body: '<html>' });
    admin.dropEvents();
    await page.getByText('Disconnected').waitFor();
    await page.getByText('not up to date').waitFor();
    await page.getByRole('progressbar', { name: /postgres/ }).waitFor();
    admin.restore();
    await page.getByText('Live', { exact: true }).waitFor();
    await page.getByText('Nothing is being fetched').waitFor();
  });

  test('a view that cannot be shown costs that view alone', async () => {
    admin.script('/client-setup', { status: 200, body: { publicUrl: 'http://mirror.lan:5000' } });
    const page = await open('/setup');
    await page.getByText('This view cannot be shown').waitFor();
    await page.getByRole('link', { name: 'Images' }).click();
    await page.getByRole('link', { name: 'docker.io/library/app-0:v0' }).waitFor();
    admin.restore();
    await page.getByRole('link', { name: 'Set up' }).click();
    await page.getByRole('button', { name: 'Copy the text for Docker' }).waitFor();
  });

  test('moves with the events', async () => {
    const page = await open('/');
    await admin.untilReaders(1);
    await untilLoaded(page);
    admin.send({ type: 'fill-started', at: now(), fill: createFill({ hereBytes: 0 }) });
    const bar = page.getByRole('progressbar', { name: /postgres/ });
    await bar.waitFor();
    admin.send({ type: 'fills', at: now(), fills: [createFill({ hereBytes: 120_000_000, readers: 5 })] });
    await page.getByText('120 MB of 150 MB').waitFor();
    await page.getByText('5 readers').waitFor();
    const { digest, upstream, repository } = createFill();
    const ended = { digest, upstream, repository, sizeBytes: 150_000_000, durationSeconds: 6 };
    admin.send({ type: 'fill-ended', at: now(), ...ended, result: 'mismatch', error: hostile });
    await bar.waitFor({ state: 'detached' });
    await page.getByText('wrong bytes').waitFor();
    const many = Array.from({ length: 8 }, (_, index) =>
      createFill({ digest: `sha256:${index}`, repository: `many/${index}` }),
    );
    admin.send({ type: 'fills', at: now(), fills: many });
    await page.getByRole('progressbar', { name: /many\/4/ }).waitFor();
    expect(await page.getByRole('progressbar').count()).toBe(5);
    await page.getByRole('button', { name: 'Show all 8' }).click();
    await page.getByRole('progressbar', { name: /many\/7/ }).waitFor();
    await page.getByRole('button', { name: 'Show fewer' }).click();
    admin.send({ type: 'fills', at: now(), fills: [] });
    admin.send({ type: 'evicted', at: now(), objects: 3, bytes: 4_000_000 });
    await page.getByText('3 objects, 4.0 MB').waitFor();
    admin.send({ type: 'job', at: now(), job: createJob(['docker.io/library/redis:7']) });
    await page.getByRole('progressbar', { name: 'docker.io/library/redis:7' }).waitFor();
  });

  test.each([desktopWidth, phoneWidth])(
    'asks for the token and keeps it for the tab, %d pixels wide',
    async (width) => {
      admin.token = 'secret';
      const page = await open('/images', width);
      const field = page.getByLabel('Admin token');
      await field.fill('wrong');
      await page.keyboard.press('Enter');
      await page.getByText('The mirror does not accept this token').waitFor();
      expect(await findBarriers(page)).toEqual([]);
      await field.fill('secret');
      await page.getByRole('button', { name: 'Sign in' }).click();
      await page.getByRole('link', { name: 'docker.io/library/app-0:v0' }).waitFor();
      await admin.untilReaders(1);
      await page.reload();
      await page.getByRole('link', { name: 'docker.io/library/app-0:v0' }).waitFor();
      const other = await open('/images', width);
      await other.getByLabel('Admin token').waitFor();
    },
  );

  test('shows a page at a time of 100,000 images', async () => {
    admin.state.images = createImages(100_000, now());
    const page = await open('/images');
    await page.getByText('Page 1').waitFor();
    expect(await page.locator('tbody tr').count()).toBe(50);
    await page.getByRole('button', { name: 'Next' }).click();
    await page.getByText('Page 2').waitFor();
    await page.getByRole('link', { name: 'docker.io/library/app-50:v1', exact: true }).waitFor();
    expect(await page.locator('tbody tr').count()).toBe(50);
    await page.getByRole('button', { name: 'Previous' }).click();
    await page.getByRole('link', { name: 'docker.io/library/app-0:v0', exact: true }).waitFor();
    await page.getByLabel('Search').pressSequentially('app-99999');
    await page.getByRole('link', { name: 'docker.io/library/app-99999:v4' }).waitFor();
    await pollUntil(async () => (await page.locator('tbody tr').count()) === 1);
    expect(page.url()).toContain('search=app-99999');
  });

  test('can be used by keyboard: skip link, views, dialogs that give the focus back', async () => {
    const page = await open('/images');
    await untilLoaded(page);
    await page.keyboard.press('Tab');
    await page.waitForFunction('document.activeElement.textContent === "Skip to the content"');
    await page.keyboard.press('Enter');
    await page.waitForFunction('document.activeElement.id === "main"');
    const purge = page.getByRole('button', { name: 'Purge docker.io/library/app-0:v0', exact: true });
    await purge.focus();
    await page.keyboard.press('Enter');
    const dialog = page.getByRole('dialog', { name: 'Purge this image?' });
    await dialog.getByText('Removes about').waitFor();
    expect(await findBarriers(page)).toEqual([]);
    await page.waitForFunction('document.activeElement.closest("dialog") !== null');
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
    await page.waitForFunction(
      'document.activeElement.getAttribute("aria-label") === "Purge docker.io/library/app-0:v0"',
    );
    await page.getByRole('link', { name: 'Warm up' }).focus();
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { level: 1, name: 'Warm up' }).waitFor();
    // The focus follows the view a moment later.
    await page.waitForFunction('document.activeElement.tagName === "H1"');
    await page.goBack();
    await page.getByRole('heading', { level: 1, name: 'Images' }).waitFor();
    expect(admin.calls.filter(({ method }) => method === 'POST')).toEqual([]);
  });

  test('tells what the API refuses, where it was asked', async () => {
    const page = await open('/images');
    await untilLoaded(page);
    admin.script('/pin', { status: 409, body: { error: 'the catalog is being rebuilt' } });
    await page.getByRole('button', { name: 'Pin docker.io/library/app-0:v0', exact: true }).click();
    await page.getByRole('status').getByText('the catalog is being rebuilt').waitFor();
    await page.getByRole('button', { name: 'Dismiss this notice' }).click();
    admin.script('/purge', { status: 502, body: 'no JSON' });
    await page.getByRole('button', { name: 'Purge docker.io/library/app-0:v0', exact: true }).click();
    await page.getByRole('button', { name: 'Purge', exact: true }).click();
    await page.getByRole('alert').getByText('the mirror answered with status 502').waitFor();
    await page.getByRole('button', { name: 'Keep it' }).click();
    await page.getByRole('link', { name: 'Warm up' }).click();
    const field = page.getByLabel('References');
    await page.getByRole('button', { name: 'Warm up' }).click();
    await page.getByText('name at least one image').waitFor();
    const error = '"no such//image::" is no image name';
    admin.script('/pull', { status: 400, body: { error, field: 'references[1]' } });
    await field.fill('alpine\n\nno such//image::');
    await page.getByRole('button', { name: 'Warm up' }).click();
    await page.getByText(`line 3: ${error}`).waitFor();
    expect(await field.getAttribute('aria-invalid')).toBe('true');
    await page.waitForFunction('document.activeElement.tagName === "TEXTAREA"');
    expect(await findBarriers(page)).toEqual([]);
  });
});
