import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Clock } from '../telemetry/clock.ts';
import type { Health } from '../telemetry/health.ts';
import type { Log } from '../telemetry/log.ts';

/** What opens the admin listener. */
export interface AdminToken {
  /** False for every text while the token cannot be read. Takes as long for a wrong token as for the right one. */
  matches(text: string): Promise<boolean>;
}

export interface TokenFileOptions {
  /** Absolute. */
  readonly path: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly health: Pick<Health, 'report'>;
}

/** Shorter ones can be guessed. */
const minTokenLength = 16;
const checkEveryMs = 1_000;
const createdBytes = 32;

/** The token in a file, read again when the file has changed, so that it can be replaced without a restart. */
export function createTokenFile(options: TokenFileOptions): AdminToken {
  const { path, clock } = options;
  let seen = '';
  let hash: Buffer | undefined;
  let nextCheckMs = -Infinity;
  let isBroken = false;
  let looking: Promise<void> | undefined;

  async function lookNowAndThen(): Promise<void> {
    if (clock.monotonicMs() >= nextCheckMs) {
      nextCheckMs = clock.monotonicMs() + checkEveryMs;
      looking = look();
    }
    await looking;
  }

  async function look(): Promise<void> {
    try {
      // With the inode: an orchestrator swaps a symbolic link to files of equal size and age.
      const { mtimeMs, size, ino } = await stat(path);
      const version = `${mtimeMs} ${size} ${ino}`;
      if (version === seen) return;
      hash = hashOf(checkToken(await readFile(path, 'utf8')));
      seen = version;
      isBroken = false;
      options.health.report('admin-token', undefined);
    } catch (error) {
      hash = undefined;
      seen = '';
      if (!isBroken) complain(error);
      isBroken = true;
    }
  }

  function complain(error: unknown): void {
    options.health.report('admin-token', 'admin.tokenFile holds no token that could be read; nobody is let in');
    options.log.error({ err: error }, 'admin.tokenFile holds no token that could be read; nobody is let in');
  }

  return {
    async matches(text) {
      await lookNowAndThen();
      return hash !== undefined && timingSafeEqual(hash, hashOf(text));
    },
  };
}

/**
 * Makes the file with a new token, for its owner alone, unless it is there; whether it did. Its directory too.
 * @throws TokenFileError
 */
export async function ensureTokenFile(path: string): Promise<boolean> {
  try {
    // Not `recursive`: where nothing can be made, as below /proc, Node would try for ever.
    await mkdir(dirname(path)).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
    await writeFile(path, `${randomBytes(createdBytes).toString('base64url')}\n`, { flag: 'wx', mode: 0o600 });
    return true;
  } catch (error) {
    const { code, syscall } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST' && syscall === 'open') return false;
    const reason = error instanceof Error ? error.message : 'unknown error';
    throw new TokenFileError(`admin.tokenFile ${path} cannot be made: ${reason}`, { cause: error });
  }
}

/** The token that was to be made at start could not be. */
class TokenFileError extends Error {
  readonly code = 'TOKEN_FILE_UNUSABLE';
}

function checkToken(text: string): string {
  // Editors and `echo` end a file with a new line.
  const token = text.trim();
  if (token.length < minTokenLength) throw new Error(`the token is shorter than ${minTokenLength} characters`);
  return token;
}

/** Of equal length for all, as a comparison that gives nothing away needs it. */
function hashOf(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
