// Real clients send the login that they have for the mirror, and get what the registry shows to it.
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { mainName, setStage } from '../support/flow.ts';
import { describeWith } from './support/describe-with.ts';

const run = promisify(execFile);

describeWith({ programs: ['skopeo'] }, 'skopeo at a passthrough upstream', () => {
  const stage = setStage();
  let directory = '';
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'stowage-skopeo-'));
  });
  afterAll(async () => {
    await rm(directory, { recursive: true, force: true });
  });

  async function copy(address: string, repository: string, login: readonly string[]): Promise<string | undefined> {
    const target = await mkdtemp(join(directory, 'copy-'));
    const source = `docker://${address.replace('http://', '')}/${repository}:v1`;
    const args = ['--src-tls-verify=false', ...login, source, `dir:${target}`];
    try {
      await run('skopeo', ['--insecure-policy', 'copy', ...args], { env: { ...process.env, HOME: directory } });
      return undefined;
    } catch (error) {
      return String(error);
    }
  }

  test('copies a private image with a login, and only what is public without one', async () => {
    const accounts = new Map([
      ['alice:planted-password', ['team/private']],
      ['bob:planted-password', []],
    ]);
    const tokens = await stage.tokens({ accounts, privateRepositories: ['team/private'] });
    const upstream = await stage.upstream({ tokens });
    upstream.registry.addImage('team/private', 'v1', ['a private layer']);
    upstream.registry.addImage('team/public', 'v1', ['a public layer']);
    const entry = { access: 'passthrough', authHosts: [`127.0.0.1:${tokens.port}`] };
    const { address } = await stage.mirror([{ upstream, name: mainName, ...entry }]);
    expect(await copy(address, 'team/private', ['--src-creds', 'alice:planted-password'])).toBeUndefined();
    expect(await copy(address, 'team/private', ['--src-creds', 'bob:planted-password'])).toMatch(/denied/i);
    expect(await copy(address, 'team/private', ['--src-no-creds'])).toMatch(/unauthorized|authentication required/i);
    expect(await copy(address, 'team/public', ['--src-no-creds'])).toBeUndefined();
  }, 120_000);
});
