import { expect, test } from '@jest/globals';
import { formatConfig } from '../../../src/config/effective.ts';
import { load } from './support.ts';

const full = `
  listen: [127.0.0.1:5000, "[::1]:5000"]
  publicUrl: https://mirror.lan
  instance: rack-7
  catalog: true
  admin: { hosts: [admin.lan], listen: "0.0.0.0:5080", tokenFile: /etc/passwd, createToken: true, openMetrics: true }
  cache: { path: /srv/cache, maxSize: 0, staleIfError: forever }
  egress: { allow: [10.0.0.0/8] }
  limits: { connectionsPerClient: 10, requestsPerClient: 0, burstPerClient: 5 }
  upstreams:
    - name: docker.io
      urls:
        - { url: "http://near:5000", tags: true }
        - { url: "https://registry-1.docker.io", username: me, passwordEnv: HUB_TOKEN, authHosts: [auth.lan] }
    - name: registry.lan:5000
      url: https://registry.lan:5000
      aliases: [old.lan]
      virtualHosts: [registry.mirror.lan]
      default: true
      username: me
      passwordFile: /etc/passwd
      shareCredentials: true
      repositoryPrefix: proxy/hub
      tls: { caFile: /etc/passwd, certFile: /etc/passwd, keyFile: /etc/passwd }
      proxy: http://proxy:3128
      tagTtl: 90s
      rateLimitReserve: 20
      allow: []
      deny: ["org/secret*", "org/app:dev*"]
      tags: [{ match: v*.*.*, immutable: true }, { match: "*", ttl: 90s }]
`;

test.each(['', full])('what is printed loads to the same configuration', (yaml) => {
  const environment = { HUB_TOKEN: 'geheim' };
  const config = load({ yaml, environment });
  const printed = formatConfig(config);
  expect(load({ yaml: printed, environment })).toEqual(config);
  expect(printed).not.toContain('geheim');
});

test('a login that got into a URL is masked', () => {
  const config = load({});
  const printed = formatConfig({ ...config, publicUrl: 'https://me:geheim@mirror.lan' });
  expect(printed).toContain('publicUrl: https://***@mirror.lan');
  expect(printed).not.toContain('geheim');
});
