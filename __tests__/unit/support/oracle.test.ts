import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from '@jest/globals';
import { checkOracle, type OracleOptions } from '../../support/oracle.ts';

const restingMetrics = 'stowage_fills_running 0\nstowage_fill_readers 0\nstowage_client_connections 0\n';
const ends: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

/** Something that looks like a mirror at rest. */
async function startFakeMirror() {
  const facts = {
    metrics: restingMetrics,
    livez: 200,
    output: 'all is well',
    descriptors: [] as string[],
  };
  const server = createServer((request, response) => {
    response.statusCode = request.url === '/livez' ? facts.livez : 200;
    response.end(facts.metrics);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const listener = createServer();
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const cachePath = await mkdtemp(join(tmpdir(), 'oracle-'));
  ends.push(
    async () => server.close(),
    async () => listener.close(),
    () => rm(cachePath, { recursive: true }),
  );
  const addressOf = ({ port }: AddressInfo): string => `http://127.0.0.1:${port}`;
  const mirror = {
    address: addressOf(listener.address() as AddressInfo),
    adminAddress: addressOf(server.address() as AddressInfo),
    cachePath,
    get output() {
      return facts.output;
    },
    descriptors: () => facts.descriptors,
  };
  const options: OracleOptions = { baseline: [], countIdleConnections: () => 0, secrets: ['secret'], deadlineMs: 200 };
  return { facts, mirror, options };
}

async function addFile(root: string, path: string, text: string): Promise<void> {
  await mkdir(join(root, path, '..'), { recursive: true });
  await writeFile(join(root, path), text);
}

describe('the oracle', () => {
  test('is content with a mirror at rest whose files are what they are called', async () => {
    const { mirror, options } = await startFakeMirror();
    const hex = createHash('sha256').update('text').digest('hex');
    await addFile(mirror.cachePath, `blobs/public/sha256/${hex.slice(0, 2)}/${hex}`, 'text');
    await checkOracle(mirror, options);
  });

  test('objects to a file with other bytes than its name says', async () => {
    const { mirror, options } = await startFakeMirror();
    await addFile(mirror.cachePath, `blobs/public/sha256/ab/${'ab'.repeat(32)}`, 'text');
    await expect(checkOracle(mirror, options)).rejects.toThrow('are not those of its name');
  });

  test('objects to what is left in fills, unless it is meant to be parked', async () => {
    const { mirror, options } = await startFakeMirror();
    const hex = 'cd'.repeat(32);
    await addFile(mirror.cachePath, `fills/sha256-${hex}.part`, 'text');
    await expect(checkOracle(mirror, options)).rejects.toThrow('left behind');
    await checkOracle(mirror, { ...options, parked: [`sha256:${hex}`] });
  });

  test('objects to a secret in the log or in a metric', async () => {
    const { facts, mirror, options } = await startFakeMirror();
    facts.output = 'token=secret';
    await expect(checkOracle(mirror, options)).rejects.toThrow('the log shows');
    facts.output = '';
    facts.metrics += 'stowage_x{name="secret"} 1\n';
    await expect(checkOracle(mirror, options)).rejects.toThrow('the metrics show');
  });

  test('objects to a fill that runs on and to a mirror that is not alive', async () => {
    const { facts, mirror, options } = await startFakeMirror();
    facts.metrics = restingMetrics.replace('running 0', 'running 1');
    await expect(checkOracle(mirror, options)).rejects.toThrow('stowage_fills_running');
    facts.livez = 500;
    await expect(checkOracle(mirror, options)).rejects.toThrow('/livez answers 500');
  });

  test('objects to descriptors that were not there before', async () => {
    const { facts, mirror, options } = await startFakeMirror();
    facts.descriptors = [`${mirror.cachePath}/fills/x.part`];
    await expect(checkOracle(mirror, options)).rejects.toThrow('above the baseline');
    facts.descriptors = ['socket:[1]', 'socket:[2]'];
    await expect(checkOracle(mirror, { ...options, countIdleConnections: () => 1 })).rejects.toThrow(
      'above the baseline',
    );
    await checkOracle(mirror, { ...options, countIdleConnections: () => 2 });
  });

  test('objects to a client that is still connected', async () => {
    const { mirror, options } = await startFakeMirror();
    const socket = connect(Number(new URL(mirror.address).port), '127.0.0.1');
    await once(socket, 'connect');
    await expect(checkOracle(mirror, options)).rejects.toThrow('client sockets');
    socket.destroy();
    await checkOracle(mirror, options);
  });
});
