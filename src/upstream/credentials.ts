import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import type { Clock } from '../telemetry/clock.ts';
import type { PasswordLoginOptions, PasswordSource } from './options.ts';
import type { CallerLogin } from './upstream.ts';

export interface Login {
  /** The value of an Authorization header. */
  readonly basic: string;
  /** Changes with the name and the password; tells accounts apart without holding the password. */
  readonly account: string;
  /** In place of a password: only a token service takes it, and only by POST. */
  readonly identityToken: string | undefined;
}

/** A caller's login; `account` is another in each session. */
export interface CallerIdentity extends Login {
  /** The caller's key. */
  readonly caller: string;
}

/** What a helper names in place of a user when the secret is an identity token. */
const tokenUser = '<token>';

export interface Credentials {
  /** The login as it is now. @throws when it cannot be had. */
  read(): Promise<Login>;
  /** For credentials that can be had anew: upstream rejects this account, so what is kept of it is not good any more. */
  reject?(account: string): void;
}

/** A file is looked at this often at most: Basic upstreams need the password for each request. */
const checkEveryMs = 1_000;

/** A file is read again when it has changed, so that a password can be rotated without a restart. */
export function createCredentials({ username, password }: PasswordLoginOptions, clock: Clock): Credentials {
  const readPassword = createPasswordReader(password, clock);
  return { read: async () => toLogin(username, await readPassword()) };
}

export function toLogin(username: string, secret: string): Login {
  const pair = Buffer.from(`${username}:${secret}`).toString('base64');
  return {
    basic: `Basic ${pair}`,
    account: createHash('sha256').update(pair).digest('base64'),
    identityToken: username === tokenUser ? secret : undefined,
  };
}

/** A client's own login: its account is the caller's key, so that nothing that is kept by account holds more than that. */
export function toCallerIdentity({ key, session, username, password }: CallerLogin): CallerIdentity {
  const pair = Buffer.from(`${username}:${password}`).toString('base64');
  return { basic: `Basic ${pair}`, account: `${key} ${session}`, identityToken: undefined, caller: key };
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
