import { afterEach, describe, expect, test } from '@jest/globals';
import { once } from 'node:events';
import type { Mirror } from '../../../src/mirror/mirror-api.ts';
import { exchangeRaw, hasWholeAnswer } from '../../support/raw-exchange.ts';
import { jsonOf, pull, startPull } from '../../support/raw-client.ts';
import { createFakeMirror, createLedger, digestOf, serveBlob, serveManifest } from './fake-mirror.ts';
import { serve, type Served } from './harness.ts';

const bytes = Buffer.from('some bytes');
const digest = digestOf(bytes);
const manifestPath = '/v2/ghcr.io/o/r/manifests/v1';
const blobPath = `/v2/ghcr.io/o/r/blobs/${digest}`;

let served: Served | undefined;
afterEach(async () => {
  await served?.close();
  served = undefined;
});

async function setUp(parts: Partial<Mirror> = {}) {
  const ledger = createLedger();
  const mirror = createFakeMirror(
    { getManifest: async () => serveManifest(), getBlob: async () => serveBlob(bytes, ledger), ...parts },
    ledger,
  );
  served = await serve(mirror);
  return { mirror, served, address: served.address };
}

function raw(request: string, isEnough?: (received: string) => boolean): Promise<string> {
  return exchangeRaw(served?.address ?? '', request, isEnough);
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
    const { served } = await setUp();
    const head = `PUT ${manifestPath} HTTP/1.1\r\nHost: m\r\nContent-Length: 1000000000\r\n\r\n`;
    const received = await raw(head);
    expect(received).toMatch(/^HTTP\/1\.1 405 /);
    await served.untilReported(1);
    expect(served.listener.connections).toBe(0);
  });

  test('nobody is told to go on with a body', async () => {
    await setUp();
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
    await setUp();
    const received = await raw(`GET ${blobPath} HTTP/1.1\r\nHost: m\r\nContent-Length: 1000000000\r\n\r\nabc`);
    expect(received).toMatch(/^HTTP\/1\.1 200 [^]*connection: close[^]*some bytes$/i);
  });
});

