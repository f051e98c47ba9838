import { describe, expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { loadConfig } from '../../../src/config/load.ts';
import {
  hasProjectFile,
  readDockerfile,
  readImageVariables,
  readProjectFile,
  toSeconds,
  withDefaults,
} from './files.ts';

const imageVariables = readImageVariables();
const load = (variables: Readonly<Record<string, string>>) =>
  loadConfig({ environment: { ...imageVariables, ...variables }, directory: '/etc/stowage' });
const config = load({});

describe('the Dockerfile', () => {
  const instructions = readDockerfile();
  const find = (word: string): readonly string[] =>
    instructions.filter((instruction) => instruction.word === word).map(({ rest }) => rest);

  test('sets only variables that exist', () => {
    expect(config.cache.path).toBe('/var/lib/stowage');
    expect(config.cache.lockWaitMs).toBe(60_000);
    expect(config.limits.drainDelayMs).toBe(5_000);
    expect(config.clients.allow).toEqual(['loopback', 'private']);
    expect(config.admin).toMatchObject({ tokenFile: '/var/lib/stowage/admin-token', createsToken: true });
  });

  test('opens the ports where the mirror listens', () => {
    const ports = [...config.listen, ...config.admin.listen].map(({ port }) => String(port));
    expect(find('EXPOSE').flatMap((rest) => rest.split(' '))).toEqual(ports);
  });

  test('keeps the cache in its volume, and runs as a user with a number', () => {
    expect(find('VOLUME')).toEqual([config.cache.path]);
    expect(find('USER').at(-1)).toMatch(/^[1-9]\d*:[1-9]\d*$/);
  });

  test('takes its base from one argument, so that another registry can serve it', () => {
    expect(find('ARG')).toEqual(['NODE_IMAGE=node:26-bookworm-slim']);
    expect(new Set(find('FROM').map((rest) => rest.split(' ')[0]))).toEqual(new Set(['${NODE_IMAGE}']));
  });

  test('copies what is there, and what .dockerignore lets through', () => {
    const kept = readProjectFile('.dockerignore')
      .split('\n')
      .filter((line) => line.startsWith('!'))
      .map((line) => new RegExp(`^${line.slice(1).replaceAll('.', '\\.').replaceAll('*', '[^/]*')}(/|$)`));
    const sources = find('COPY')
      .filter((rest) => !rest.startsWith('--from'))
      .flatMap((rest) => rest.split(' ').slice(0, -1));
    expect(sources.length).toBeGreaterThan(8);
    expect(sources.filter((source) => !source.includes('*') && !hasProjectFile(source))).toEqual([]);
    expect(sources.filter((source) => !kept.some((pattern) => pattern.test(source)))).toEqual([]);
  });
});

describe('docker-compose.yml', () => {
  interface Service {
    readonly environment: Readonly<Record<string, string>>;
    readonly ports?: readonly string[];
    readonly stop_grace_period?: string;
    readonly command?: readonly string[];
    readonly volumes?: readonly string[];
  }
  const { services } = parse(withDefaults(readProjectFile('docker-compose.yml'))) as {
    services: { mirror: Service; docker: Service };
  };
  const { mirror, docker } = services;

  test('sets only what exists', () => {
    expect(load(mirror.environment).publicUrl).toBe('http://127.0.0.1:5000');
  });

  test('opens both listeners to this machine only', () => {
    expect(mirror.ports).toEqual(['127.0.0.1:5000:5000', '127.0.0.1:5080:5080']);
  });

  test('keeps the cache in a volume', () => {
    expect(mirror.volumes).toEqual([`cache:${config.cache.path}`]);
  });

  test('gives running pulls the time to end', () => {
    const { drainMs, drainDelayMs } = load(mirror.environment).limits;
    expect(toSeconds(mirror.stop_grace_period ?? 0) * 1000).toBeGreaterThan(drainMs + drainDelayMs);
  });

  test('sends the daemon beside it to the mirror', () => {
    expect(docker.command).toEqual([`--registry-mirror=http://mirror:${config.listen[0]?.port}`]);
  });
});
