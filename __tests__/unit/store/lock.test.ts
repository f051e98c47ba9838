import { describe, expect, test } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { acquireStoreLock, type StoreLock } from '../../../src/store/lock.ts';
import { StoreStartError } from '../../../src/store/start-error.ts';
import { systemClock } from '../../../src/telemetry/clock.ts';
import { silentLog } from '../../../src/telemetry/log.ts';
import { bytesOf, useDirectory } from './fixtures.ts';

describe('the lock of the cache directory', () => {
  const directory = useDirectory();

  function acquire(waitMs = 0): Promise<StoreLock> {
    const paths = { lockPath: join(directory(), 'lock'), ownerPath: join(directory(), 'owner.json') };
    return acquireStoreLock({ ...paths, waitMs, clock: systemClock, log: silentLog });
  }

  /** Another process that takes the lock, says so, and keeps it until it is killed. */
  async function spawnOwner(): Promise<{ readonly pid: number | undefined; kill(): Promise<void> }> {
    const modules = {
      lock: new URL('../../../src/store/lock.js', import.meta.url).href,
      clock: new URL('../../../src/telemetry/clock.js', import.meta.url).href,
    };
    const script = `
      const { acquireStoreLock } = await import('${modules.lock}');
      const { systemClock } = await import('${modules.clock}');
      const log = { debug() {}, info() {}, warn() {}, error() {} };
      await acquireStoreLock({ lockPath: 'lock', ownerPath: 'owner.json', waitMs: 0, clock: systemClock, log });
      process.stdout.write('locked');
      setInterval(() => {}, 1000);
    `;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      cwd: directory(),
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const exited = once(child, 'exit');
    await once(child.stdout, 'data');
    return {
      pid: child.pid,
      async kill() {
        child.kill('SIGKILL');
        await exited;
      },
    };
  }

  test('a second process is refused with the name of the first, and may have it when that is killed', async () => {
    const owner = await spawnOwner();
    try {
      await expect(acquire()).rejects.toThrow(StoreStartError);
      await expect(acquire()).rejects.toThrow(new RegExp(`in use by process ${owner.pid} on .+, started 20`));
      const waiting = acquire(20_000);
      await owner.kill();
      (await waiting).release();
    } finally {
      await owner.kill();
    }
  });

  test('the same process gets it only once', async () => {
    const lock = await acquire();
    await expect(acquire()).rejects.toThrow(`process ${process.pid}`);
    lock.release();
    (await acquire()).release();
  });

  test('the owner is written down, and without that it is still refused', async () => {
    const lock = await acquire();
    const owner: unknown = JSON.parse(await readFile(join(directory(), 'owner.json'), 'utf8'));
    expect(owner).toEqual({
      pid: process.pid,
      hostname: expect.any(String),
      started: expect.any(String),
      instance: expect.any(String),
    });
    await writeFile(join(directory(), 'owner.json'), 'garbage');
    await expect(acquire()).rejects.toThrow('in use by another process');
    lock.release();
  });

  test('a damaged lock file is no obstacle, and locks again', async () => {
    await writeFile(join(directory(), 'lock'), bytesOf('garbage', 5000));
    const lock = await acquire();
    await expect(acquire()).rejects.toThrow(StoreStartError);
    lock.release();
  });
});
