import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import process from 'node:process';
import { ensureRuntime, isRecentEnough } from '../../src/runtime.ts';

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
    await expect(ensureRuntime({ version: '26.10.0', findNode })).resolves.toBe(true);
    expect(process.env['UV_THREADPOOL_SIZE']).toBe('32');
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
