import { afterEach, describe, expect, test } from '@jest/globals';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { bugRow, errorTable } from '../../../src/http/error-response.ts';
import { MirrorError, type MirrorErrorKind } from '../../../src/oci/errors.ts';
import { jsonOf, pull } from '../../support/raw-client.ts';
import { createFakeMirror } from './fake-mirror.ts';
import { serve, type Served } from './harness.ts';

const kinds = Object.keys(errorTable) as MirrorErrorKind[];
const path = '/v2/o/r/manifests/v1';

let served: Served | undefined;
afterEach(async () => {
  await served?.close();
  served = undefined;
});

async function serveError(error: Error): Promise<string> {
  const fail = async (): Promise<never> => {
    throw error;
  };
  served = await serve(createFakeMirror({ getManifest: fail, headManifest: fail }));
  return served.address;
}

describe('every kind of error', () => {
  test.each(kinds)('%s is answered as the table says, to GET and to HEAD', async (kind) => {
    const address = await serveError(new MirrorError({ kind, message: 'a sentence', detail: { a: 1 } }));
    const { status, code } = errorTable[kind];
    const pulled = await pull(address, path);
    const head = await pull(address, path, { method: 'HEAD' });
    expect(pulled.status).toBe(status);
    expect(pulled.isComplete).toBe(true);
    if (code === undefined) expect(pulled.bytes).toBe(0);
    else expect(jsonOf(pulled)).toEqual({ errors: [{ code, message: 'a sentence', detail: { a: 1 } }] });
    expect(pulled.headers['content-type']).toBe(code === undefined ? undefined : 'application/json');
    expect(pulled.headers).toMatchObject({
      'cache-control': 'no-store',
      'docker-distribution-api-version': 'registry/2.0',
      'x-content-type-options': 'nosniff',
      'content-length': String(pulled.bytes),
    });
    // Nothing else ever asks a client for a login.
    expect(pulled.headers['www-authenticate'] !== undefined).toBe(kind === 'login-required');
    for (const name of ['etag', 'docker-content-digest', 'cache-status', 'x-powered-by']) {
      expect(pulled.headers[name]).toBeUndefined();
    }
    const { date: _get, ...ofGet } = pulled.headers;
    const { date: _head, ...ofHead } = head.headers;
    expect(ofHead).toEqual(ofGet);
    expect(head).toMatchObject({ status, bytes: 0, isComplete: true });
  });

  test.each([
    [undefined, '5'],
    [0, '1'],
    [1, '1'],
    [1001, '2'],
    [60_000, '60'],
  ])('a throttled pull that may be repeated in %s ms says Retry-After %s', async (retryAfterMs, expected) => {
    const facts = retryAfterMs === undefined ? {} : { retryAfterMs };
    const address = await serveError(new MirrorError({ kind: 'upstream-throttled', message: 'wait', ...facts }));
    expect((await pull(address, path)).headers['retry-after']).toBe(expected);
  });

  test.each(['upstream-failed', 'upstream-timeout', 'upstream-paused', 'overloaded', 'shutting-down'] as const)(
    '%s says when to ask again, whether somebody knows or not',
    async (kind) => {
      const address = await serveError(new MirrorError({ kind, message: 'away' }));
      expect((await pull(address, path)).headers['retry-after']).toBe('5');
      await served?.close();
      const other = await serveError(new MirrorError({ kind, message: 'away', retryAfterMs: 3000 }));
      expect((await pull(other, path)).headers['retry-after']).toBe('3');
    },
  );

  test('a range of which upstream tells no size has no Content-Range', async () => {
    const address = await serveError(new MirrorError({ kind: 'range-invalid', message: 'outside' }));
    expect((await pull(address, path)).headers['content-range']).toBeUndefined();
  });

  test('the namespace is echoed on errors too', async () => {
    const address = await serveError(new MirrorError({ kind: 'manifest-unknown', message: 'absent' }));
    expect((await pull(address, `${path}?ns=ghcr.io`)).headers['oci-namespace']).toBe('ghcr.io');
  });
});

test('a bug is a 500 that tells nothing, and a log line with the stack', async () => {
  const address = await serveError(new TypeError('secret /path/of/mine'));
  const pulled = await pull(address, path);
  expect(pulled.status).toBe(bugRow.status);
  expect(jsonOf(pulled)).toEqual({ errors: [{ code: 'UNKNOWN', message: 'internal error' }] });
  await served?.untilReported(1);
  expect(served?.lines.find((line) => line.level === 'error')?.fields['err']).toBeInstanceOf(TypeError);
});

test('docs/errors.md lists every kind with the status and code of the table', () => {
  const text = readFileSync(join(findRoot(), 'docs/errors.md'), 'utf8');
  const rows = text
    .split('\n')
    .map((line) => line.split('|').map((cell) => cell.trim()))
    .filter((cells) => /^\d{3}$/.test(cells[2] ?? ''))
    .map(([, kind, status, code]) => `${kind} ${status} ${code}`);
  const expected = [
    ...kinds.map((kind) => `${kind} ${errorTable[kind].status} ${errorTable[kind].code ?? 'none'}`),
    `a bug ${bugRow.status} ${bugRow.code}`,
  ];
  expect(rows.toSorted()).toEqual(expected.toSorted());
});

/** Tests run from where they were built, at a depth of the builder's choosing. */
function findRoot(): string {
  let folder = import.meta.dirname;
  while (!existsSync(join(folder, 'docs/errors.md'))) {
    if (folder === dirname(folder)) throw new Error('docs/errors.md is in no folder above');
    folder = dirname(folder);
  }
  return folder;
}
