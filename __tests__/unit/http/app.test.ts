import { afterEach, describe, expect, test } from '@jest/globals';
import { once } from 'node:events';
import { jsonOf, pull, startPull } from '../../support/raw-client.ts';
import { pollUntil } from '../../support/signal.ts';
import { createLedger, digestOf, serveBlob } from './fake-mirror.ts';
import { blobPath, bytes, digest, manifestPath, serveSmall, type SmallMirror } from './small-mirror.ts';

const opened: SmallMirror[] = [];
afterEach(async () => {
  await Promise.all(opened.splice(0).map((small) => small.close()));
});

async function setUp(...parts: Parameters<typeof serveSmall>): Promise<SmallMirror> {
  const small = await serveSmall(...parts);
  opened.push(small);
  return small;
}

describe('/v2/', () => {
  test('is 200 without asking anybody', async () => {
    const { mirror, address } = await setUp();
    for (const path of ['/v2/', '/v2', '/docker.io/v2/']) {
      const pulled = await pull(address, path);
      expect(pulled).toMatchObject({
        status: 200,
        isComplete: true,
        headers: {
          'docker-distribution-api-version': 'registry/2.0',
          'content-type': 'application/json',
          'content-length': '2',
          'x-content-type-options': 'nosniff',
        },
      });
      expect(pulled.body.toString()).toBe('{}');
      for (const name of ['www-authenticate', 'x-powered-by', 'etag', 'x-registry-supports-signatures']) {
        expect(pulled.headers[name]).toBeUndefined();
      }
      expect(await pull(address, path, { method: 'HEAD' })).toMatchObject({ status: 200, bytes: 0 });
    }
    expect(mirror.ledger.calls).toEqual([]);
  });
});

describe('methods', () => {
  const paths = [
    '/v2/',
    '/v2/_catalog',
    manifestPath,
    `/v2/o/r/manifests/${digest}`,
    blobPath,
    '/v2/o/r/blobs/uploads/',
    '/v2/o/r/blobs/uploads/some-id?digest=x',
    '/v2/o/r/tags/list',
    `/v2/o/r/referrers/${digest}`,
    '/anything',
  ];
  const methods = ['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND', 'PURGE'];
  test.each(paths.flatMap((path) => methods.map((method) => [method, path] as const)))(
    '%s of %s is refused with what is allowed, and reaches nobody',
    async (method, path) => {
      const { mirror, address } = await setUp();
      const pulled = await pull(address, path, { method });
      expect(pulled).toMatchObject({
        status: 405,
        isComplete: true,
        headers: { allow: 'GET, HEAD', connection: 'close', 'content-type': 'application/json' },
      });
      expect(jsonOf(pulled)).toMatchObject({ errors: [{ code: 'UNSUPPORTED' }] });
      expect(mirror.ledger.calls).toEqual([]);
    },
  );

  test('a push is refused before its body has come', async () => {
    const { served, raw } = await setUp();
    const head = `PUT ${manifestPath} HTTP/1.1\r\nHost: m\r\nContent-Length: 1000000000\r\n\r\n`;
    const received = await raw(head);
    expect(received).toMatch(/^HTTP\/1\.1 405 /);
    await served.untilReported(1);
    expect(served.listener.connections).toBe(0);
  });

  test('nobody is told to go on with a body', async () => {
    const { raw } = await setUp();
    for (const method of ['PUT', 'GET']) {
      const received = await raw(
        `${method} ${manifestPath} HTTP/1.1\r\nHost: m\r\nExpect: 100-continue\r\nContent-Length: 1000\r\n\r\n`,
      );
      expect(received).toMatch(method === 'PUT' ? /^HTTP\/1\.1 405 / : /^HTTP\/1\.1 200 /);
      expect(received).toMatch(/connection: close/i);
      expect(received).not.toContain('100 Continue');
    }
  });

  test('a GET with a body is answered, and its connection closed', async () => {
    const { raw } = await setUp();
    const received = await raw(`GET ${blobPath} HTTP/1.1\r\nHost: m\r\nContent-Length: 1000000000\r\n\r\nabc`);
    expect(received).toMatch(/^HTTP\/1\.1 200 [^]*connection: close[^]*some bytes$/i);
  });
});

