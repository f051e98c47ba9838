import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { createTokenFile, ensureTokenFile } from '../../../src/admin/token-file.ts';
import { createHealth } from '../../../src/telemetry/health.ts';
import { silentLog } from '../../../src/telemetry/log.ts';
import { createManualClock } from '../http/manual-clock.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'stowage-token-'));
});
afterEach(async () => {
  await rm(directory, { recursive: true, force: true });
});

async function setUp(text: string) {
  const path = join(directory, 'token');
  await writeFile(path, text);
  const clock = createManualClock();
  const health = createHealth();
  const errors: string[] = [];
  const log = { ...silentLog, error: (_fields: object, message: string) => void errors.push(message) };
  return { path, clock, health, errors, token: createTokenFile({ path, clock, health, log }) };
}

const first = 'first-token-of-some-length';
const second = 'second-token-of-some-length';

describe('a token file', () => {
  test('lets in its text, without the space around it, and nothing else', async () => {
    const { token } = await setUp(` ${first}\r\n`);
    expect(await Promise.all([token.matches(first), token.matches(first)])).toEqual([true, true]);
    for (const text of ['', ` ${first}`, first.slice(1), `${first}\n`, second]) {
      expect(await token.matches(text)).toBe(false);
    }
  });

  test('is read again when it has changed', async () => {
    const { token, path, clock } = await setUp(first);
    expect(await token.matches(first)).toBe(true);
    await writeFile(path, second);
    clock.advance(1_000);
    expect(await token.matches(first)).toBe(false);
    expect(await token.matches(second)).toBe(true);
  });

  test('that is gone or holds too little lets nobody in, says so once, and is well again when it is back', async () => {
    const { token, path, clock, health, errors } = await setUp(first);
    expect(await token.matches(first)).toBe(true);
    await rm(path);
    clock.advance(1_000);
    expect(await token.matches(first)).toBe(false);
    await writeFile(path, 'short\n');
    clock.advance(1_000);
    expect(await token.matches('short')).toBe(false);
    expect(await token.matches('')).toBe(false);
    expect(health.degraded).toMatchObject([{ part: 'admin-token' }]);
    expect(errors).toHaveLength(1);
    await writeFile(path, first);
    clock.advance(1_000);
    expect(await token.matches(first)).toBe(true);
    expect(health.degraded).toEqual([]);
  });
});

describe('a token that is made', () => {
  test('is for its owner only, and never the same', async () => {
    const paths = ['a', 'b/c'].map((name) => join(directory, name));
    for (const path of paths) {
      expect(await ensureTokenFile(path)).toBe(true);
      expect((await stat(path)).mode & 0o777).toBe(0o600);
    }
    const [one = '', other = ''] = await Promise.all(paths.map((path) => readFile(path, 'utf8')));
    expect(one).toMatch(/^[\w-]{43}\n$/);
    expect(one).not.toBe(other);
  });

  test('stays as it is at the next start', async () => {
    const path = join(directory, 'token');
    await ensureTokenFile(path);
    const before = await readFile(path, 'utf8');
    expect(await ensureTokenFile(path)).toBe(false);
    expect(await readFile(path, 'utf8')).toBe(before);
  });

  test('fails where there can be no file', async () => {
    await writeFile(join(directory, 'file'), '');
    for (const path of [join(directory, 'file', 'token'), join(directory, 'file', 'deeper', 'token')]) {
      const message = expect.stringContaining(`admin.tokenFile ${path} cannot be made: `);
      await expect(ensureTokenFile(path)).rejects.toMatchObject({ code: 'TOKEN_FILE_UNUSABLE', message });
    }
  });
});
