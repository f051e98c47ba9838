import { describe, expect, test } from '@jest/globals';
import { hashSync } from 'bcryptjs';
import { formatConfig } from '../../../src/config/effective.ts';
import { resolvePublicUrl } from '../../../src/config/public-url.ts';
import { authority, clientKey, serverCertificate, serverKey } from '../upstream/certificates.ts';
import { load, problemsOf } from './support.ts';

const files = {
  'tls.crt': serverCertificate,
  'tls.key': serverKey,
  'other.key': clientKey,
  'ca.crt': authority,
  htpasswd: `alice:${hashSync('wonderland', 4)}\n`,
  'bad.htpasswd': 'alice:wonderland\n',
};

describe('clients', () => {
  test('are networks, proxies and accounts', () => {
    const yaml =
      'clients: { allow: [loopback, 10.0.0.0/8, "fd00::1"], trustedProxies: [10.0.0.1], accounts: { file: htpasswd } }';
    const { clients } = load({ yaml, files });
    expect(clients).toMatchObject({ allow: ['loopback', '10.0.0.0/8', 'fd00::1'], trustedProxies: ['10.0.0.1'] });
    expect(clients.accounts.file).toMatch(/^\/.*\/htpasswd$/);
  });

  test('may come from the environment', () => {
    const environment = { STOWAGE__CLIENTS__ALLOW: 'loopback,private' };
    expect(load({ environment }).clients.allow).toEqual(['loopback', 'private']);
  });

  test.each([
    ['clients: { allow: [lan] }', 'clients.allow[0]: expected everybody, loopback, private, an address, or a range'],
    ['clients: { allow: [10.0.0.0/33] }', 'clients.allow[0]: expected everybody'],
    ['clients: { allow: [] }', 'clients.allow: expected at least one network, or everybody'],
    ['clients: { trustedProxies: [private] }', 'clients.trustedProxies[0]: expected an address, or a range'],
    ['clients: { accounts: { file: none } }', 'clients.accounts.file: expected a readable file of logins'],
    ['clients: { accounts: { file: bad.htpasswd } }', 'line 1: expected a bcrypt hash'],
  ])('%s is a mistake', (yaml, expected) => {
    const problems = problemsOf({ yaml, files });
    expect(problems.join('\n')).toContain(expected);
    expect(problems.join('\n')).not.toContain('wonderland');
  });

  test('cannot log in both here and upstream', () => {
    const yaml =
      'clients: { accounts: { file: htpasswd } }\nupstreams: [{ name: docker.io }, { name: a.test, access: passthrough }]';
    expect(problemsOf({ yaml, files }).join('\n')).toContain(
      'upstreams[1].access: expected another access, or no clients.accounts',
    );
  });
});

describe('tls of a listener', () => {
  test('is a certificate and a key, and makes the address https', () => {
    const config = load({ yaml: 'tls: { certFile: tls.crt, keyFile: tls.key }', files });
    expect(config.tls).toMatchObject({ clientCaFile: undefined, clientCerts: 'none' });
    expect(config.admin.tls).toBeUndefined();
    expect(resolvePublicUrl(config)).toBe('https://127.0.0.1:5000');
  });

  test('is written out as it was read', () => {
    const tls = '{ certFile: tls.crt, keyFile: tls.key, clientCaFile: ca.crt, clientCerts: optional }';
    const text = formatConfig(load({ yaml: `tls: ${tls}\nadmin: { tls: ${tls} }`, files }));
    expect(text.match(/clientCerts: optional/g)).toHaveLength(2);
    expect(text.match(/clientCaFile: \/.*ca\.crt/g)).toHaveLength(2);
  });

  test.each([
    ['{ certFile: tls.crt }', 'tls.certFile: expected keyFile beside it'],
    ['{ keyFile: tls.key }', 'tls.keyFile: expected certFile beside it'],
    ['{ certFile: tls.crt, keyFile: other.key }', 'tls.keyFile: expected the key of the certificate'],
    ['{ certFile: tls.key, keyFile: tls.key }', 'tls.certFile: expected a certificate in PEM form'],
    ['{ certFile: tls.crt, keyFile: tls.crt }', 'tls.keyFile: expected a private key in PEM form'],
    ['{ certFile: none, keyFile: tls.key }', 'tls.certFile: expected a readable file'],
    [
      '{ certFile: tls.crt, keyFile: tls.key, clientCaFile: htpasswd, clientCerts: required }',
      'tls.clientCaFile: expected certificates in PEM form',
    ],
    [
      '{ certFile: tls.crt, keyFile: tls.key, clientCerts: required }',
      'tls.clientCerts: expected clientCaFile beside it',
    ],
    [
      '{ certFile: tls.crt, keyFile: tls.key, clientCaFile: ca.crt }',
      'tls.clientCaFile: expected clientCerts: optional or',
    ],
    ['{ clientCaFile: ca.crt, clientCerts: required }', 'tls.clientCerts: expected certFile and keyFile beside it'],
  ])('%s is a mistake', (tls, expected) => {
    expect(problemsOf({ yaml: `tls: ${tls}`, files }).join('\n')).toContain(expected);
    expect(problemsOf({ yaml: `admin: { tls: ${tls} }`, files }).join('\n')).toContain(`admin.${expected}`);
  });
});
