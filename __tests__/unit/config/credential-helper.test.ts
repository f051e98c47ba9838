import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { formatConfig } from '../../../src/config/effective.ts';
import { createDirectory, load, problemsOf } from './support.ts';

let bin: ReturnType<typeof createDirectory>;
beforeEach(() => {
  bin = createDirectory({ 'docker-credential-ecr-login': '#!/bin/sh\n' });
  chmodSync(join(bin.path, 'docker-credential-ecr-login'), 0o755);
});
afterEach(() => bin.remove());
const environment = () => ({ PATH: `/nowhere:${bin.path}`, SET: 'x' });

test('a helper gives the login of an upstream, or of one of its URLs', () => {
  const yaml = `
    upstreams:
      - { name: a.io, credentialHelper: ecr-login, shareCredentials: true }
      - { name: b.io, urls: [{ url: "http://near:5000" }, { url: "https://b.io", credentialHelper: ecr-login }] }`;
  const config = load({ yaml, environment: environment() });
  expect(config.upstreams.map(({ urls }) => urls.map(({ login }) => login))).toEqual([
    [{ helper: 'ecr-login' }],
    [undefined, { helper: 'ecr-login' }],
  ]);
  expect(load({ yaml: formatConfig(config), environment: environment() })).toEqual(config);
});

test('a helper stands in place of name and password, not beside them', () => {
  const yaml = 'upstreams: [{ name: a.io, credentialHelper: ecr-login, username: me, passwordEnv: SET }]';
  expect(problemsOf({ yaml, environment: environment() })).toEqual([
    'upstreams[0].credentialHelper: expected either credentialHelper or username and passwordEnv',
  ]);
});

test('a helper that stands beside urls belongs into one of them', () => {
  const yaml = 'upstreams: [{ name: a.io, urls: [{ url: "https://a.io" }], credentialHelper: ecr-login }]';
  expect(problemsOf({ yaml, environment: environment() })).toEqual([
    'upstreams[0].credentialHelper: expected the key within the entry of urls for which it holds',
  ]);
});

test('a helper that may not be run is none', () => {
  chmodSync(join(bin.path, 'docker-credential-ecr-login'), 0o644);
  const yaml = 'upstreams: [{ name: a.io, credentialHelper: ecr-login }]';
  expect(problemsOf({ yaml, environment: environment() })).toEqual([
    'upstreams[0].credentialHelper: expected the program docker-credential-ecr-login in a directory of PATH, found none',
  ]);
});
