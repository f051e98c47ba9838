import { describe, expect, test } from '@jest/globals';
import { createHealth } from '../../../src/telemetry/health.ts';
import { jsonOf, pull } from '../../support/raw-client.ts';
import { useAdminApp } from './serve.ts';

const start = useAdminApp();

describe('the admin listener', () => {
  test('shows metrics', async () => {
    const pulled = await pull(await start(), '/metrics');
    expect(pulled).toMatchObject({
      status: 200,
      headers: { 'content-type': 'text/plain; version=0.0.4; charset=utf-8', 'cache-control': 'no-store' },
    });
    expect(pulled.body.toString()).toBe('stowage_x 1\n');
  });

  test('is alive whatever else is the matter', async () => {
    const health = createHealth();
    health.report('store', 'the disk is full');
    const pulled = await pull(await start({ health, isReady: () => false }), '/livez');
    expect(pulled.status).toBe(200);
    expect(jsonOf(pulled)).toEqual({ status: 'alive' });
  });

  test('is ready while degraded, and says what is wrong', async () => {
    const health = createHealth();
    health.report('store', 'the disk is full');
    const pulled = await pull(await start({ health }), '/readyz');
    expect(pulled).toMatchObject({ status: 200, headers: { 'content-type': 'application/json' } });
    expect(jsonOf(pulled)).toEqual({
      status: 'ready',
      degraded: [{ part: 'store', reason: 'the disk is full' }],
    });
  });

  test('is unready while it starts or ends', async () => {
    const pulled = await pull(await start({ isReady: () => false }), '/readyz');
    expect(pulled.status).toBe(503);
    expect(jsonOf(pulled)).toEqual({ status: 'unready', degraded: [] });
  });

  test.each([
    ['GET', '/v2/'],
    ['GET', '/Metrics'],
    ['GET', '/metrics/'],
    ['GET', '/livez/../metrics'],
    ['POST', '/metrics'],
    ['DELETE', '/livez'],
  ])('has nothing at %s %s', async (method, path) => {
    const pulled = await pull(await start(), path, { method });
    expect(pulled.status).toBe(404);
    expect(pulled.headers['x-powered-by']).toBeUndefined();
    expect(pulled.headers['x-content-type-options']).toBe('nosniff');
  });

  test('tells nothing of a bug', async () => {
    const metrics = { render: async () => Promise.reject(new Error('planted')), contentType: 'text/plain' };
    const pulled = await pull(await start({ metrics }), '/metrics');
    expect(pulled.status).toBe(500);
    expect(pulled.body.toString()).not.toContain('planted');
  });

  test.each(['evil.example', 'evil.example:5080', '127.0.0.1.evil.example', '10.1.2.3', '[::2]', 'localhost.'])(
    'lets no request in whose Host is %s',
    async (host) => {
      const address = await start();
      for (const path of ['/livez', '/readyz', '/metrics', '/']) {
        expect((await pull(address, path, { headers: { host } })).status).toBe(403);
      }
    },
  );

  test.each(['localhost', 'LOCALHOST:5080', '127.0.0.1', '127.8.9.10:1', '[::1]:5080', 'admin.lan', 'Admin.LAN:99'])(
    'lets a request in whose Host is %s',
    async (host) => {
      const address = await start({ hosts: ['admin.lan'] });
      expect((await pull(address, '/livez', { headers: { host } })).status).toBe(200);
    },
  );
});
