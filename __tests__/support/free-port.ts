import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';
import process from 'node:process';

/** Below what systems give to outgoing connections, which may take a port while its server restarts. */
const first = 10_240;
const last = 32_767;

/** Each of jest's workers has a part of its own, so that none takes what another has just found. */
const parts = 8;
const partSize = Math.floor((last - first + 1) / parts);
const own = first + (Number(process.env['JEST_WORKER_ID'] ?? 0) % parts) * partSize;

const given = new Set<number>();

/** A port of 127.0.0.1 that was free a moment ago, and that nobody gets by chance, or from here a second time. */
export async function findFreePort(): Promise<number> {
  for (;;) {
    const port = own + randomInt(partSize);
    if (given.has(port)) continue;
    given.add(port);
    if (await isFree(port)) return port;
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, '127.0.0.1', resolve);
    });
  } catch {
    return false;
  }
  await new Promise((resolve) => server.close(resolve));
  return true;
}
