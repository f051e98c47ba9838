import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { MirrorError } from '../../../src/oci/errors.ts';
import { run } from './run.ts';

async function inDirectory<T>(yaml: string, use: (cwd: string) => Promise<T>): Promise<T> {
  const cwd = mkdtempSync(join(tmpdir(), 'stowage-cli-'));
  writeFileSync(join(cwd, 'mirror.config.yaml'), yaml);
  try {
    return await use(cwd);
  } finally {
    rmSync(cwd, { recursive: true, force: true });
  }
}

describe('serve', () => {
  test.each([[[]], [['serve']]])('runs for %j with the configuration', async (argv) => {
    const result = await run(argv, { env: { STOWAGE__CATALOG: 'true' } });
    expect(result).toMatchObject({ status: 0, stdout: '', stderr: '' });
    expect(result.served?.catalog).toBe(true);
  });

  test('takes the file in the working directory', async () => {
    const result = await inDirectory('listen: 127.0.0.1:6000', (cwd) => run([], { cwd }));
    expect(result.served?.listen).toEqual([{ host: '127.0.0.1', port: 6000 }]);
  });

  test('takes the file it is told, without naming the command too', async () => {
    const result = await inDirectory('catalog: true', (cwd) => run(['--config', join(cwd, 'mirror.config.yaml')]));
    expect(result.served?.catalog).toBe(true);
  });

  test('is not reached with a bad configuration: all problems, one a line, no stack, status 2', async () => {
    const result = await inDirectory('catalog: 7\ncache: { tagTtl: 5 }\n', (cwd) => run([], { cwd }));
    expect(result.status).toBe(2);
    expect(result.served).toBeUndefined();
    expect(result.stderr.trimEnd().split('\n')).toEqual([
      'catalog: expected true or false, found a number',
      expect.stringMatching(/^cache\.tagTtl: expected a duration: .*, found 5$/),
    ]);
  });

  test('fails with a sentence where the system refuses', async () => {
    const refusal = Object.assign(new Error('listen EADDRINUSE: 127.0.0.1:5000'), { code: 'EADDRINUSE' });
    const result = await run([], { serve: () => Promise.reject(refusal) });
    expect(result).toMatchObject({ status: 1, stderr: 'stowage: listen EADDRINUSE: 127.0.0.1:5000\n' });
  });

  test('fails with a sentence where a part of the service refuses', async () => {
    const refusal = new MirrorError({ kind: 'overloaded', message: 'the cache is in use' });
    const result = await run([], { serve: () => Promise.reject(refusal) });
    expect(result).toMatchObject({ status: 1, stderr: 'stowage: the cache is in use\n' });
  });

  test('shows the stack of a bug', async () => {
    const result = await run([], { serve: () => Promise.reject(new TypeError('x is not a function')) });
    expect(result.status).toBe(1);
    expect(result.stderr).toMatch(/^stowage: TypeError: x is not a function\n +at /);
  });
});

describe('check', () => {
  test('prints the configuration with every default', async () => {
    const result = await run(['check'], { env: { STOWAGE__CACHE__MAX_SIZE: '200GiB' } });
    expect(result.status).toBe(0);
    expect(parse(result.stdout)).toMatchObject({
      listen: ['127.0.0.1:5000'],
      cache: { maxSize: '200GiB', tagTtl: '5m' },
      upstreams: [{ name: 'docker.io' }],
    });
  });

  test('prints where a secret is, not what it is', async () => {
    const env = {
      STOWAGE__UPSTREAMS__0__USERNAME: 'me',
      STOWAGE__UPSTREAMS__0__PASSWORD_ENV: 'HUB_TOKEN',
      HUB_TOKEN: 'geheim',
    };
    const { stdout } = await run(['check'], { env });
    expect(stdout).toContain('passwordEnv: HUB_TOKEN');
    expect(stdout).not.toContain('geheim');
  });

  test('prints nothing to stdout when something is wrong', async () => {
    const result = await run(['check', '--config', 'absent.yaml']);
    expect(result).toMatchObject({
      status: 2,
      stdout: '',
      stderr: 'absent.yaml: expected a readable file, found no such file\n',
    });
  });
});

describe('usage', () => {
  test.each([
    [['bogus'], "error: unknown command or argument 'bogus'"],
    [['serve', 'now'], "error: unknown command or argument 'now'"],
    [['--bogus'], "error: unknown option '--bogus'"],
    [['check', '--config'], "error: option '-c, --config <file>' argument missing"],
    [['client-config'], "error: missing required argument 'client'"],
    [['client-config', 'rkt'], 'Allowed choices are docker, containerd, podman, buildkit.'],
  ])('%j is refused with status 2', async (argv, message) => {
    const result = await run(argv);
    expect(result).toMatchObject({ status: 2, stdout: '', served: undefined });
    expect(result.stderr).toContain(message);
  });

  test('help and version are no failure', async () => {
    expect(await run(['--version'])).toMatchObject({ status: 0, stdout: '1.2.3\n', stderr: '' });
    const help = await run(['--help']);
    expect(help).toMatchObject({ status: 0, stderr: '' });
    for (const command of ['serve', 'check', 'client-config']) expect(help.stdout).toContain(command);
  });
});
