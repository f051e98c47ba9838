import { createServer } from 'node:http';
import { describe, expect, test } from '@jest/globals';
import { mediaTypes } from '../../../src/oci/media-type.ts';
import { manifestReply, manifestText, tag } from './answers.ts';
import { createFixture } from './fixture.ts';

describe('the name of an upstream', () => {
  test('that has no address is a failure, and works once it has one', async () => {
    let isKnown = false;
    const own = createFixture({
      lookup(hostname, _options, callback) {
        expect(hostname).toBe('registry.example.com');
        if (isKnown) callback(null, [{ address: '127.0.0.1', family: 4 }]);
        else callback(Object.assign(new Error('getaddrinfo EAI_AGAIN'), { code: 'EAI_AGAIN' }), []);
      },
    });
    const server = await own.serve(() => manifestReply);
    const upstream = own.open(`http://registry.example.com:${server.port}`);
    await expect(upstream.headManifest('a', tag)).rejects.toMatchObject({ kind: 'upstream-failed', isFinal: false });
    isKnown = true;
    await expect(upstream.headManifest('a', tag)).resolves.toBeDefined();
    await own.close();
  });

  test('that is looked up for ever is a timeout, and one without addresses is a failure', async () => {
    const own = createFixture({
      timeouts: { connectMs: 50, headersMs: 30_000, bodyMs: 30_000 },
      lookup(hostname, _options, callback) {
        if (hostname.startsWith('empty')) callback(null, []);
      },
    });
    await expect(own.open('http://slow.example.com').headManifest('a', tag)).rejects.toMatchObject({
      kind: 'upstream-timeout',
    });
    await expect(own.open('http://empty.example.com').headManifest('a', tag)).rejects.toMatchObject({
      kind: 'upstream-failed',
      isFinal: false,
    });
    await own.close();
  });

  test('is reached at its next address where the first is dead', async () => {
    const own = createFixture({
      lookup(_hostname, _options, callback) {
        callback(null, [
          { address: '::1', family: 6 },
          { address: '127.0.0.1', family: 4 },
        ]);
      },
    });
    const server = await own.serve(() => manifestReply);
    await expect(own.open(`http://registry.example.com:${server.port}`).headManifest('a', tag)).resolves.toBeDefined();
    await own.close();
  });

  test('that has moved is reached at its new address as soon as the old one is gone', async () => {
    let address = '127.0.0.2';
    const own = createFixture({
      lookup: (_hostname, _options, callback) => callback(null, [{ address, family: 4 }]),
    });
    const old = await own.serve(() => manifestReply, address);
    const upstream = own.open(`http://registry.example.com:${old.port}`);
    await upstream.headManifest('a', tag);
    address = '127.0.0.3';
    let asked = 0;
    const moved = createServer((_request, response) => {
      asked += 1;
      response.setHeader('content-type', mediaTypes.ociManifest).end(manifestText);
    });
    await new Promise<void>((resolve) => moved.listen(old.port, address, resolve));
    await old.down();
    await expect(upstream.getManifest('a', tag)).resolves.toBeDefined();
    expect([old.requests.length, asked]).toEqual([1, 1]);
    await own.close();
    moved.close();
  });
});
