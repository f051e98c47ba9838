// Each registry answers here as it does in the world; what it is about is in the name of the test.
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { mediaTypes } from '../../../src/oci/media-type.ts';
import type { RecordedRequest } from '../../support/raw-server.ts';
import { blobDigest, blobReply, blobText, createGuarded, grantToken, manifestReply, tag } from './answers.ts';
import { createFixture, readAll, type Fixture, type Reply } from './fixture.ts';

let fixture: Fixture;
beforeEach(() => {
  fixture = createFixture();
});
afterEach(async () => {
  await fixture.close();
});

const hostOf = ({ headers }: RecordedRequest) => `http://${headers['host'] ?? ''}`;
const redirectTo = (location: string, status = 307, more = {}): Reply => ({ status, headers: { location, ...more } });
const login = { username: 'AWS', password: { password: 'secret' } };

describe('Docker Hub', () => {
  test('calls the scope of a fresh token insufficient where there is nothing', async () => {
    const server = await fixture.serve(async (request): Promise<Reply> => {
      if (request.target.startsWith('/token')) return grantToken('token-1', { access_token: 'token-1' });
      const challenge = `Bearer realm="${hostOf(request)}/token",service="registry.docker.io",scope="repository:a/b:pull"`;
      const isTold = request.headers['authorization'] !== undefined;
      return await Promise.resolve({
        status: 401,
        headers: { 'www-authenticate': isTold ? `${challenge},error="insufficient_scope"` : challenge },
        body: '{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}',
      });
    });
    await expect(fixture.open(server.url).headManifest('a/b', tag)).rejects.toMatchObject({
      kind: 'manifest-unknown',
      isFinal: true,
      isAbsence: true,
    });
    expect(server.requests).toHaveLength(3);
  });

  test('counts GETs and says so in HEADs', async () => {
    const limits = { 'ratelimit-limit': '100;w=21600', 'ratelimit-remaining': '76;w=21600' };
    const headers = { 'content-type': mediaTypes.ociIndex, 'docker-ratelimit-source': '192.0.2.1', ...limits };
    const server = await fixture.serve(() => ({ status: 200, headers }));
    const upstream = fixture.open(server.url);
    await upstream.headManifest('library/alpine', tag);
    expect(upstream.status().urls[0]?.spendable).toMatchObject({ remaining: 76, limit: 100, windowSeconds: 21_600 });
  });
});

describe('ghcr.io', () => {
  test.each([401, 403])('denies a token (%i) for packages that are hidden or missing', async (status) => {
    const server = await fixture.serve(
      createGuarded({
        challenge: (request) => `Bearer realm="${hostOf(request)}/token",service="ghcr.io",scope="repository:o/r:pull"`,
        grant: () => ({ status, body: '{"errors":[{"code":"DENIED","message":"requested access is denied"}]}' }),
      }),
    );
    const upstream = fixture.open(server.url);
    await expect(upstream.headManifest('o/r', tag)).rejects.toMatchObject({ kind: 'manifest-unknown' });
    await expect(upstream.openBlob('o/r', blobDigest)).rejects.toMatchObject({ kind: 'blob-unknown' });
    expect(upstream.status().urls[0]).toMatchObject({ pauses: [], breakers: [{ state: 'closed' }] });
  });

  test('has an index only for those who list its type', async () => {
    const accepts = Object.values(mediaTypes).filter((type) => type.includes('index') || type.includes('list'));
    const server = await fixture.serve(({ headers }) => {
      const listed = (headers['accept'] ?? '').split(/,\s*/);
      return accepts.every((type) => listed.includes(type)) ? manifestReply : { status: 404 };
    });
    const upstream = fixture.open(server.url);
    await expect(upstream.headManifest('o/r', tag)).resolves.toBeDefined();
    await expect(upstream.getManifest('o/r', tag)).resolves.toBeDefined();
  });

  test('signs addresses for GET only: HEAD there is 403', async () => {
    const storage = await fixture.serve((request) =>
      request.method === 'HEAD' ? { status: 403 } : blobReply(request),
    );
    const server = await fixture.serve(() => redirectTo(`${storage.url}/ghcr1/blobs/x?se=2026&sig=a%2Bb&sp=r`));
    await expect(fixture.open(server.url).headBlob('o/r', blobDigest)).resolves.toMatchObject({
      sizeBytes: blobText.length,
    });
  });

  test('sends who asks for referrers to a web page', async () => {
    const server = await fixture.serve(() => redirectTo('https://github.com/o/r', 303));
    await expect(fixture.open(server.url).listReferrers('o/r', blobDigest)).resolves.toBeUndefined();
    expect(server.requests).toHaveLength(1);
  });
});

