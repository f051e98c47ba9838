import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { createFakes } from './fake-api.ts';
import { findFreePort } from '../../support/free-port.ts';
import { run } from './run.ts';
import { sampleStatus } from './samples.ts';

const fakes = createFakes();
let cwd = '';
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'stowage-cli-'));
});
afterEach(async () => {
  rmSync(cwd, { recursive: true, force: true });
  await fakes.end();
});

const startGood = () => fakes.start(() => ({ body: sampleStatus }));
const write = (name: string, text: string) => writeFileSync(join(cwd, name), text);

describe('the mirror is asked where', () => {
  test('--admin says, before the environment', async () => {
    const api = await startGood();
    const env = { STOWAGE__ADMIN__URL: 'http://127.0.0.1:1' };
    expect(await run(['status', '--admin', `${api.url}/`], { env })).toMatchObject({ status: 0 });
  });

  test('the environment says, before the configuration', async () => {
    const api = await startGood();
    write('mirror.config.yaml', 'admin: { listen: "127.0.0.1:1" }');
    expect(await run(['status'], { cwd, env: { STOWAGE__ADMIN__URL: api.url } })).toMatchObject({ status: 0 });
  });

  test.each(['127.0.0.1', '0.0.0.0'])('the configuration says it listens on %s', async (host) => {
    const api = await startGood();
    write('token', 'geheim-geheim-geheim\n');
    write('other.yaml', `admin: { listen: "${host}:${api.port}", tokenFile: token }`);
    const result = await run(['status', '--config', 'other.yaml'], { cwd });
    expect(result).toMatchObject({ status: 0, stderr: '' });
    expect(result.stdout).toContain(`at http://127.0.0.1:${api.port}\n`);
  });

  test('a path before the API says', async () => {
    const api = await startGood();
    await run(['status', '--admin', `${api.url}/stowage/`]);
    expect(api.calls[0]?.target).toBe('/stowage/api/v1/status');
  });

  test('a broken configuration does not matter where the URL is given', async () => {
    const api = await startGood();
    write('mirror.config.yaml', 'catalog: 7');
    expect(await run(['status', '--admin', api.url], { cwd })).toMatchObject({ status: 0 });
    expect(await run(['status'], { cwd })).toMatchObject({
      status: 2,
      stderr: 'catalog: expected true or false, found a number\n',
    });
  });

  test.each([
    [['--admin', 'mirror'], {}, '--admin: expected a URL, as in http://127.0.0.1:5080, found "mirror"'],
    [['--admin', 'ftp://mirror'], {}, '--admin: expected a URL, as in http://127.0.0.1:5080, found "ftp://mirror"'],
    [
      ['--admin', 'http://me:pw@mirror'],
      {},
      '--admin: expected a URL without a login; --token-file says where a token is',
    ],
    [[], { STOWAGE__ADMIN__URL: '::' }, 'STOWAGE__ADMIN__URL: expected a URL, as in http://127.0.0.1:5080, found "::"'],
  ])('%j %j says nothing of use', async (words, env, line) => {
    expect(await run(['status', ...words], { env })).toMatchObject({ status: 2, stderr: `stowage: ${line}\n` });
  });
});

