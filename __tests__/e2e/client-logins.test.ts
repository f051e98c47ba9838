// Real clients log in at the mirror, or with their own login at the registry, and get what that shows to them.
import { expect, test } from '@jest/globals';
import { setStage } from '../support/flow.ts';
import { basic } from '../support/raw-client.ts';
import { startContainerd, writeHosts } from './support/containerd.ts';
import { createContainersClient } from './support/containers.ts';
import { describeWith } from './support/describe-with.ts';
import { addRealImage, dockerHub, setClientPlaces, startWithAccounts } from './support/scripted-stage.ts';

const places = setClientPlaces();
const stage = setStage();
const denied = /unauthorized|authentication required|denied|401|403/i;

/** A mirror of public images for those who have an account of its own. */
async function startLocked(): Promise<string> {
  const { mirror } = await startWithAccounts(stage, places);
  return new URL(mirror.address).host;
}

/** A mirror of a registry that shows `team/private` to alice alone. */
async function startPassthrough(): Promise<string> {
  const accounts = new Map([
    ['alice:planted-password', ['team/private']],
    ['bob:planted-password', []],
  ]);
  const tokens = await stage.tokens({ accounts, privateRepositories: ['team/private'] });
  const upstream = await stage.upstream({ tokens });
  addRealImage(upstream, 'team/private', 'v1');
  addRealImage(upstream, 'team/public', 'v1');
  const entry = { ...dockerHub, access: 'passthrough', authHosts: [`127.0.0.1:${tokens.port}`] };
  const mirror = await stage.mirror([{ upstream, ...entry }]);
  return new URL(mirror.address).host;
}

describeWith({ programs: ['podman'], root: true }, 'podman', () => {
  async function setUp(host: string) {
    const { podman } = createContainersClient(await places.create(), host);
    return {
      login: (user: string, password: string) =>
        podman('login', '--tls-verify=false', '--username', user, '--password', password, host),
      logOut: () => podman('logout', host),
      pull: (repository: string) => podman('pull', `docker.io/${repository}:v1`),
      /** By the mirror's name: the registry is not tried after it. */
      pullHere: (repository: string) => podman('pull', '--tls-verify=false', `${host}/docker.io/${repository}:v1`),
    };
  }

  test('pulls from a mirror with accounts when it has logged in there', async () => {
    const client = await setUp(await startLocked());
    await expect(client.pullHere('team/app')).rejects.toThrow(denied);
    await expect(client.login('alice', 'wrong')).rejects.toThrow('invalid username/password');
    await client.login('alice', 'wonderland');
    await client.pull('team/app');
    await client.pullHere('team/app');
  }, 120_000);

  test('gets from a passthrough upstream what its own login shows', async () => {
    const client = await setUp(await startPassthrough());
    await expect(client.pullHere('team/private')).rejects.toThrow(denied);
    await client.pull('team/public');
    await client.login('bob', 'planted-password');
    await expect(client.pullHere('team/private')).rejects.toThrow(denied);
    await client.logOut();
    await client.login('alice', 'planted-password');
    await client.pull('team/private');
    await client.pullHere('team/private');
    await client.pullHere('team/public');
  }, 120_000);
});

describeWith({ programs: ['containerd', 'ctr'], root: true }, 'containerd', () => {
  async function setUp(host: string) {
    const directory = await places.create();
    const containerd = await startContainerd(directory);
    places.onEnd(containerd.stop);
    const pull = async (repository: string, hosts: string, login: readonly string[]): Promise<void> => {
      const options = ['--snapshotter', 'native', '--hosts-dir', hosts, ...login];
      const name = `docker.io/${repository}:v1`;
      await containerd.ctr('images', 'pull', ...options, name);
      await containerd.ctr('images', 'rm', '--sync', name);
    };
    const url = `http://${host}`;
    return {
      pull: (repository: string) => pull(repository, writeHosts(directory, url, { isAlone: true }), []),
      /** As the credentials of the host. */
      pullAs: (repository: string, user: string, password: string) =>
        pull(repository, writeHosts(directory, url, { isAlone: true }), ['--user', `${user}:${password}`]),
      /** By a header in hosts.toml. */
      pullWithHeader: (repository: string, user: string, password: string) =>
        pull(repository, writeHosts(directory, url, { isAlone: true, authorization: basic(user, password) }), []),
    };
  }

  test('pulls from a mirror with accounts by credentials and by a header', async () => {
    const client = await setUp(await startLocked());
    await expect(client.pull('team/app')).rejects.toThrow(denied);
    await expect(client.pullAs('team/app', 'alice', 'wrong')).rejects.toThrow(denied);
    await client.pullAs('team/app', 'alice', 'wonderland');
    await expect(client.pullWithHeader('team/app', 'alice', 'wrong')).rejects.toThrow(denied);
    await client.pullWithHeader('team/app', 'alice', 'wonderland');
  }, 120_000);

  test('gets from a passthrough upstream what its own login shows', async () => {
    const client = await setUp(await startPassthrough());
    await expect(client.pull('team/private')).rejects.toThrow(denied);
    await client.pull('team/public');
    for (const how of [client.pullAs, client.pullWithHeader]) {
      await expect(how('team/private', 'bob', 'planted-password')).rejects.toThrow(denied);
      await how('team/private', 'alice', 'planted-password');
      await how('team/public', 'alice', 'planted-password');
    }
  }, 120_000);
});
