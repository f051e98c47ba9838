import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import type { Clock } from '../telemetry/clock.ts';
import type { LoginOptions, PasswordSource } from './options.ts';

export interface Login {
  /** The value of an Authorization header. */
  readonly basic: string;
  /** Changes with the name and the password; tells accounts apart without holding the password. */
  readonly account: string;
}

export interface Credentials {
  readonly username: string;
  /** The login as it is now. @throws when its password cannot be read. */
  read(): Promise<Login>;
}

/** A file is looked at this often at most: Basic upstreams need the password for each request. */
const checkEveryMs = 1_000;

/** A file is read again when it has changed, so that a password can be rotated without a restart. */
export function createCredentials({ username, password }: LoginOptions, clock: Clock): Credentials {
  const readPassword = createPasswordReader(password, clock);
  return {
    username,
    async read() {
      const secret = await readPassword();
      const pair = Buffer.from(`${username}:${secret}`).toString('base64');
      return { basic: `Basic ${pair}`, account: createHash('sha256').update(pair).digest('base64') };
    },
  };
}

function createPasswordReader(source: PasswordSource, clock: Clock): () => Promise<string> {
  if ('password' in source) return async () => source.password;
  if ('file' in source) return createFileReader(source.file, clock);
  const secret = process.env[source.env];
  return async () => {
    if (secret === undefined || secret === '') throw new Error(`the environment variable ${source.env} is not set`);
    return secret;
  };
}

function createFileReader(path: string, clock: Clock): () => Promise<string> {
  let seen = '';
  let secret = '';
  let nextCheckMs = -Infinity;
  return async () => {
    if (clock.monotonicMs() < nextCheckMs) return secret;
    // With the inode: an orchestrator swaps a symbolic link to files of equal size and age.
    const { mtimeMs, size, ino } = await stat(path);
    const version = `${mtimeMs} ${size} ${ino}`;
    if (version !== seen) {
      // Editors and `echo` end a file with a new line; no password does.
      secret = (await readFile(path, 'utf8')).replace(/[\r\n]+$/, '');
      seen = version;
    }
    nextCheckMs = clock.monotonicMs() + checkEveryMs;
    return secret;
  };
}
