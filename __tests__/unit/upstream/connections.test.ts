import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { createGate } from '../../support/gate.ts';
import type { RawServer } from '../../support/raw-server.ts';
import { mediaTypes } from '../../../src/oci/media-type.ts';
import {
  blobDigest,
  blobReply,
  blobText,
  createGuarded,
  grantToken,
  manifestDigest,
  manifestReply,
  manifestText,
  tag,
} from './answers.ts';
import { createFixture, readAll, type Fixture, type Reply } from './fixture.ts';

let fixture: Fixture;
beforeEach(() => {
  fixture = createFixture();
});
afterEach(async () => {
  await fixture.close();
});

const bigBody = Buffer.alloc(200_000, 'x');

describe('connections', () => {
  test.each([401, 403, 404, 500])(
    'are not used up by bodies of 200 kB that come with %i and nobody reads',
    async (status) => {
      const { url } = await fixture.serve(({ target }) =>
        target.includes('/good/') ? manifestReply : { status, body: bigBody },
      );
      const upstream = fixture.open(url);
      // Half of all is well, so that nobody takes it for an outage.
      const getGood = async () => {
        for (let n = 0; n < 2; n += 1) await upstream.getManifest('good', tag);
      };
      for (let n = 0; n < 40; n += 1) {
        await getGood();
        await expect(upstream.getManifest('bad', tag)).rejects.toBeDefined();
      }
      for (let n = 0; n < 40; n += 1) {
        await getGood();
        await expect(upstream.openBlob('bad', blobDigest)).rejects.toBeDefined();
      }
      await expect(upstream.headBlob('bad', blobDigest)).rejects.toBeDefined();
    },
  );

  test('are not used up by redirects and challenges with 200 kB', async () => {
    const guarded = createGuarded({
      content: ({ target }) =>
        target === '/x' ? manifestReply : { status: 307, headers: { location: '/x' }, body: bigBody },
    });
    const { url } = await fixture.serve(async (request): Promise<Reply> => {
      const reply = await guarded(request);
      return 'status' in reply && reply.status === 401 ? { ...reply, body: bigBody } : reply;
    });
    const upstream = fixture.open(url);
    const names = Array.from({ length: 40 }, (_, n) => `repository-${n}`);
    await Promise.all(names.map((name) => upstream.getManifest(name, tag)));
  });

  test('are not used up by refusals of a token service with 200 kB', async () => {
    const server = await fixture.serve(
      createGuarded({
        grant: ({ target }) => (target.includes('good') ? grantToken('token-1') : { status: 403, body: bigBody }),
      }),
    );
    const upstream = fixture.open(server.url);
    const names = Array.from({ length: 40 }, (_, n) => `bad-${n}`);
    for (const head of names.map((name) => upstream.headManifest(name, tag))) {
      await expect(head).rejects.toMatchObject({ kind: 'manifest-unknown' });
    }
    await expect(upstream.headManifest('good', tag)).resolves.toBeDefined();
  });

  test('of stalled blobs keep no manifest and no token waiting', async () => {
    const gate = createGate();
    const guarded = createGuarded({ grant: (_request, count) => grantToken(`token-${count}`) });
    const server = await fixture.serve(async (request): Promise<Reply> => {
      if (request.target.includes('/blobs/')) await gate.pass();
      return await guarded(request);
    });
    const upstream = fixture.open(server.url);
    const blobs = Array.from({ length: 40 }, () => upstream.openBlob('a', blobDigest));
    await gate.reached;
    await expect(upstream.headManifest('b', tag)).resolves.toMatchObject({ provenance: 'public' });
    gate.open();
    for (const blob of await Promise.all(blobs)) expect((await readAll(blob.body)).toString()).toBe(blobText);
  });

  test('that the other side has closed meanwhile are replaced, once, unseen', async () => {
    let isClosing = false;
    const server = await fixture.serve((request) =>
      isClosing && request.connection === 1 ? ({ socket }) => void socket.resetAndDestroy() : manifestReply,
    );
    const upstream = fixture.open(server.url);
    await upstream.getManifest('a', tag);
    isClosing = true;
    await expect(upstream.getManifest('a', tag)).resolves.toBeDefined();
    expect(server.requests.map(({ connection }) => connection)).toEqual([1, 1, 2]);
  });

  test('that end tidily without an answer are replaced too', async () => {
    const server = await fixture.serve((request) =>
      request.id === 2 ? ({ socket }) => void socket.end() : manifestReply,
    );
    const upstream = fixture.open(server.url);
    await upstream.getManifest('a', tag);
    await expect(upstream.getManifest('a', tag)).resolves.toBeDefined();
    expect(server.requests).toHaveLength(3);
  });

  test('are kept after the HEAD of a manifest, not after that of a blob', async () => {
    const server = await fixture.serve((request) =>
      request.target.includes('/blobs/') ? blobReply(request) : manifestReply,
    );
    const upstream = fixture.open(server.url);
    for (let n = 0; n < 5; n += 1) await upstream.headManifest('a', tag);
    await upstream.getManifest('a', tag);
    expect(server.connections.accepted).toBe(1);
    for (let n = 0; n < 5; n += 1) await upstream.headBlob('a', blobDigest);
    expect(server.connections.accepted).toBe(6);
  });

  test.each([
    ['at once', (): Promise<void> => Promise.resolve()],
    [
      'only when the next request is there',
      async (server: RawServer) => await server.until(() => server.requests.length === 2),
    ],
  ])('on which a HEAD is answered with a body, %s, spoil no other answer', async (_when, wait) => {
    const { promise: started, resolve: start } = Promise.withResolvers<RawServer>();
    const head = `HTTP/1.1 200 OK\r\ncontent-type: ${mediaTypes.ociIndex}\r\ncontent-length: 25\r\n\r\n`;
    const server = await fixture.serve((request) => {
      if (request.id > 1) return manifestReply;
      return async ({ socket }) => {
        socket.write(head);
        void started.then(wait).then(() => socket.write('{"schemaVersion":2,"x":1}'));
        await Promise.resolve();
      };
    });
    start(server);
    const upstream = fixture.open(server.url);
    await expect(upstream.headManifest('a', tag)).resolves.toMatchObject({ mediaType: mediaTypes.ociIndex });
    const { bytes, digest } = await upstream.getManifest('a', tag);
    expect([Buffer.from(bytes).toString(), digest]).toEqual([manifestText, manifestDigest]);
  });

  test('that are new and reset are a failure: it is not asked twice', async () => {
    const server = await fixture.serve(
      () =>
        ({ socket }) =>
          void socket.resetAndDestroy(),
    );
    await expect(fixture.open(server.url).headManifest('a', tag)).rejects.toMatchObject({
      kind: 'upstream-failed',
      isFinal: false,
    });
    expect(server.requests).toHaveLength(1);
  });

  test('that break after the head of an answer are not asked twice', async () => {
    const server = await fixture.serve((request) =>
      request.id === 1
        ? manifestReply
        : ({ socket }) => void socket.write('HTTP/1.1 200 OK\r\ncontent-le', () => socket.resetAndDestroy()),
    );
    const upstream = fixture.open(server.url);
    await upstream.getManifest('a', tag);
    await expect(upstream.getManifest('a', tag)).rejects.toMatchObject({ kind: 'upstream-failed' });
  });

  test('that are refused are a failure', async () => {
    const server = await fixture.serve(() => manifestReply);
    await server.down();
    await expect(fixture.open(server.url).headManifest('a', tag)).rejects.toMatchObject({
      kind: 'upstream-failed',
      isFinal: false,
    });
    await server.up();
    await expect(fixture.open(server.url).headManifest('a', tag)).resolves.toBeDefined();
  });

  test('do not wait for a /v2/ that never answers, where the objects themselves say what login they want', async () => {
    const gate = createGate();
    const guarded = createGuarded();
    const server = await fixture.serve(async (request): Promise<Reply> => {
      if (request.target === '/v2/') await gate.pass();
      // Here is nothing but a refusal, so that only `/v2/` could tell what is wanted.
      if (request.target.includes('/silent/')) return { status: 401 };
      return await guarded(request);
    });
    const upstream = fixture.open(server.url);
    const silent = upstream.headManifest('silent', tag);
    await gate.reached;
    const names = Array.from({ length: 80 }, (_, n) => `repository-${n}`);
    await Promise.all(names.map((name) => upstream.getManifest(name, tag)));
    expect(server.requests.filter(({ target }) => target === '/v2/')).toHaveLength(1);
    gate.open();
    await expect(silent).rejects.toMatchObject({ kind: 'manifest-unknown' });
  });

  test('without an answer end after 30 s', async () => {
    const gate = createGate();
    const server = await fixture.serve(async () => {
      await gate.pass();
      return manifestReply;
    });
    const head = fixture.open(server.url).headManifest('a', tag);
    await gate.reached;
    fixture.clock.advance(30_000);
    await expect(head).rejects.toMatchObject({ kind: 'upstream-timeout', isFinal: false });
    await server.until(() => server.connections.open === 0);
    gate.open();
  });

  test.each([
    ['two lengths', 'HTTP/1.1 200 OK\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabcd'],
    ['a length and chunks', 'HTTP/1.1 200 OK\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n'],
    ['a head of 20 kB', `HTTP/1.1 200 OK\r\nx: ${'y'.repeat(20_000)}\r\n\r\n`],
    ['a bare CR', 'HTTP/1.1 200 OK\r\nx: a\rb: c\r\n\r\n'],
    ['no HTTP', 'SSH-2.0-OpenSSH_9.2\r\n'],
  ])('with %s in an answer are a failure', async (_what, bytes) => {
    const server = await fixture.serve(
      () =>
        ({ socket }) =>
          void socket.write(bytes),
    );
    await expect(fixture.open(server.url).getManifest('a', tag)).rejects.toMatchObject({ kind: 'upstream-failed' });
  });

  test('are counted, by kind and status', async () => {
    const server = await fixture.serve(createGuarded());
    const upstream = fixture.open(server.url);
    await upstream.headManifest('a', tag);
    await upstream.headBlob('a', blobDigest);
    expect(fixture.requests.map(({ upstream: name, kind, result }) => `${name} ${kind} ${result}`)).toEqual([
      'registry.test manifest 401',
      'registry.test token 200',
      'registry.test manifest 200',
      'registry.test blob 200',
    ]);
  });

  test('are cut by close, those under way as well', async () => {
    const server = await fixture.serve((request) =>
      request.target.includes('/blobs/')
        ? async ({ socket, closed }) => {
            socket.write('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nabc');
            await closed;
          }
        : blobReply(request),
    );
    const upstream = fixture.open(server.url);
    const blob = await upstream.openBlob('a', blobDigest);
    const reading = readAll(blob.body);
    await upstream.close();
    await expect(reading).rejects.toMatchObject({ kind: 'upstream-failed' });
    await server.until(() => server.connections.open === 0);
  });
});
