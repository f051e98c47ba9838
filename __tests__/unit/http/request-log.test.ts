import { afterEach, describe, expect, test } from '@jest/globals';
import { pull } from '../../support/raw-client.ts';
import { createLedger, serveBlob } from './fake-mirror.ts';
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
