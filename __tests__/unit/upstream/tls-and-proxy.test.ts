import { createServer as createHttpServer, type Server as HttpServer } from 'node:http';
import { createSecureServer } from 'node:http2';
import { createServer, type Server } from 'node:https';
import { connect, type AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { startCanary } from '../../support/canary.ts';
import { createSeededContent } from '../../support/content.ts';
import { blobDigest, manifestText, tag } from './answers.ts';
import {
  authority,
  clientCertificate,
  clientKey,
  expiredCertificate,
  futureCertificate,
  outOfTimeKey,
  serverCertificate,
  serverKey,
} from './certificates.ts';
import { createFixture, readAll, type Fixture } from './fixture.ts';

let fixture: Fixture;
const closing: (() => void)[] = [];
beforeEach(() => {
  fixture = createFixture();
});
afterEach(async () => {
  await fixture.close();
  for (const close of closing.splice(0)) close();
});

const listen = async (server: Server | HttpServer) => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(() => {
    server.close();
    server.closeAllConnections();
  });
  return (server.address() as AddressInfo).port;
};

/** A registry behind TLS; notes who presented a certificate. */
const serveTls = async (redirect?: string) => {
  const peers: (string | undefined)[] = [];
  const server = createServer(
    { cert: serverCertificate, key: serverKey, ca: authority, requestCert: true, rejectUnauthorized: false },
    (request, response) => {
      peers.push((request.socket as TLSSocket).getPeerCertificate().subject?.CN as string | undefined);
      if (redirect !== undefined) response.writeHead(307, { location: redirect }).end();
      else response.setHeader('content-type', 'application/vnd.oci.image.manifest.v1+json').end(manifestText);
    },
  );
  return { port: await listen(server), peers };
};

describe('TLS', () => {
  test('fails for an authority nobody knows, and is never skipped', async () => {
    const { port, peers } = await serveTls();
    await expect(fixture.open(`https://127.0.0.1:${port}`).getManifest('a', tag)).rejects.toMatchObject({
      kind: 'upstream-failed',
    });
    expect(peers).toEqual([]);
  });

  test('trusts the configured authority, by the right name only', async () => {
    const { port } = await serveTls();
    const tls = { ca: authority };
    await expect(fixture.open(`https://127.0.0.1:${port}`, { tls }).getManifest('a', tag)).resolves.toMatchObject({
      provenance: 'public',
    });
    const other = createFixture({
      lookup: (_name, _options, callback) => callback(null, [{ address: '127.0.0.1', family: 4 }]),
    });
    const wrong = other.open(`https://other.example.com:${port}`, { tls });
    await expect(wrong.getManifest('a', tag)).rejects.toMatchObject({ kind: 'upstream-failed' });
    const right = other.open(`https://registry.example.com:${port}`, { tls });
    await expect(right.getManifest('a', tag)).resolves.toBeDefined();
    await other.close();
  });

  test('speaks HTTP/1.1, also to who would rather have HTTP/2', async () => {
    const versions: string[] = [];
    const server = createSecureServer(
      { cert: serverCertificate, key: serverKey, allowHTTP1: true },
      (request, response) => {
        versions.push(request.httpVersion);
        response.setHeader('content-type', 'application/vnd.oci.image.manifest.v1+json');
        response.end(manifestText);
      },
    );
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    closing.push(() => server.close());
    const { port } = server.address() as AddressInfo;
    const upstream = fixture.open(`https://127.0.0.1:${port}`, { tls: { ca: authority } });
    await upstream.getManifest('a', tag);
    await readAll((await upstream.openBlob('a', blobDigest)).body);
    expect(versions).toEqual(['1.1', '1.1']);
  });

  test.each([
    ['is over', expiredCertificate, 'CERT_HAS_EXPIRED'],
    ['is not valid yet', futureCertificate, 'CERT_NOT_YET_VALID'],
  ])('fails loudly where the certificate %s, until it is renewed', async (_how, cert, code) => {
    let asked = 0;
    const server = createServer({ cert, key: outOfTimeKey }, (_request, response) => {
      asked += 1;
      response.setHeader('content-type', 'application/vnd.oci.image.manifest.v1+json').end(manifestText);
    });
    const port = await listen(server);
    const upstream = fixture.open(`https://127.0.0.1:${port}`, { tls: { ca: `${cert}\n${authority}` } });
    for (let n = 0; n < 3; n += 1) {
      await expect(upstream.headManifest('a', tag)).rejects.toMatchObject({ kind: 'upstream-failed', isFinal: false });
    }
    expect(asked).toBe(0);
    const lines = fixture.lines.filter((line) => line.includes(code));
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/certificate of this host is not valid.*registry\.test/);
    server.setSecureContext({ cert: serverCertificate, key: serverKey });
    await expect(upstream.headManifest('a', tag)).resolves.toBeDefined();
  });

  test('shows the client certificate to the registry, and to nobody it leads to', async () => {
    const cdn = await serveTls();
    const registry = await serveTls(`https://127.0.0.1:${cdn.port}/x`);
    const tls = { ca: authority, cert: clientCertificate, key: clientKey };
    const upstream = fixture.open(`https://127.0.0.1:${registry.port}`, { tls });
    const blob = await upstream.openBlob('a', blobDigest);
    await readAll(blob.body);
    expect([registry.peers, cdn.peers, blob.provenance]).toEqual([['client'], [undefined], 'restricted']);
  });
});

