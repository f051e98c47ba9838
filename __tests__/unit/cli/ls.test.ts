import { afterEach, describe, expect, test } from '@jest/globals';
import type { ImageSummary, Page } from '../../../src/admin/api-types.ts';
import { createFakes, type FakeApi } from './fake-api.ts';
import { run } from './run.ts';
import { sampleImage } from './samples.ts';

const fakes = createFakes();
afterEach(fakes.end);

/** Serves these images in pages of at most what is asked for. */
async function startWith(images: readonly ImageSummary[]): Promise<FakeApi> {
  return fakes.start(({ target }) => {
    const { searchParams } = new URL(target, 'http://fake');
    const start = Number(searchParams.get('cursor') ?? 0);
    const end = start + Number(searchParams.get('limit'));
    const body: Page<ImageSummary> = { items: images.slice(start, end), next: end < images.length ? `${end}` : null };
    return { body };
  });
}

const many = Array.from({ length: 250 }, (_, index) => sampleImage(`docker.io/library/app-${index}:1`));

describe('ls', () => {
  test('lists images in columns', async () => {
    const api = await startWith([
      sampleImage('docker.io/library/alpine:3.20', { isPinned: true }),
      sampleImage('ghcr.io/org/long-name:v1.2.3', {
        sizeBytes: 1_234_000_000,
        cachedBytes: 1_233_999_999,
        hits: 12_345,
        lastUsedAt: '2025-01-02T00:00:00Z',
        visibility: 'restricted',
      }),
    ]);
    const result = await run(['ls', '--admin', api.url]);
    expect(result).toMatchObject({ status: 0, stderr: '' });
    expect(result.stdout).toBe(`IMAGE                            SIZE   HERE    HITS  USED
docker.io/library/alpine:3.20  7.8 MB  100 %      12  3 min ago   pinned
ghcr.io/org/long-name:v1.2.3   1.2 GB   99 %  12,345  2025-01-02  restricted
`);
  });

  test('passes search, upstream and order on', async () => {
    const api = await startWith([]);
    const result = await run(['ls', 'a b', '--upstream', 'ghcr.io', '--sort', 'used', '--admin', api.url]);
    expect(api.calls[0]?.target).toBe('/api/v1/images?search=a+b&upstream=ghcr.io&sort=used&limit=100');
    expect(result).toMatchObject({ status: 0, stdout: '', stderr: 'no cached image has "a b" in its name\n' });
  });

  test('says that nothing is cached', async () => {
    const api = await startWith([]);
    expect(await run(['ls', '--admin', api.url])).toMatchObject({ status: 0, stderr: 'no image is cached\n' });
  });

  test('lists a hundred and says that there are more', async () => {
    const api = await startWith(many);
    const { stdout, stderr } = await run(['ls', '--admin', api.url]);
    expect(stdout.trimEnd().split('\n')).toHaveLength(101);
    expect(stderr).toBe('there are more than these 100: --all, --limit or a search\n');
  });

  test('lists as many as it is told, page after page', async () => {
    const api = await startWith(many);
    const { stdout } = await run(['ls', '--limit', '120', '--json', '--admin', api.url]);
    const page = JSON.parse(stdout) as Page<ImageSummary>;
    expect(page.items).toEqual(many.slice(0, 120));
    expect(page.next).toBe('120');
  });

  test('lists all of them', async () => {
    const api = await startWith(many);
    const { stdout, stderr } = await run(['ls', '--all', '--json', '--admin', api.url]);
    expect(JSON.parse(stdout)).toEqual({ items: many, next: null });
    expect(stderr).toBe('');
  });

  test.each([
    [['--limit', '0'], "error: option '--limit <count>' argument '0' is invalid. Expected a whole number from 1."],
    [['--sort', 'age'], "error: option '--sort <order>' argument 'age' is invalid."],
    [['--all', '--limit', '5'], "error: option '--all' cannot be used with option '--limit <count>'"],
  ])('%j is bad usage', async (argv, message) => {
    const result = await run(['ls', ...argv]);
    expect(result).toMatchObject({ status: 2, stdout: '' });
    expect(result.stderr).toContain(message);
  });
});
