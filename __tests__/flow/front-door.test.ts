// Story: whatever is written in a request, only pulls of well-formed names get any further.
import { describe, expect, test } from '@jest/globals';
import { expectError } from '../support/expectations.ts';
import { setStage } from '../support/flow.ts';
import { exchangeRaw, hasWholeAnswer } from '../support/raw-exchange.ts';
import { pull } from '../support/raw-client.ts';
import { listCacheFiles } from '../support/cache-files.ts';

const stage = setStage();
const hex = 'ab'.repeat(32);

async function statusOf(address: string, head: string): Promise<number> {
  const answer = await exchangeRaw(address, head, hasWholeAnswer);
  return Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1] ?? 0);
}

const get = (target: string): string => `GET ${target} HTTP/1.1\r\nHost: mirror\r\n\r\n`;

describe('a path', () => {
  test('that climbs, hides or overflows is refused before anything is touched', async () => {
    const upstream = await stage.upstream();
    const mirror = await stage.mirror(upstream);
    const targets = [
      '/v2/../../etc/passwd/manifests/latest',
      '/v2/a/../../../etc/manifests/latest',
      '/v2/%2e%2e/%2e%2e/manifests/latest',
      '/v2/a%2f..%2f..%2fetc/manifests/latest',
      '/v2/a%5c..%5cb/manifests/latest',
      '/v2/a%252fb/manifests/latest',
      '/v2/a%00b/manifests/latest',
      '/v2/a%c0%afb/manifests/latest',
      '/v2/A/manifests/latest',
      '/v2/a//b/manifests/latest',
      `/v2/${'a'.repeat(10_000)}/manifests/latest`,
      '/v2/a/manifests/..',
      '/v2/a/manifests/%2e%2e',
      `/v2/a/manifests/${'t'.repeat(129)}`,
      '/v2/a/manifests/tag%0a',
      '/V2/a/manifests/latest',
      '/v2/a/Manifests/latest',
      '/v2/a/manifests/latest/',
      '//v2/a/manifests/latest',
      '/etc/passwd',
    ];
    for (const target of targets) {
      const status = await statusOf(mirror.address, get(target));
      expect([target.slice(0, 60), [400, 404].includes(status)]).toEqual([target.slice(0, 60), true]);
    }
    expect(upstream.requests).toEqual([]);
    expect(await listCacheFiles(mirror.cachePath)).toEqual([]);
    expectError(await pull(mirror.address, '/v2/A/manifests/latest'), 400, 'NAME_INVALID');
  });

  test('that looks like a file to a cache in front is kept by none, whatever its end', async () => {
    const upstream = await stage.upstream();
    const image = upstream.registry.addImage('team/app', 'latest.css', ['a layer']);
    const mirror = await stage.mirror(upstream);
    const manifests = '/v2/team/app/manifests';
    const cacheOf = async (target: string): Promise<readonly unknown[]> => {
      const { status, headers } = await pull(mirror.address, target);
      return [status, headers['cache-control']];
    };
    expect(await cacheOf(`${manifests}/latest.css`)).toEqual([200, 'no-cache']);
    expect(await cacheOf(`${manifests}/absent.css`)).toEqual([404, 'no-store']);
    for (const end of ['latest.css;x.png', 'latest.css/x.png', 'latest.css%3bx.png', `${image.digest};x.png`]) {
      const [status, cache] = await cacheOf(`${manifests}/${end}`);
      expect([end, [400, 404].includes(Number(status)), cache]).toEqual([end, true, 'no-store']);
    }
    // A query changes nothing: by digest it is the same for ever, by tag it is asked for again.
    expect(await cacheOf(`${manifests}/${image.digest}?x.png`)).toEqual([200, 'max-age=31536000, immutable']);
    expect(await cacheOf(`${manifests}/latest.css?x.png`)).toEqual([200, 'no-cache']);
  });

  test('may name repositories like parts of the interface', async () => {
    const upstream = await stage.upstream();
    const names = ['manifests', 'blobs', 'tags', 'referrers/manifests', 'a/blobs/b', 'tags/list'];
    const images = names.map((name) => ({ name, ...upstream.registry.addImage(name, 'latest', [name]) }));
    const mirror = await stage.mirror(upstream);
    for (const { name, digest } of images) {
      expect(await pull(mirror.address, `/v2/${name}/manifests/latest`)).toMatchObject({ status: 200, digest });
    }
  });
});

describe('a digest', () => {
  test('that is none is refused without asking anybody', async () => {
    const upstream = await stage.upstream();
    const mirror = await stage.mirror(upstream);
    const digests = [
      `sha256:${hex.toUpperCase()}`,
      `sha256:${hex.slice(1)}`,
      `sha1:${'ab'.repeat(20)}`,
      `md5:${'ab'.repeat(16)}`,
      `sha512:${hex}`,
      `sha256:${hex}%0a`,
      'sha256:..%2f..%2fx',
      `SHA256:${hex}`,
      `sha256:${'g'.repeat(64)}`,
      'sha256:',
    ];
    for (const digest of digests) {
      for (const kind of ['blobs', 'manifests', 'referrers']) {
        const { status, body } = await pull(mirror.address, `/v2/team/app/${kind}/${digest}`);
        const { errors } = JSON.parse(body.toString()) as { errors: readonly { code: string }[] };
        expect([kind, digest, status, errors[0]?.code]).toEqual([kind, digest, 400, 'DIGEST_INVALID']);
      }
    }
    // A slash makes it a path to somewhere else.
    expect([400, 404]).toContain(await statusOf(mirror.address, get('/v2/team/app/blobs/sha256:../../x')));
    expect(upstream.requests).toEqual([]);
    expect(await listCacheFiles(mirror.cachePath)).toEqual([]);
  });
});

describe('a write', () => {
  const targets = [
    '/v2/',
    '/v2/team/app/manifests/latest',
    `/v2/team/app/manifests/sha256:${hex}`,
    `/v2/team/app/blobs/sha256:${hex}`,
    '/v2/team/app/blobs/uploads/',
    '/v2/team/app/blobs/uploads/some-id',
    '/v2/team/app/tags/list',
    `/v2/team/app/referrers/sha256:${hex}`,
    '/v2/_catalog',
  ];

  test.each(['PUT', 'POST', 'PATCH', 'DELETE'])('by %s is refused everywhere', async (method) => {
    const upstream = await stage.upstream();
    const mirror = await stage.mirror(upstream);
    for (const target of targets) {
      const refused = await pull(mirror.address, target, { method });
      expectError(refused, 405, 'UNSUPPORTED');
      expect(refused.headers['allow']).toBe('GET, HEAD');
    }
    expect(upstream.requests).toEqual([]);
  });

  test('of a gigabyte is refused without reading it', async () => {
    const upstream = await stage.upstream();
    const mirror = await stage.mirror(upstream);
    const head =
      'POST /v2/team/app/blobs/uploads/ HTTP/1.1\r\nHost: mirror\r\nContent-Length: 1000000000\r\n\r\nfirst bytes';
    const answer = await exchangeRaw(mirror.address, head);
    expect(answer).toMatch(/^HTTP\/1\.1 405 /);
    expect(answer.toLowerCase()).toContain('connection: close');
    const waiting = await exchangeRaw(mirror.address, head.replace('\r\n\r\n', '\r\nExpect: 100-continue\r\n\r\n'));
    expect(waiting).not.toContain('100 Continue');
  });
});
