import { expect, test } from '@jest/globals';
import { loadConfig } from '../../../src/config/load.ts';
import { readProjectFile, toSeconds } from './files.ts';

const settings = readProjectFile('packaging/systemd/stowage.service')
  .split('\n')
  .filter((line) => /^\w+=/.test(line))
  .map((line): [string, string] => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]);
const find = (key: string): readonly string[] => settings.filter(([name]) => name === key).map(([, value]) => value);

const variables = find('Environment').map((text): [string, string] => {
  const [name = '', ...rest] = text.split('=');
  return [name, rest.join('=')];
});
const config = loadConfig({ environment: Object.fromEntries(variables), directory: '/etc/stowage' });

test('the unit sets only variables that exist, and keeps the cache in its state directory', () => {
  expect(config.cache.path).toBe(`/var/lib/${find('StateDirectory')[0]}`);
  expect(find('WorkingDirectory')).toEqual([`/etc/${find('ConfigurationDirectory')[0]}`]);
});

test('the unit gives running pulls the time to end', () => {
  const { drainMs, drainDelayMs } = config.limits;
  expect(toSeconds(find('TimeoutStopSec')[0] ?? 0) * 1000).toBeGreaterThan(drainMs + drainDelayMs);
  expect(find('KillMode')).toEqual(['mixed']);
});

test('the unit reloads by the signal that the mirror knows, and needs no user or root', () => {
  expect(find('ExecReload')).toEqual(['/bin/kill -HUP $MAINPID']);
  expect(find('DynamicUser')).toEqual(['yes']);
  expect(find('CapabilityBoundingSet')).toEqual(['']);
});
