import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createHelperRunner, type HelperRunner } from '../../../src/compose/credential-helper.ts';
import { pollUntil } from '../../support/signal.ts';
import { createManualClock, type ManualClock } from '../http/manual-clock.ts';

let directory: string;
let clock: ManualClock;
let runner: HelperRunner;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'stowage-helper-'));
  clock = createManualClock();
  runner = createHelperRunner({
    environment: { PATH: `${directory}:${process.env['PATH']}`, AWS_PROFILE: 'mirror', STOWAGE__LISTEN: 'x:1' },
    clock,
  });
});
afterEach(async () => {
  runner.close();
  await rm(directory, { recursive: true });
});

/** A program `docker-credential-test` that is this shell script. */
async function write(script: string): Promise<void> {
  const file = join(directory, 'docker-credential-test');
  await writeFile(file, `#!/bin/sh\ncd ${directory}\n${script}\n`);
  await chmod(file, 0o755);
}

const noted = (name: string): Promise<string> => readFile(join(directory, name), 'utf8').catch(() => '');

describe('a credential helper', () => {
  test('is asked for a server, and gives a name and a secret', async () => {
    await write(`
      { echo "$@"; cat; echo; env; } > noted
      echo '{ "ServerURL": "registry.lan", "Username": "AWS", "Secret": "abc", "More": 1 }'`);
    await expect(runner.run('test', 'registry.lan:5000')).resolves.toEqual({ username: 'AWS', secret: 'abc' });
    const lines = (await noted('noted')).split('\n');
    expect(lines.slice(0, 2)).toEqual(['get', 'registry.lan:5000']);
    expect(lines).toContain('AWS_PROFILE=mirror');
    expect(lines.filter((line) => line.startsWith('STOWAGE'))).toEqual([]);
  });

  test('may end without having read the server', async () => {
    await write(`exec 0<&-; echo '{"Username":"AWS","Secret":"abc"}'`);
    await expect(runner.run('test', 'x'.repeat(1_000_000))).resolves.toEqual({ username: 'AWS', secret: 'abc' });
  });

  test.each([
    ['says something else than JSON', 'echo planted-secret', 'gave something else than JSON with Username and Secret'],
    ['gives no secret', `echo '{"Username":"planted-secret"}'`, 'gave something else than JSON'],
    ['gives null', 'echo null', 'gave something else than JSON'],
    ['fails', 'echo planted-secret; echo planted-secret >&2; exit 1', 'docker-credential-test ended with status 1'],
    ['is killed', 'kill -9 $$', 'docker-credential-test ended with SIGKILL'],
    ['writes without end', 'yes planted-secret', 'docker-credential-test wrote more than 65536 bytes'],
  ])('that %s has failed, and nothing that it wrote is repeated', async (_what, script, message) => {
    await write(script);
    const failure = await runner.run('test', 'registry.lan').catch((error: unknown) => error);
    expect(String(failure)).toContain(message);
    expect(String(failure)).not.toContain('planted-secret');
  });

  test('that is in no directory of PATH has failed', async () => {
    await expect(runner.run('other', 'registry.lan')).rejects.toThrow(
      'docker-credential-other could not be run: it is in no directory of PATH',
    );
  });

  test('that hangs is killed after ten seconds, with what it has started', async () => {
    await write('sleep 1000 & echo $! > child; echo $$ > self; wait');
    const running = runner.run('test', 'registry.lan');
    const failed = expect(running).rejects.toThrow('docker-credential-test took more than 10 s');
    await pollUntil(async () => (await noted('self')).endsWith('\n'), { what: 'the helper to run' });
    clock.advance(9_999);
    const pids = [Number(await noted('self')), Number(await noted('child'))];
    expect(pids.map(isAlive)).toEqual([true, true]);
    clock.advance(1);
    await failed;
    await pollUntil(() => !pids.some(isAlive), { what: 'the helper to be gone' });
  });

  test('ends with the mirror', async () => {
    await write('echo $$ > self; exec sleep 1000');
    const failed = expect(runner.run('test', 'registry.lan')).rejects.toThrow('SIGKILL');
    await pollUntil(async () => (await noted('self')).endsWith('\n'), { what: 'the helper to run' });
    runner.close();
    await failed;
  });
});

/** One that has ended and that nobody has waited for yet is not. */
function isAlive(pid: number): boolean {
  try {
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}