describe('quay.io', () => {
  const serve = async (isChallenging: boolean) => {
    const server = await fixture.serve((request): Reply => {
      if (request.target.startsWith('/v2/auth')) return grantToken('token-quay');
      if (request.headers['authorization'] === 'Bearer token-quay') return manifestReply;
      const challenge = { 'www-authenticate': `Bearer realm="${hostOf(request)}/v2/auth",service="quay.io"` };
      const isPing = request.target === '/v2/' && isChallenging;
      return { status: 401, headers: { 'content-type': 'text/html', ...(isPing && challenge) }, body: '<html>' };
    });
    return { server, upstream: fixture.open(server.url) };
  };

  test('challenges at the ping only, and leaves the scope to us', async () => {
    const { server, upstream } = await serve(true);
    await expect(upstream.headManifest('o/r', tag)).resolves.toMatchObject({ provenance: 'public' });
    await expect(upstream.headManifest('o/s', tag)).resolves.toBeDefined();
    expect(server.requests.map(({ method, target }) => `${method} ${target}`)).toEqual([
      'HEAD /v2/o/r/manifests/latest',
      'GET /v2/',
      'GET /v2/auth?service=quay.io&scope=repository%3Ao%2Fr%3Apull',
      'HEAD /v2/o/r/manifests/latest',
      'HEAD /v2/o/s/manifests/latest',
      'GET /v2/auth?service=quay.io&scope=repository%3Ao%2Fs%3Apull',
      'HEAD /v2/o/s/manifests/latest',
    ]);
  });

  test('is pinged no more than once a minute where nobody challenges', async () => {
    const { server, upstream } = await serve(false);
    const pings = () => server.requests.filter(({ target }) => target === '/v2/');
    for (let n = 0; n < 3; n += 1) {
      await expect(upstream.headManifest('o/r', tag)).rejects.toMatchObject({ kind: 'manifest-unknown' });
    }
    expect(pings()).toHaveLength(1);
    fixture.clock.advance(60_000);
    await expect(upstream.headManifest('o/r', tag)).rejects.toMatchObject({ kind: 'manifest-unknown' });
    expect(pings()).toHaveLength(2);
  });

  test.each([
    [429, 'upstream-throttled'],
    [503, 'upstream-failed'],
  ])('that answers the ping with %i has said nothing about what there is', async (status, kind) => {
    const { url } = await fixture.serve(({ target }) => ({ status: target === '/v2/' ? status : 401 }));
    await expect(fixture.open(url).headManifest('o/r', tag)).rejects.toMatchObject({ kind, isFinal: false });
  });

  test('says 400 where it has no referrers', async () => {
    const { url } = await fixture.serve(() => ({ status: 400, body: '{"errors":[{"code":"MANIFEST_INVALID"}]}' }));
    await expect(fixture.open(url).listReferrers('o/r', blobDigest)).resolves.toBeUndefined();
  });

  test('lets caches keep a redirect for a year that ends in ten minutes: it is asked again for each blob', async () => {
    const cdn = await fixture.serve(blobReply);
    const forever = { 'cache-control': 'max-age=31536000', expires: 'Fri, 01 Jan 2027 00:00:00 GMT' };
    const server = await fixture.serve(() =>
      redirectTo(`${cdn.url}/x?X-Amz-Expires=600&n=${server.requests.length}`, 302, forever),
    );
    const upstream = fixture.open(server.url);
    for (let n = 0; n < 2; n += 1) await readAll((await upstream.openBlob('o/r', blobDigest)).body);
    expect(cdn.requests.map(({ target }) => target)).toEqual(['/x?X-Amz-Expires=600&n=1', '/x?X-Amz-Expires=600&n=2']);
  });
});