describe('a proxy', () => {
  const serveProxy = async () => {
    const targets: string[] = [];
    const server = createHttpServer((request, response) => {
      targets.push(`${request.method ?? ''} ${request.url ?? ''}`);
      response.setHeader('content-type', 'application/vnd.oci.image.manifest.v1+json').end(manifestText);
    });
    server.on('connect', (request, socket) => {
      targets.push(`CONNECT ${request.url ?? ''} ${request.headers['proxy-authorization'] ?? '-'}`);
      const through = connect(Number(request.url?.split(':')[1]), '127.0.0.1', () => {
        socket.write('HTTP/1.1 200 OK\r\n\r\n');
        through.pipe(socket).pipe(through);
      });
      closing.push(() => {
        through.destroy();
        socket.destroy();
      });
    });
    return { url: `http://user:pw@127.0.0.1:${await listen(server)}`, targets };
  };

  test('is tunnelled through for https, with its own login', async () => {
    const { port } = await serveTls();
    const { url, targets } = await serveProxy();
    const upstream = fixture.open(`https://registry.example.com:${port}`, {
      tls: { ca: authority },
      proxy: { url, noProxy: '' },
    });
    await expect(upstream.getManifest('a', tag)).resolves.toBeDefined();
    expect(targets).toEqual([
      `CONNECT registry.example.com:${port} Basic ${Buffer.from('user:pw').toString('base64')}`,
    ]);
  });

  test('brings large blobs over TLS whole, three at a time', async () => {
    const content = createSeededContent('through a proxy', 24 * 1024 * 1024);
    const bytes = content.read(0, content.sizeBytes);
    const server = createServer({ cert: serverCertificate, key: serverKey }, (_request, response) => {
      response.writeHead(200, { 'content-length': bytes.length });
      response.end(bytes);
    });
    const port = await listen(server);
    const { url, targets } = await serveProxy();
    const upstream = fixture.open(`https://registry.example.com:${port}`, {
      tls: { ca: authority },
      proxy: { url, noProxy: '' },
    });
    const pull = async (): Promise<void> => {
      const { body } = await upstream.openBlob('a', blobDigest);
      let position = 0;
      for await (const run of body) {
        // Its connection reads on meanwhile, and is held back.
        for (let turn = 0; turn < 20; turn += 1) await nextTurn();
        expect(bytes.compare(run, 0, run.length, position, position + run.length)).toBe(0);
        position += run.length;
      }
      expect(position).toBe(bytes.length);
    };
    await Promise.all([pull(), pull(), pull()]);
    expect(targets).toHaveLength(3);
  });

  test('is asked for plain http, too', async () => {
    const { url, targets } = await serveProxy();
    const upstream = fixture.open('http://registry.example.com', { proxy: { url, noProxy: 'other.example.com' } });
    await expect(upstream.getManifest('a', tag)).resolves.toBeDefined();
    expect(targets).toEqual(['GET http://registry.example.com/v2/a/manifests/latest']);
  });

  test('is left out for hosts in noProxy and for this machine', async () => {
    const { port } = await serveTls();
    const { url, targets } = await serveProxy();
    const tls = { ca: authority };
    const own = createFixture({
      lookup: (_name, _options, callback) => callback(null, [{ address: '127.0.0.1', family: 4 }]),
    });
    await own
      .open(`https://registry.example.com:${port}`, { tls, proxy: { url, noProxy: 'a.b, .example.com' } })
      .getManifest('a', tag);
    await own.open(`https://127.0.0.1:${port}`, { tls, proxy: { url, noProxy: '' } }).getManifest('a', tag);
    expect(targets).toEqual([]);
    await own.close();
  });

  test('does not open the way to inner addresses', async () => {
    const canary = await startCanary();
    const { port } = await serveTls(`https://127.0.0.1:${canary.port}/x`);
    const { url, targets } = await serveProxy();
    const upstream = fixture.open(`https://registry.example.com:${port}`, {
      tls: { ca: authority },
      proxy: { url, noProxy: '' },
    });
    await expect(upstream.openBlob('a', blobDigest)).rejects.toMatchObject({ kind: 'upstream-failed' });
    expect([targets.length, canary.connections]).toEqual([1, 0]);
    await canary.close();
  });
});
