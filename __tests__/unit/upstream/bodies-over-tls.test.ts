import { once } from 'node:events';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { Agent } from 'undici';
import { gatherRuns } from '../../../src/upstream/gather-runs.ts';
import { intoReceiveMemory } from '../../../src/upstream/receive-memory.ts';
import { createSeededContent } from '../../support/content.ts';
import { authority, serverCertificate, serverKey } from './certificates.ts';

const sizeBytes = 24 * 1024 * 1024;

// Without it the chunks are Node's own, as through a proxy.
test.each([
  { how: 'into the memory of connections for bodies', options: intoReceiveMemory },
  { how: 'as Node reads', options: {} },
])('large bodies over TLS come whole beside each other, read $how', async ({ options }) => {
  const content = createSeededContent('over TLS', sizeBytes).read(0, sizeBytes);
  const server = createServer({ cert: serverCertificate, key: serverKey }, (_request, response) => {
    response.writeHead(200, { 'content-length': content.length });
    response.end(content);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const agent = new Agent({ connect: { ca: authority, ...options } });
  try {
    const origin = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const pull = async (): Promise<void> => {
      const { body } = await agent.request({ origin, path: '/', method: 'GET' });
      let position = 0;
      for await (const run of gatherRuns(body)) {
        // The connection reads on meanwhile, and is held back.
        for (let turn = 0; turn < 20; turn += 1) await nextTurn();
        expect(content.compare(run, 0, run.length, position, position + run.length)).toBe(0);
        position += run.length;
      }
      expect(position).toBe(content.length);
    };
    await Promise.all([pull(), pull(), pull()]);
  } finally {
    await agent.destroy();
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  }
});