describe('odd requests', () => {
  test.each([
    ['GET http://evil.example/v2/o/r/manifests/v1 HTTP/1.1\r\nHost: evil.example', 400],
    ['GET http://[bad/v2/ HTTP/1.1\r\nHost: m', 400],
    ['OPTIONS * HTTP/1.1\r\nHost: m', 405],
    ['GET //v2/ HTTP/1.1\r\nHost: m', 404],
    ['GET /v2/../../etc/passwd HTTP/1.1\r\nHost: m', 404],
    ['GET /v2/a/../../b/manifests/x HTTP/1.1\r\nHost: m', 400],
    ['GET /v2/a%2f..%2fb/manifests/x HTTP/1.1\r\nHost: m', 400],
    ['GET /V2/ HTTP/1.1\r\nHost: m', 404],
    ['GET /v2/#x HTTP/1.1\r\nHost: m', 404],
  ])('%s is answered %i', async (head, status) => {
    const { mirror } = await setUp();
    const received = await raw(`${head}\r\nConnection: close\r\n\r\n`);
    expect(received).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(received).toContain('{"errors":[{"code":');
    expect(mirror.ledger.calls).toEqual([]);
  });

  test.each([
    [
      'both framings',
      'GET /v2/ HTTP/1.1\r\nHost: m\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    ],
    ['two lengths', 'GET /v2/ HTTP/1.1\r\nHost: m\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n'],
    ['a folded header', 'GET /v2/ HTTP/1.1\r\nHost: m\r\nX: a\r\n b\r\n\r\n'],
    ['a path that is not ASCII', 'GET /v2/a\xc0\xafb/manifests/x HTTP/1.1\r\nHost: m\r\n\r\n'],
    ['no header name', 'GET /v2/ HTTP/1.1\r\nHost: m\r\n: x\r\n\r\n'],
    ['a space before the colon', 'GET /v2/ HTTP/1.1\r\nHost: m\r\nContent-Length : 5\r\n\r\n'],
    ['no Host', 'GET /v2/ HTTP/1.1\r\n\r\n'],
    ['no HTTP at all', 'hello\r\n\r\n'],
  ])('%s is refused and the connection closed', async (_name, request) => {
    await setUp();
    const received = await raw(request);
    expect(received).toMatch(/^HTTP\/1\.1 400 /);
    expect(received.match(/HTTP\/1\.1 /g)).toHaveLength(1);
  });

  test.each([
    ['an odd transfer coding', 'Transfer-Encoding: xchunked\r\n\r\n'],
    ['a chunk that is none', 'Transfer-Encoding: chunked\r\n\r\nhello\r\n'],
  ])('%s ends the connection, whatever follows', async (_name, rest) => {
    const { mirror } = await setUp();
    const received = await raw(
      `GET /v2/ HTTP/1.1\r\nHost: m\r\n${rest}GET ${manifestPath} HTTP/1.1\r\nHost: m\r\n\r\n`,
    );
    expect(received).not.toContain('manifest');
    expect(mirror.ledger.calls).toEqual([]);
  });

  test('headers beyond the limit are refused with 431', async () => {
    await setUp();
    const received = await raw(`GET /v2/ HTTP/1.1\r\nHost: m\r\nX: ${'a'.repeat(40_000)}\r\n\r\n`);
    expect(received).toMatch(/^HTTP\/1\.1 431 /);
  });

  test('names of headers that mean something to JavaScript do no harm', async () => {
    await setUp();
    const received = await raw(
      'GET /v2/ HTTP/1.1\r\nHost: m\r\n__proto__: x\r\nconstructor: y\r\n\r\n',
      hasWholeAnswer,
    );
    expect(received).toMatch(/^HTTP\/1\.1 200 /);
  });

  test('CONNECT opens nothing', async () => {
    const { mirror } = await setUp();
    expect(await raw('CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n')).not.toMatch(/ 200 /);
    expect(mirror.ledger.calls).toEqual([]);
  });

  test('no other protocol is spoken, and the connection ends with the answer', async () => {
    await setUp();
    const received = await raw('GET /v2/ HTTP/1.1\r\nHost: m\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n');
    expect(received).toMatch(/^HTTP\/1\.1 200 [^]*connection: close/i);
  });

  test('HTTP/1.0 gets no chunks', async () => {
    await setUp({ getBlob: async () => serveBlob(bytes, createLedger(), { sizeBytes: undefined }) });
    const received = await raw(`GET ${blobPath} HTTP/1.0\r\n\r\n`);
    expect(received).toMatch(/^HTTP\/1\.1 200 /);
    expect(received).not.toMatch(/chunked/);
    expect(received.endsWith('\r\n\r\nsome bytes')).toBe(true);
  });

  test('pipelined requests are answered in their order', async () => {
    await setUp();
    const received = await raw(
      `GET ${blobPath} HTTP/1.1\r\nHost: m\r\n\r\nHEAD ${manifestPath} HTTP/1.1\r\nHost: m\r\n\r\nGET /v2/ HTTP/1.1\r\nHost: m\r\nConnection: close\r\n\r\n`,
    );
    expect(received.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 404', 'HTTP/1.1 200']);
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

describe('the log line of a request', () => {
  test('tells what was asked, by whom, and what became of it', async () => {
    const { served, address } = await setUp();
    await pull(address, `/v2/o/r/blobs/${digest}?ns=ghcr.io`, { headers: { 'user-agent': 'containerd/2.2' } });
    const [line] = await served.untilReported(1);
    expect(line).toMatchObject({
      level: 'info',
      fields: {
        method: 'GET',
        endpoint: 'blob',
        upstream: 'ghcr.io',
        repository: 'o/r',
        reference: digest,
        status: 200,
        outcome: 'hit',
        bytes: bytes.length,
        isComplete: true,
        client: '127.0.0.1',
        userAgent: 'containerd/2.2',
      },
    });
    expect(served.requests).toEqual([
      expect.objectContaining({ endpoint: 'blob', method: 'GET', status: 200, outcome: 'hit', isComplete: true }),
    ]);
  });

  test('holds no query, no authorization and no cookie', async () => {
    const { served, address } = await setUp();
    const headers = { authorization: 'Bearer planted-1', cookie: 'a=planted-2' };
    await pull(address, '/nothing?token=planted-3', { headers });
    await pull(address, `${manifestPath}?x=planted-4`, { headers });
    await served.untilReported(2);
    expect(JSON.stringify(served.lines)).not.toContain('planted');
  });

  test('of a path that leads nowhere is short, and its labels are from a closed set', async () => {
    const { served, address } = await setUp();
    await pull(address, `/${'a'.repeat(5000)}`, { method: 'PURGE' });
    const [line] = await served.untilReported(1);
    expect(String(line?.fields['path'])).toHaveLength(256);
    expect(served.requests).toMatchObject([{ endpoint: 'none', method: 'other', status: 405, outcome: undefined }]);
  });

  test('of a broken answer says why', async () => {
    const { served, address } = await setUp({
      getBlob: async () => ({
        ...serveBlob(bytes, createLedger()),
        sizeBytes: 1000,
        openBody: () => ({
          read: (() => {
            let count = 0;
            return async () => {
              count += 1;
              if (count === 1) return { bytes, release: () => {} };
              throw new Error('planted bug');
            };
          })(),
          close: () => {},
        }),
      }),
    });
    const pulled = await pull(address, blobPath);
    expect(pulled).toMatchObject({ status: 200, isComplete: false });
    const [line] = await served.untilReported(1);
    expect(line).toMatchObject({ fields: { status: 200, isComplete: false, error: 'bug' } });
    expect(served.lines.some((each) => each.level === 'error')).toBe(true);
  });
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
