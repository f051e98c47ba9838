import { afterEach } from '@jest/globals';
import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createAdminApp, type AdminAppOptions } from '../../../src/admin/app.ts';
import { createHealth } from '../../../src/telemetry/health.ts';

/** An app that knows nothing and needs no token, but for what is given. */
export function makeAdminApp(options: Partial<AdminAppOptions> = {}): RequestListener {
  return createAdminApp({
    metrics: { render: async () => 'stowage_x 1\n', contentType: 'text/plain; version=0.0.4; charset=utf-8' },
    health: createHealth(),
    isReady: () => true,
    hosts: [],
    token: undefined,
    hasOpenMetrics: false,
    pageDirectory: '/nowhere',
    api: [],
    ...options,
  });
}

/** Serves admin apps on loopback, each ended with its test; gives the address. */
export function useAdminApp(): (options?: Partial<AdminAppOptions>) => Promise<string> {
  const servers: Server[] = [];
  afterEach(async () => {
    for (const server of servers.splice(0)) {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  });
  return async (options = {}) => {
    const server = createServer(makeAdminApp(options));
    servers.push(server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  };
}
