import { afterEach, describe, expect, test } from '@jest/globals';
import { hasWholeAnswer } from '../../support/raw-exchange.ts';
import { createLedger, serveBlob } from './fake-mirror.ts';
import { blobPath, bytes, manifestPath, serveSmall, type SmallMirror } from './small-mirror.ts';

const opened: SmallMirror[] = [];
afterEach(async () => {
  await Promise.all(opened.splice(0).map((small) => small.close()));
});

async function setUp(...parts: Parameters<typeof serveSmall>): Promise<SmallMirror> {
  const small = await serveSmall(...parts);
  opened.push(small);
  return small;
}

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
    const { mirror, raw } = await setUp();
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
    const { raw } = await setUp();
    const received = await raw(request);
    expect(received).toMatch(/^HTTP\/1\.1 400 /);
    expect(received.match(/HTTP\/1\.1 /g)).toHaveLength(1);
  });

  test.each([
    ['an odd transfer coding', 'Transfer-Encoding: xchunked\r\n\r\n'],
    ['a chunk that is none', 'Transfer-Encoding: chunked\r\n\r\nhello\r\n'],
  ])('%s ends the connection, whatever follows', async (_name, rest) => {
    const { mirror, raw } = await setUp();
    const received = await raw(
      `GET /v2/ HTTP/1.1\r\nHost: m\r\n${rest}GET ${manifestPath} HTTP/1.1\r\nHost: m\r\n\r\n`,
    );
    expect(received).not.toContain('manifest');
    expect(mirror.ledger.calls).toEqual([]);
  });

  test('headers beyond the limit are refused with 431', async () => {
    const { raw } = await setUp();
    const received = await raw(`GET /v2/ HTTP/1.1\r\nHost: m\r\nX: ${'a'.repeat(40_000)}\r\n\r\n`);
    expect(received).toMatch(/^HTTP\/1\.1 431 /);
  });

  test('names of headers that mean something to JavaScript do no harm', async () => {
    const { raw } = await setUp();
    const received = await raw(
      'GET /v2/ HTTP/1.1\r\nHost: m\r\n__proto__: x\r\nconstructor: y\r\n\r\n',
      hasWholeAnswer,
    );
    expect(received).toMatch(/^HTTP\/1\.1 200 /);
  });

  test('CONNECT opens nothing', async () => {
    const { mirror, raw } = await setUp();
    expect(await raw('CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n')).not.toMatch(/ 200 /);
    expect(mirror.ledger.calls).toEqual([]);
  });

  test('no other protocol is spoken, and the connection ends with the answer', async () => {
    const { raw } = await setUp();
    const received = await raw('GET /v2/ HTTP/1.1\r\nHost: m\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n');
    expect(received).toMatch(/^HTTP\/1\.1 200 [^]*connection: close/i);
  });

  test('HTTP/1.0 gets no chunks', async () => {
    const { raw } = await setUp({ getBlob: async () => serveBlob(bytes, createLedger(), { sizeBytes: undefined }) });
    const received = await raw(`GET ${blobPath} HTTP/1.0\r\n\r\n`);
    expect(received).toMatch(/^HTTP\/1\.1 200 /);
    expect(received).not.toMatch(/chunked/);
    expect(received.endsWith('\r\n\r\nsome bytes')).toBe(true);
  });

  test('pipelined requests are answered in their order', async () => {
    const { raw } = await setUp();
    const received = await raw(
      `GET ${blobPath} HTTP/1.1\r\nHost: m\r\n\r\nHEAD ${manifestPath} HTTP/1.1\r\nHost: m\r\n\r\nGET /v2/ HTTP/1.1\r\nHost: m\r\nConnection: close\r\n\r\n`,
    );
    expect(received.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 404', 'HTTP/1.1 200']);
  });
});