describe('the token', () => {
  test('of --token-file is sent', async () => {
    const api = await startGood();
    write('token', 'geheim\n');
    await run(['status', '--admin', api.url, '--token-file', 'token'], { cwd });
    expect(api.calls[0]?.headers.authorization).toBe('Bearer geheim');
  });

  test('of the configuration is sent, also to where the URL says', async () => {
    const api = await startGood();
    write('token', 'geheim-geheim-geheim\n');
    write('mirror.config.yaml', 'admin: { tokenFile: token }');
    await run(['status', '--admin', api.url], { cwd });
    expect(api.calls[0]?.headers.authorization).toBe('Bearer geheim-geheim-geheim');
  });

  test('of the configuration that has not been made yet is missed only where it is needed', async () => {
    let isNeeded = false;
    const api = await fakes.start(() => (isNeeded ? { status: 401, body: { error: 'no' } } : { body: sampleStatus }));
    write('mirror.config.yaml', 'admin: { tokenFile: token, createToken: true }');
    expect(await run(['status', '--admin', api.url], { cwd })).toMatchObject({ status: 0 });
    isNeeded = true;
    const reason = `${join(cwd, 'token')} cannot be read (no such file): --token-file FILE names another file`;
    expect(await run(['status', '--admin', api.url], { cwd })).toMatchObject({
      status: 1,
      stderr: `stowage: ${api.url} wants a token, and ${reason}\n`,
    });
  });

  test('is not sent where there is none', async () => {
    const api = await startGood();
    await run(['status', '--admin', api.url]);
    expect(api.calls[0]?.headers.authorization).toBeUndefined();
  });

  test.each([
    ['absent', 'cannot be read (no such file)'],
    ['empty', 'holds no token: expected one line of letters, digits and signs'],
    ['lines', 'holds no token: expected one line of letters, digits and signs'],
  ])('in a file that is %s is bad usage', async (name, reason) => {
    write('empty', '\n');
    write('lines', 'a\nb\n');
    const result = await run(['status', '--token-file', name], { cwd });
    expect(result).toMatchObject({ status: 2, stderr: `stowage: --token-file: ${join(cwd, name)} ${reason}\n` });
  });

  test('that is missing or wrong is asked for', async () => {
    const api = await fakes.start(() => ({ status: 401, body: { error: 'no' } }));
    write('token', 'geheim');
    expect(await run(['status', '--admin', api.url], { cwd })).toMatchObject({
      status: 1,
      stderr: `stowage: ${api.url} wants a token: --token-file FILE, or admin.tokenFile in the configuration, says where it is\n`,
    });
    expect(await run(['status', '--admin', api.url, '--token-file', 'token'], { cwd })).toMatchObject({
      status: 1,
      stderr: `stowage: ${api.url} does not take the token in ${join(cwd, 'token')}: --token-file FILE names another file\n`,
    });
  });
});

describe('in one line it is said that', () => {
  test('no mirror is there', async () => {
    const url = `http://127.0.0.1:${await findFreePort()}`;
    expect(await run(['status', '--admin', url])).toMatchObject({
      status: 1,
      stdout: '',
      stderr: `stowage: no mirror answers at ${url} (connection refused): is it running? --admin URL says where\n`,
    });
  });

  test('no host has that name', async () => {
    const { status, stderr } = await run(['status', '--admin', 'http://nobody.invalid:5080']);
    expect(status).toBe(1);
    expect(stderr).toContain('no mirror answers at http://nobody.invalid:5080 (no such host)');
  });

  test('the mirror does not know itself by that name', async () => {
    const api = await fakes.start(() => ({ status: 403, body: { error: 'this Host is not one of admin.hosts' } }));
    expect(await run(['status', '--admin', api.url])).toMatchObject({
      status: 1,
      stderr: `stowage: the mirror refuses requests to ${api.url} (this Host is not one of admin.hosts): admin.hosts of its configuration has to list 127.0.0.1\n`,
    });
  });

  test.each([
    [{ contentType: 'text/html', body: '<html>' }, 'HTTP 200, text/html'],
    [{ status: 404, contentType: 'text/html', body: '<html>' }, 'HTTP 404, text/html'],
    [{ body: { hello: 'world' } }, 'HTTP 200, application/json'],
    [{ body: [] }, 'HTTP 200, application/json'],
    [{ status: 302, body: {} }, 'HTTP 302, application/json'],
  ])('somebody else answers: %j', async (answer, what) => {
    const api = await fakes.start(() => answer);
    expect(await run(['status', '--admin', api.url])).toMatchObject({
      status: 1,
      stdout: '',
      stderr: `stowage: what answers at ${api.url} is not a mirror's admin API (${what}): --admin URL says where it is\n`,
    });
  });

  test('something answers that is no web server', async () => {
    const server = createServer((socket) => socket.resume().end('SSH-2.0-OpenSSH\r\n'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    try {
      expect(await run(['status', '--admin', url])).toMatchObject({
        status: 1,
        stderr: `stowage: what answers at ${url} does not speak HTTP: --admin URL says where the mirror is\n`,
      });
    } finally {
      await new Promise((resolve) => server.close(resolve));
    }
  });

  test('the mirror failed, in its own words without control characters', async () => {
    const api = await fakes.start(() => ({ status: 502, body: { error: 'bad\u001b[31m' } }));
    expect(await run(['status', '--admin', api.url])).toMatchObject({ status: 1, stderr: 'stowage: bad\ufffd[31m\n' });
  });
});
