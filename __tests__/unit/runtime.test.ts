import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { ensureRuntime, isRecentEnough, learnFast } from '../../src/runtime.ts';

const mustNotBecome = (): never => {
  throw new Error('the process is fit as it is');
};

describe('the runtime', () => {
  let exitCode: typeof process.exitCode;
  beforeEach(() => {
    exitCode = process.exitCode;
  });
  afterEach(() => {
    process.exitCode = exitCode;
  });

  test.each([
    ['26.10.0', true],
    ['22.20.0', true],
    ['22.19.9', false],
    ['20.20.2', false],
    ['9.99.0', false],
  ])('takes Node %s for recent enough: %s', (version, isEnough) => {
    expect(isRecentEnough(version)).toBe(isEnough);
  });

  test('lets a recent Node run the program at once', async () => {
    const findNode = (): never => {
      throw new Error('not asked');
    };
    const execArgv = ['--max-semi-space-size=16'];
    await expect(ensureRuntime({ version: '26.10.0', findNode, execArgv, become: mustNotBecome })).resolves.toBe(true);
    expect(process.env['UV_THREADPOOL_SIZE']).toBe('32');
    expect(process.env['MALLOC_ARENA_MAX']).toBe('2');
  });

  test('becomes a Node with our flags, which keeps those that it was started with', async () => {
    const became: (readonly string[])[] = [];
    const become = (nodePath: string, args: readonly string[]): void => void became.push([nodePath, ...args]);
    // Where a process cannot be replaced it runs on as it is.
    await expect(ensureRuntime({ version: '26.10.0', execArgv: ['--cpu-prof'], become })).resolves.toBe(true);
    expect(became).toEqual([[process.execPath, '--max-semi-space-size=4', '--heap-growing-percent=30', '--cpu-prof']]);
  });

  test('asks V8 to learn fast by flags that this Node has', () => {
    const names: string[] = [];
    learnFast((flag) => void names.push(flag.replace(/^--(?:no-)?/, '').replace(/=.*/, '')));
    const known = execFileSync(process.execPath, ['--v8-options'], { encoding: 'utf8' });
    expect(names).toHaveLength(2);
    for (const name of names) expect(known).toContain(`--${name} (`);
  });

  test('starts the program again under the packaged Node, and passes its exit status on', async () => {
    const started: string[] = [];
    const restart = (nodePath: string): Promise<number> => {
      started.push(nodePath);
      return Promise.resolve(7);
    };
    const mayRun = await ensureRuntime({ version: '20.20.2', findNode: () => '/packaged/node', restart });
    expect(mayRun).toBe(false);
    expect(started).toEqual(['/packaged/node']);
    expect(process.exitCode).toBe(7);
  });

  test('ends with status 2 and names the version it needs where there is no other Node', async () => {
    const lines: string[] = [];
    const mayRun = await ensureRuntime({
      version: '20.20.2',
      findNode: () => undefined,
      writeError: (line) => lines.push(line),
    });
    expect(mayRun).toBe(false);
    expect(process.exitCode).toBe(2);
    expect(lines.join('\n')).toContain('22.20');
    expect(lines.join('\n')).toContain('20.20.2');
  });
});

describe('a program started by an older Node', () => {
  let directory: string;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'stowage-runtime-'));
    // The first process takes itself for an old one, the second for what it is.
    const program = `
      import { ensureRuntime } from ${JSON.stringify(new URL('../../src/runtime.js', import.meta.url).href)};
      const version = process.env.AGAIN === '1' ? process.versions.node : '20.20.2';
      process.env.AGAIN = '1';
      if (await ensureRuntime({ version, findNode: () => process.execPath })) {
        const [, , ...words] = process.argv;
        if (words[0] === 'die') process.kill(process.pid, 'SIGKILL');
        process.on('SIGTERM', () => process.exit(4));
        process.on('SIGHUP', () => console.log('again'));
        if (words[0] === 'wait') setInterval(() => {}, 1000);
        else process.exitCode = 3;
        console.log(words.join(' '));
      }`;
    await writeFile(join(directory, 'main.mjs'), program);
  });
  afterAll(async () => {
    await rm(directory, { recursive: true });
  });

  function start(...words: readonly string[]): ChildProcess {
    return spawn(process.execPath, [join(directory, 'main.mjs'), ...words], { stdio: ['ignore', 'pipe', 'inherit'] });
  }

  test('gets its arguments, and ends with its own exit status', async () => {
    const child = start('one', '--two');
    const [words, status] = await Promise.all([once(child.stdout ?? child, 'data'), once(child, 'exit')]);
    expect(words.map(String)).toEqual(['one --two\n']);
    expect(status).toEqual([3, null]);
  });

  test('gets the signals that were meant for it', async () => {
    const child = start('wait');
    await once(child.stdout ?? child, 'data');
    // Twice, as a configuration may change twice: only the others mean the end.
    for (let time = 0; time < 2; time += 1) {
      child.kill('SIGHUP');
      expect((await once(child.stdout ?? child, 'data')).map(String)).toEqual(['again\n']);
    }
    child.kill('SIGTERM');
    expect(await once(child, 'exit')).toEqual([4, null]);
  });

  test('does not outlive it, however it ends', async () => {
    const child = start('wait');
    const output = child.stdout ?? child;
    await once(output, 'data');
    child.kill('SIGKILL');
    // Both hold the pipe: it closes when both are gone.
    await once(output, 'close');
  });

  test('is seen to die of a signal', async () => {
    expect(await once(start('die'), 'exit')).toEqual([null, 'SIGKILL']);
  });
});
