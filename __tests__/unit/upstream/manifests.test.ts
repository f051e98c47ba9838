import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { manifestAccept, mediaTypes } from '../../../src/oci/media-type.ts';
import { manifestDigest, manifestReply, manifestText, tag } from './answers.ts';
import { createFixture, type Fixture } from './fixture.ts';

let fixture: Fixture;
beforeEach(() => {
  fixture = createFixture();
});
afterEach(async () => {
  await fixture.close();
});

const type = { 'content-type': mediaTypes.ociManifest };

describe('a manifest with an ETag', () => {
  const serve = async (login?: { username: string; password: { password: string } }) => {
    const script = { etag: '"one"' };
    const server = await fixture.serve(({ headers, method }) =>
      method === 'GET' && headers['if-none-match'] === script.etag
        ? { status: 304, headers: { etag: script.etag } }
        : { status: 200, headers: { ...type, etag: script.etag }, body: manifestText },
    );
    const upstream = fixture.open(login === undefined ? server.url : { url: server.url, login });
    return { script, server, upstream };
  };

  test('is not sent again while it is the same', async () => {
    const { script, server, upstream } = await serve();
    await expect(upstream.findChangedManifest('a', tag, '"one"')).resolves.toBeUndefined();
    expect(server.requests[0]).toMatchObject({ method: 'GET', headers: { 'if-none-match': '"one"' } });
    script.etag = '"two"';
    await expect(upstream.findChangedManifest('a', tag, '"one"')).resolves.toMatchObject({ etag: '"two"' });
    await expect(upstream.getManifest('a', tag)).resolves.toMatchObject({ etag: '"two"' });
    expect(server.requests[2]?.headers).not.toHaveProperty('if-none-match');
    expect(server.connections.accepted).toBe(1);
  });

  test('is compared after an anonymous HEAD where there is a login that is not shared', async () => {
    const { server, upstream } = await serve({ username: 'robot', password: { password: 'secret' } });
    await expect(upstream.findChangedManifest('a', tag, '"one"')).resolves.toBeUndefined();
    expect(server.requests.map(({ method }) => method)).toEqual(['HEAD', 'GET']);
  });

  test('is a failure where nobody asked for a 304', async () => {
    const { url } = await fixture.serve(() => ({ status: 304 }));
    await expect(fixture.open(url).getManifest('a', tag)).rejects.toMatchObject({ kind: 'upstream-failed' });
    await expect(fixture.open(url).headManifest('a', tag)).rejects.toMatchObject({ kind: 'upstream-failed' });
  });

  test('that is gone is unknown', async () => {
    const { url } = await fixture.serve(() => ({ status: 404 }));
    await expect(fixture.open(url).findChangedManifest('a', tag, '"one"')).rejects.toMatchObject({
      kind: 'manifest-unknown',
    });
  });
});

