import { expect, test } from '@jest/globals';
import { formatBanner } from '../../../src/cli/banner.ts';
import { loadConfig } from '../../../src/config/load.ts';

function load(environment: Readonly<Record<string, string>>) {
  return loadConfig({ environment, directory: '/srv/stowage' });
}

test('the banner says where the mirror listens and what to paste', () => {
  const config = load({});
  expect(formatBanner(config, { mirror: config.listen, admin: config.admin.listen })).toBe(`
  Stowage mirrors docker.io
  pull from   http://127.0.0.1:5000
  page        http://127.0.0.1:5080
  cache       /srv/stowage/data (at most 50GiB)

  /etc/docker/daemon.json:
  {"registry-mirrors":["http://127.0.0.1:5000"]}
  other clients: stowage client-config containerd|podman|buildkit

`);
});

test('the addresses are those that the listeners got', () => {
  const config = load({ STOWAGE__LISTEN: '0.0.0.0:0,[::]:0', STOWAGE__CACHE__MAX_SIZE: '0' });
  const banner = formatBanner(config, {
    mirror: [
      { host: '0.0.0.0', port: 40_001 },
      { host: '::', port: 40_002 },
    ],
    admin: [{ host: '127.0.0.1', port: 40_003 }],
  });
  expect(banner).toContain('pull from   http://127.0.0.1:40001  http://[::1]:40002\n');
  expect(banner).toContain('page        http://127.0.0.1:40003\n');
  expect(banner).toContain('{"registry-mirrors":["http://127.0.0.1:40001"]}');
  expect(banner).toContain('(no limit)');
});

test('a public URL is what clients are told', () => {
  const config = load({ STOWAGE__PUBLIC_URL: 'http://mirror.lan:5000' });
  expect(formatBanner(config, { mirror: config.listen, admin: config.admin.listen })).toContain(
    '{"registry-mirrors":["http://mirror.lan:5000"],"insecure-registries":["mirror.lan:5000"]}',
  );
});
