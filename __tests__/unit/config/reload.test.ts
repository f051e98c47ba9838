import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { planTransition } from '../../../src/config/changes.ts';
import { createConfigSource } from '../../../src/config/source.ts';
import { watchFile, type FileWatch } from '../../../src/config/watch-file.ts';
import { createSignal } from '../../support/signal.ts';
import { createDirectory, load } from './support.ts';

describe('from one configuration to the next', () => {
  const running = load({ yaml: 'listen: 127.0.0.1:5000' });
  const htpasswd = `alice:$2b$04$${'a'.repeat(53)}`;

  test('nothing changes where both are equal', () => {
    const next = load({ yaml: '' });
    const here = { ...next, cache: { ...next.cache, path: running.cache.path } };
    expect(planTransition(running, here)).toEqual({ config: running, changed: [], waiting: [] });
  });

  test('what a running program cannot change stays, and is named', () => {
    const yaml = `
      { listen: "127.0.0.1:1", instance: b, admin: { listen: "127.0.0.1:2", hosts: [a.lan] }, catalog: true,
        clients: { accounts: { file: htpasswd }, allow: [private] }, cache: { path: /elsewhere, maxSize: 1GB } }`;
    const { config, changed, waiting } = planTransition(running, load({ yaml, files: { htpasswd } }));
    expect(waiting).toEqual(['listen', 'instance', 'admin.listen', 'clients.accounts', 'cache.path']);
    expect(changed).toEqual(['catalog', 'admin', 'clients', 'cache']);
    expect(config).toEqual({
      ...running,
      catalog: true,
      admin: { ...running.admin, hosts: ['a.lan'] },
      clients: { ...running.clients, allow: ['private'] },
      cache: { ...running.cache, maxSizeBytes: 1_000_000_000 },
    });
    expect(Object.isFrozen(config) && Object.isFrozen(config.cache)).toBe(true);
  });
});

describe('a source of the configuration', () => {
  test('reads the file anew each time', () => {
    const directory = createDirectory({ 'mirror.config.yaml': 'catalog: true' });
    const source = createConfigSource({ environment: {}, directory: directory.path });
    expect(source.file).toBe(join(directory.path, 'mirror.config.yaml'));
    expect(source.load().catalog).toBe(true);
    writeFileSync(join(directory.path, 'mirror.config.yaml'), 'catalog: false');
    expect(source.load().catalog).toBe(false);
    directory.remove();
  });

  test('does not take the defaults for a file that is gone', () => {
    const directory = createDirectory({ 'mirror.config.yaml': 'catalog: true' });
    const source = createConfigSource({ environment: {}, directory: directory.path });
    rmSync(join(directory.path, 'mirror.config.yaml'));
    expect(() => source.load()).toThrow('mirror.config.yaml: expected a readable file, found no such file');
    directory.remove();
  });

  test('without a file gives the defaults, until there is one', () => {
    const directory = createDirectory();
    const source = createConfigSource({ environment: {}, directory: directory.path });
    expect([source.file, source.load().catalog]).toEqual([undefined, false]);
    writeFileSync(join(directory.path, 'mirror.config.yaml'), 'catalog: true');
    expect(source.load().catalog).toBe(true);
    expect(source.file).toBe(join(directory.path, 'mirror.config.yaml'));
    directory.remove();
  });
});

describe('a watched file', () => {
  let directory: ReturnType<typeof createDirectory>;
  let watch: FileWatch | undefined;
  /** The one that runs; `stir` is raised when one begins, `changes` counts. */
  let timer: (() => void) | undefined;
  let changes = 0;
  const stir = createSignal();
  beforeEach(() => {
    directory = createDirectory({ 'real/a.yaml': 'one' });
    [timer, changes] = [undefined, 0];
  });
  afterEach(() => {
    watch?.close();
    directory.remove();
  });
  const at = (...names: readonly string[]) => join(directory.path, ...names);

  function start(file: string): void {
    watch = watchFile({
      file,
      onChange: () => (changes += 1),
      onError(error) {
        throw error;
      },
      startTimer(_delayMs, onTime) {
        timer = onTime;
        stir.raise();
        return { stop: () => (timer = undefined) };
      },
    });
  }

  /** The file has been touched, and what is there stays. */
  async function settle(): Promise<void> {
    await stir.until(() => timer !== undefined);
    while (timer !== undefined) {
      const onTime: () => void = timer;
      timer = undefined;
      onTime();
    }
  }

  test('tells once of what it says now, whichever way it came there', async () => {
    start(at('real', 'a.yaml'));
    writeFileSync(at('real', 'a.yaml'), 'two');
    await settle();
    expect(changes).toBe(1);
    writeFileSync(at('real', 'b.yaml'), 'three');
    renameSync(at('real', 'b.yaml'), at('real', 'a.yaml'));
    await settle();
    expect(changes).toBe(2);
    rmSync(at('real', 'a.yaml'));
    await settle();
    expect(changes).toBe(3);
  });

  test('tells nothing of its neighbours, nor of a time when it was written half', async () => {
    start(at('real', 'a.yaml'));
    writeFileSync(at('real', 'other.yaml'), 'two');
    await settle();
    writeFileSync(at('real', 'a.yaml'), '');
    await stir.until(() => timer !== undefined);
    const first = timer;
    timer = undefined;
    first?.();
    writeFileSync(at('real', 'a.yaml'), 'one');
    await settle();
    expect(changes).toBe(0);
  });

  test('is seen through links, which may come to lead elsewhere', async () => {
    mkdirSync(at('here'));
    mkdirSync(at('new'));
    writeFileSync(at('new', 'a.yaml'), 'two');
    symlinkSync(at('real'), at('data'));
    symlinkSync(at('data', 'a.yaml'), at('here', 'a.yaml'));
    start(at('here', 'a.yaml'));
    writeFileSync(at('real', 'a.yaml'), 'other');
    await settle();
    expect(changes).toBe(1);
    symlinkSync(at('new', 'a.yaml'), at('here', 'next'));
    renameSync(at('here', 'next'), at('here', 'a.yaml'));
    await settle();
    expect(changes).toBe(2);
    writeFileSync(at('new', 'a.yaml'), 'three');
    await settle();
    expect(changes).toBe(3);
  });

  test('in a circle of links tells nothing, and ends', () => {
    symlinkSync(at('y.yaml'), at('x.yaml'));
    symlinkSync(at('x.yaml'), at('y.yaml'));
    start(at('x.yaml'));
    expect(changes).toBe(0);
  });

  test('that is no longer watched tells nothing', () => {
    start(at('real', 'a.yaml'));
    watch?.close();
    writeFileSync(at('real', 'a.yaml'), 'two');
    expect(timer).toBeUndefined();
  });
});