describe('a manifest', () => {
  test('is resolved by HEAD, with every type accepted and no encoding', async () => {
    const { url, requests } = await fixture.serve(() => manifestReply);
    expect(await fixture.open(url).headManifest('a/b', tag)).toEqual({
      digest: manifestDigest,
      mediaType: mediaTypes.ociManifest,
      sizeBytes: manifestText.length,
      etag: `"${manifestDigest}"`,
      provenance: 'public',
    });
    expect(requests).toHaveLength(1);
    expect(requests[0]).toMatchObject({ method: 'HEAD', target: '/v2/a/b/manifests/latest' });
    expect(requests[0]?.headers).toEqual({
      host: url.slice('http://'.length),
      connection: 'keep-alive',
      accept: manifestAccept,
      'accept-encoding': 'identity',
      'user-agent': 'stowage/1.2.3',
      via: '1.1 stowage-a1',
    });
  });

  test('is fetched with its bytes as they are', async () => {
    const body = '{ "schemaVersion" : 2 }\r\n\n';
    const { url } = await fixture.serve(() => ({
      status: 200,
      headers: { 'content-type': `${mediaTypes.ociIndex}; x=y` },
      body,
    }));
    const manifest = await fixture.open(url).getManifest('a', { type: 'digest', digest: manifestDigest });
    expect(Buffer.from(manifest.bytes).toString()).toBe(body);
    expect(manifest).toMatchObject({
      contentType: `${mediaTypes.ociIndex}; x=y`,
      digest: undefined,
      etag: undefined,
      provenance: 'public',
    });
  });

  test.each([400, 403, 405, 501])(
    'whose HEAD is answered %i is asked for by GET before that is believed',
    async (status) => {
      const { url, requests } = await fixture.serve(({ method }) => (method === 'HEAD' ? { status } : manifestReply));
      expect(await fixture.open(url).headManifest('a', tag)).toMatchObject({
        digest: manifestDigest,
        sizeBytes: manifestText.length,
      });
      expect(requests.map(({ method }) => method)).toEqual(['HEAD', 'GET']);
    },
  );

  test('whose HEAD has no type is asked for by GET', async () => {
    const { url } = await fixture.serve(({ method }) => (method === 'HEAD' ? { status: 200 } : manifestReply));
    expect(await fixture.open(url).headManifest('a', tag)).toMatchObject({ mediaType: mediaTypes.ociManifest });
  });

  test('whose HEAD names no digest, or nonsense, has none', async () => {
    const { url } = await fixture.serve(() => ({
      status: 200,
      headers: { ...type, 'docker-content-digest': 'sha256:x', etag: '"e"' },
    }));
    expect(await fixture.open(url).headManifest('a', tag)).toMatchObject({ digest: undefined, etag: '"e"' });
  });

  test.each([
    [404, {}, { kind: 'manifest-unknown', isFinal: true }],
    [403, {}, { kind: 'manifest-unknown', isFinal: true }],
    [401, {}, { kind: 'manifest-unknown', isFinal: true }],
    [429, { 'retry-after': '20' }, { kind: 'upstream-throttled', retryAfterMs: 20_000, isFinal: false }],
    [429, { 'x-retry-after': '20' }, { kind: 'upstream-throttled', retryAfterMs: 20_000 }],
    [429, {}, { kind: 'upstream-throttled', retryAfterMs: 5_000 }],
    [503, { 'retry-after': 'Thu, 01 Jan 2026 00:01:00 GMT' }, { kind: 'upstream-failed', retryAfterMs: 60_000 }],
    [500, {}, { kind: 'upstream-failed', retryAfterMs: undefined, isFinal: false }],
    [204, {}, { kind: 'upstream-failed' }],
    [508, {}, { kind: 'loop' }],
  ])('that is answered %i %j is %j', async (status, headers, expected) => {
    const { url } = await fixture.serve(() => ({ status, headers, body: 'PLANTED' }));
    const failure = await fixture
      .open(url)
      .getManifest('a', tag)
      .catch((error: unknown) => error);
    expect(failure).toMatchObject(expected);
    expect(String(failure)).not.toContain('PLANTED');
  });

  test('that is a web page with status 200 is none', async () => {
    const { url } = await fixture.serve(() => ({
      status: 200,
      headers: { 'content-type': 'text/html' },
      body: '<html>',
    }));
    await expect(fixture.open(url).getManifest('a', tag)).rejects.toMatchObject({ kind: 'content-mismatch' });
    await expect(fixture.open(url).headManifest('a', tag)).rejects.toMatchObject({ kind: 'content-mismatch' });
  });

  test('larger than 4 MiB is cut off while it is read, with a length and without', async () => {
    const body = Buffer.alloc(4 * 1024 * 1024 + 1, ' ');
    const { url } = await fixture.serve(() => ({ status: 200, headers: type, body }));
    await expect(fixture.open(url).getManifest('a', tag)).rejects.toMatchObject({ kind: 'content-mismatch' });
    const endless = await fixture.serve(() => async ({ socket, closed }) => {
      socket.write(`HTTP/1.1 200 OK\r\ncontent-type: ${mediaTypes.ociManifest}\r\nconnection: close\r\n\r\n`);
      // After the client's FIN every write fails at once, and the socket is not destroyed yet.
      const more = () => socket.write(Buffer.alloc(65_536, ' '), (error) => !error && !socket.destroyed && more());
      more();
      await closed;
    });
    await expect(fixture.open(endless.url).getManifest('a', tag)).rejects.toMatchObject({ kind: 'content-mismatch' });
  });

  test('that comes in gzip after all is decoded once, within the cap', async () => {
    const { url } = await fixture.serve(({ target }) => {
      const encoding = target.endsWith('twice') ? 'gzip, gzip' : target.endsWith('br') ? 'br' : 'x-gzip';
      const body = gzipSync(target.endsWith('bomb') ? Buffer.alloc(64 * 1024 * 1024) : manifestText);
      return { status: 200, headers: { ...type, 'content-encoding': encoding }, body };
    });
    const upstream = fixture.open(url);
    expect(Buffer.from((await upstream.getManifest('a', tag)).bytes).toString()).toBe(manifestText);
    expect(await upstream.headManifest('a', tag)).toMatchObject({ sizeBytes: undefined });
    for (const name of ['twice', 'br', 'bomb']) {
      await expect(upstream.getManifest('a', { type: 'tag', tag: name })).rejects.toMatchObject({
        kind: 'content-mismatch',
      });
    }
  });

  test('that stops coming is a timeout, one that breaks off a failure', async () => {
    const head = `HTTP/1.1 200 OK\r\ncontent-type: ${mediaTypes.ociManifest}\r\ncontent-length: 100\r\n\r\n{`;
    const stalled = await fixture.serve(() => async ({ socket, closed }) => {
      socket.write(head);
      await closed;
    });
    const stalling = fixture.open(stalled.url).getManifest('a', tag);
    await fixture.clock.untilTimer(20_000);
    fixture.clock.advance(20_000);
    await expect(stalling).rejects.toMatchObject({ kind: 'upstream-timeout' });
    const cut = await fixture.serve(
      () =>
        ({ socket }) =>
          void socket.end(head),
    );
    await expect(fixture.open(cut.url).getManifest('a', tag)).rejects.toMatchObject({ kind: 'upstream-failed' });
  });

  test('is asked for under the prefix and the path that are configured', async () => {
    const { url, requests } = await fixture.serve(() => manifestReply);
    await fixture
      .open(`${url}/artifactory/api/`, { repositoryPrefix: 'proxy/hub' })
      .headManifest('library/alpine', tag);
    expect(requests[0]?.target).toBe('/artifactory/api/v2/proxy/hub/library/alpine/manifests/latest');
  });

  test('that took a configured header to get is restricted', async () => {
    const { url } = await fixture.serve(() => manifestReply);
    expect(await fixture.open({ url, headers: { 'x-api-key': 'k' } }).headManifest('a', tag)).toMatchObject({
      provenance: 'restricted',
    });
  });
});