describe('a request that has come through this mirror', () => {
  test.each(['1.1 stowage-here', '1.0 fred, 1.1 stowage-here (x), 1.1 nginx'])('by %s is a loop', async (via) => {
    const { mirror, address } = await setUp();
    const pulled = await pull(address, manifestPath, { headers: { via } });
    expect(pulled.status).toBe(508);
    expect(mirror.ledger.calls).toEqual([]);
  });

  test('is not taken for one that has come through another', async () => {
    const { address } = await setUp();
    const via = '1.1 stowage-there, 1.1 stowage-here2, stowage-here';
    expect((await pull(address, manifestPath, { headers: { via } })).status).toBe(200);
  });
});

describe('a request that has come through other mirrors', () => {
  test('tells the mirror which, so that a circle of several is seen', async () => {
    const { mirror, address } = await setUp();
    await pull(address, manifestPath, { headers: { via: '1.1 stowage-one, 1.0 proxy.internal, 1.1 stowage-two' } });
    expect(JSON.stringify(mirror.ledger.calls)).toContain('["stowage-one","stowage-two"]');
  });
});

describe('a client that leaves', () => {
  test('fires the signal, is no error, and is logged as what it is', async () => {
    const entered = Promise.withResolvers<AbortSignal>();
    const { served, address } = await setUp({
      getManifest: (_pull, signal) => {
        entered.resolve(signal);
        return new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(new Error('the pull was ended')));
        });
      },
    });
    const client = startPull(address, manifestPath);
    const signal = await entered.promise;
    const aborted = once(signal, 'abort');
    client.abort();
    await aborted;
    const [line] = await served.untilReported(1);
    expect(line).toMatchObject({ level: 'info', fields: { status: 499, isComplete: false, bytes: 0 } });
    expect(served.lines.filter((each) => each.level !== 'info')).toEqual([]);
  });

  test('before the mirror has the blob leaves nothing open', async () => {
    const ledger = createLedger();
    const entered = Promise.withResolvers<AbortSignal>();
    const goOn = Promise.withResolvers<undefined>();
    const { served, address } = await setUp({
      getBlob: async (_pull, _demand, signal) => {
        entered.resolve(signal);
        await goOn.promise;
        return serveBlob(bytes, ledger);
      },
    });
    const client = startPull(address, blobPath);
    const aborted = once(await entered.promise, 'abort');
    client.abort();
    await aborted;
    goOn.resolve(undefined);
    await served.untilReported(1);
    await new Promise((resolve) => setImmediate(resolve));
    expect(ledger).toMatchObject({ openBlobs: 0, openBodies: 0, heldChunks: 0 });
  });
});

test('a hundred clients that leave in the middle of a blob leave nothing behind', async () => {
  const large = Buffer.alloc(16 * 1024 * 1024, 1);
  const ledger = createLedger();
  const { served, address } = await setUp({ getBlob: async () => serveBlob(large, ledger) });
  const path = `/v2/ghcr.io/o/r/blobs/${digestOf(large)}`;
  const clients = Array.from({ length: 100 }, () => startPull(address, path, { neverReads: true }));
  await Promise.all(clients.map((client) => client.status));
  for (const client of clients) client.abort();
  const lines = await served.untilReported(100);
  await pollUntil(() => served.listener.connections === 0 && ledger.openBlobs === 0);
  expect(ledger).toMatchObject({ openBodies: 0, heldChunks: 0 });
  expect(lines.every((line) => line.level === 'info' && line.fields['isComplete'] === false)).toBe(true);
});

test('what one request breaks, others do not feel', async () => {
  const { address } = await setUp({
    getManifest: () => {
      throw new Error('thrown where a promise was due');
    },
  });
  expect((await pull(address, manifestPath)).status).toBe(500);
  expect(await pull(address, blobPath)).toMatchObject({ status: 200, isComplete: true });
});