describe('gcr.io and pkg.dev', () => {
  test.each([
    ['a service without quotes', ',service=gcr.io', 'gcr.io'],
    ['no service', '', '127.0.0.1'],
  ])('name %s, and answer no POST', async (_what, service, expected) => {
    const server = await fixture.serve((request): Reply => {
      if (request.target.startsWith('/v2/token')) return request.method === 'GET' ? grantToken('t') : { status: 404 };
      if (request.headers['authorization'] === 'Bearer t') return manifestReply;
      return { status: 401, headers: { 'www-authenticate': `Bearer realm="${hostOf(request)}/v2/token"${service}` } };
    });
    await expect(fixture.open(server.url).headManifest('p/r', tag)).resolves.toMatchObject({ provenance: 'public' });
    expect(server.requests[1]?.target).toBe(`/v2/token?service=${expected}&scope=repository%3Ap%2Fr%3Apull`);
  });

  test('redirect to paths of their own', async () => {
    const server = await fixture.serve((request) =>
      request.target.startsWith('/v2/') ? redirectTo('/artifacts-downloads/x?y=1', 302) : blobReply(request),
    );
    const blob = await fixture.open(server.url).openBlob('p/r', blobDigest);
    expect((await readAll(blob.body)).toString()).toBe(blobText);
  });
});

test('registry.k8s.io redirects manifests and lists, by their paths alone, without any login', async () => {
  const region = await fixture.serve(({ target }) =>
    target.includes('/tags/list') ? { status: 200, body: '{"tags":["v1"]}' } : manifestReply,
  );
  const server = await fixture.serve(({ target }) =>
    redirectTo(`${region.url}${target.replace(/\?.*/, '').replace('/v2/', '/v2/k8s/images/')}`),
  );
  const upstream = fixture.open(server.url);
  await expect(upstream.headManifest('pause', tag)).resolves.toMatchObject({ provenance: 'public' });
  await expect(upstream.listTags('pause', { n: 5, last: 'a' })).resolves.toMatchObject({ tags: ['v1'] });
  expect(region.requests.map(({ target }) => target)).toEqual([
    '/v2/k8s/images/pause/manifests/latest',
    '/v2/k8s/images/pause/tags/list?n=5&last=a',
  ]);
});

test('mcr.microsoft.com leads to Azure, which needs both slashes and takes no Authorization', async () => {
  const path = '/01//docker/registry/v2/blobs/sha256/aa/data?se=2026-01-01T00%3A00%3A00Z&sig=a%2Fb%3D';
  const azure = await fixture.serve((request): Reply => {
    const isRight = request.target === path && request.headers['authorization'] === undefined;
    return isRight ? blobReply(request) : { status: 400 };
  });
  const server = await fixture.serve(createGuarded({ content: () => redirectTo(azure.url + path) }));
  const blob = await fixture.open(server.url).openBlob('dotnet/sdk', blobDigest);
  expect((await readAll(blob.body)).toString()).toBe(blobText);
});

describe('Amazon ECR', () => {
  test('Public has one scope for all, and refuses HEAD', async () => {
    const server = await fixture.serve(
      createGuarded({
        challenge: (request) => `Bearer realm="${hostOf(request)}/token/",service="public.ecr.aws",scope="aws"`,
        content: ({ method }) => (method === 'HEAD' ? { status: 403 } : manifestReply),
      }),
    );
    const upstream = fixture.open(server.url);
    await expect(upstream.headManifest('o/r', tag)).resolves.toMatchObject({ fetched: { provenance: 'public' } });
    await expect(upstream.getManifest('o/s', tag)).resolves.toBeDefined();
    const tokens = server.requests.filter(({ target }) => target.startsWith('/token'));
    expect(tokens.map(({ target }) => target)).toEqual(['/token/?service=public.ecr.aws&scope=aws']);
  });

  test('Public says only that the rate is exceeded', async () => {
    const { url } = await fixture.serve(() => ({ status: 429, body: 'Rate exceeded' }));
    await expect(fixture.open(url).getManifest('o/r', tag)).rejects.toMatchObject({
      kind: 'upstream-throttled',
      retryAfterMs: 5_000,
    });
  });

  test('private takes Basic, for manifests and blobs alike', async () => {
    const server = await fixture.serve((request): Reply => {
      const basic = `Basic ${Buffer.from('AWS:secret').toString('base64')}`;
      if (request.headers['authorization'] !== basic) {
        return { status: 401, headers: { 'www-authenticate': 'Basic realm="https://ecr.example.com/",service="ecr"' } };
      }
      return request.target.includes('/blobs/') ? blobReply(request) : manifestReply;
    });
    const upstream = fixture.open({ url: server.url, login }, { shareCredentials: true });
    await expect(upstream.getManifest('r', tag)).resolves.toMatchObject({ provenance: 'restricted' });
    await expect(upstream.headBlob('r', blobDigest)).resolves.toMatchObject({ provenance: 'restricted' });
  });
});
