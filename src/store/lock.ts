import { randomUUID } from 'node:crypto';
import { truncateSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { DatabaseSync } from 'node:sqlite';
import type { Clock } from '../telemetry/clock.ts';
import type { Log } from '../telemetry/log.ts';
import { replaceFile } from './files.ts';
import { isRecord } from './record.ts';
import { sqliteCode, sqliteCodes } from './sqlite-error.ts';
import { StoreStartError } from './start-error.ts';

export interface StoreLock {
  /** Another process may have the store. Call once, last. */
  release(): void;
}

const pollMs = 100;

/**
 * Makes this process the store's one owner, by an open exclusive transaction: the kernel frees it on
 * kill -9. Nothing else in this process may open the file: closing it would drop the lock (POSIX).
 * @throws StoreStartError when another process still has it after `waitMs`.
 */
export async function acquireStoreLock(options: {
  readonly lockPath: string;
  readonly ownerPath: string;
  readonly waitMs: number;
  readonly clock: Clock;
  readonly log: Log;
}): Promise<StoreLock> {
  const { lockPath, ownerPath, waitMs, clock, log } = options;
  const deadlineMs = clock.monotonicMs() + waitMs;
  let db = tryLock(lockPath, log);
  if (db === undefined && waitMs > 0)
    log.info({ owner: await describeOwner(ownerPath) }, 'waiting for the cache directory');
  while (db === undefined) {
    if (clock.monotonicMs() >= deadlineMs) throw lockedBy(await describeOwner(ownerPath));
    // Not the clock's timer: that one lets the process end, and this is all that it is doing.
    await new Promise((resolve) => setTimeout(resolve, Math.min(pollMs, waitMs)));
    db = tryLock(lockPath, log);
  }
  const held = db;
  const owner = { pid: process.pid, hostname: hostname(), started: new Date(clock.wallMs()).toISOString() };
  try {
    await replaceFile(ownerPath, `${JSON.stringify({ ...owner, instance: randomUUID() })}\n`);
  } catch (error) {
    // It only serves the message of the next one who comes.
    log.warn({ err: error }, 'the owner of the cache directory cannot be written down');
  }
  return { release: () => held.close() };
}

/** Undefined when another process has it. Throws what SQLite says of a directory it may not write. */
function tryLock(path: string, log: Log): DatabaseSync | undefined {
  try {
    return openExclusive(path);
  } catch (error) {
    const code = sqliteCode(error);
    if (code === sqliteCodes.busy) return undefined;
    if (code !== sqliteCodes.corrupt && code !== sqliteCodes.notADatabase) throw error;
    log.warn({}, 'the lock file was damaged and is emptied');
    // Emptied, not replaced: a process that locked it meanwhile has locked the same file.
    truncateSync(path, 0);
    return openExclusive(path);
  }
}

function openExclusive(path: string): DatabaseSync {
  const db = new DatabaseSync(path, { timeout: 0 });
  try {
    // In memory: on a full disk there is no room for a journal, and nothing is written anyway.
    db.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

function lockedBy(owner: string): StoreStartError {
  return new StoreStartError('STORE_LOCKED', `the cache directory is in use by ${owner}`);
}

async function describeOwner(path: string): Promise<string> {
  try {
    const owner: unknown = JSON.parse(await readFile(path, 'utf8'));
    if (!isRecord(owner)) return unknownOwner;
    const { pid, hostname: host, started } = owner;
    if (typeof pid !== 'number' || typeof host !== 'string' || typeof started !== 'string') return unknownOwner;
    return `process ${pid} on ${host}, started ${started}`;
  } catch {
    return unknownOwner;
  }
}

const unknownOwner = 'another process';
