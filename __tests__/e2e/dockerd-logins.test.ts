// dockerd has one login, for Docker Hub, and no other for a mirror: where it is not let in, it goes on to the next place.
import { expect, test } from '@jest/globals';
import { setStage } from '../support/flow.ts';
import type { MirrorProcess } from '../support/mirror-process.ts';
import type { ScriptedUpstream } from '../support/scripted-upstream.ts';
import { describeWith } from './support/describe-with.ts';
import { startDockerd } from './support/dockerd.ts';
import { addRealImage, dockerHub, setClientPlaces, startWithAccounts } from './support/scripted-stage.ts';

describeWith({ programs: ['containerd', 'ctr', 'dockerd', 'docker', 'runc'], root: true }, 'dockerd', () => {
  const places = setClientPlaces();
  const stage = setStage();

  /** The upstream stands second in the list, where Docker Hub would be asked. */
  async function pull(mirror: MirrorProcess, upstream: ScriptedUpstream, name: string, hubLogin?: string) {
    const mirrors = [`http://${new URL(mirror.address).host}`, upstream.url];
    const { docker, stop } = await startDockerd(await places.create(), mirrors, { hubLogin });
    places.onEnd(stop);
    const before = upstream.requests.length;
    await docker('pull', name);
    const requests = upstream.requests.slice(before).filter(({ target }) => /\/(?:manifests|blobs)\//.test(target));
    const ofMirror = requests.filter(({ headers }) => headers['via'] !== undefined);
    return { ofMirror: ofMirror.length, ofDockerd: requests.length - ofMirror.length };
  }

  test.each([
    ['without any login', undefined],
    ['with a login for Docker Hub', 'somebody:planted-password'],
  ])(
    '%s goes on to the registry where a mirror has accounts',
    async (_name, hubLogin) => {
      const { upstream, mirror } = await startWithAccounts(stage, places);
      const { ofMirror, ofDockerd } = await pull(mirror, upstream, 'team/app:v1', hubLogin);
      expect(ofMirror).toBe(0);
      expect(ofDockerd).toBeGreaterThan(0);
      await mirror.untilLogged(/"status":401.*"userAgent":"docker\/|"userAgent":"docker\/.*"status":401/);
    },
    120_000,
  );

  test('gives a mirror that has accounts its login for Docker Hub', async () => {
    const { upstream, mirror } = await startWithAccounts(stage, places);
    const { ofMirror, ofDockerd } = await pull(mirror, upstream, 'team/app:v1', 'alice:wonderland');
    expect(ofMirror).toBeGreaterThan(0);
    expect(ofDockerd).toBe(0);
  }, 120_000);

  test('gets what is public through a passthrough mirror, and what is private from the registry', async () => {
    const login = 'alice:planted-password';
    const accounts = new Map([[login, ['team/private']]]);
    const tokens = await stage.tokens({ accounts, privateRepositories: ['team/private'] });
    const upstream = await stage.upstream({ tokens });
    addRealImage(upstream, 'team/private', 'v1');
    addRealImage(upstream, 'team/public', 'v1');
    const entry = { ...dockerHub, access: 'passthrough', authHosts: [`127.0.0.1:${tokens.port}`] };
    const mirror = await stage.mirror([{ upstream, ...entry }]);
    const open = await pull(mirror, upstream, 'team/public:v1', login);
    expect(open.ofMirror).toBeGreaterThan(0);
    expect(open.ofDockerd).toBe(0);
    const closed = await pull(mirror, upstream, 'team/private:v1', login);
    expect(closed.ofDockerd).toBeGreaterThan(0);
    const withLogin = tokens.find({ hasAuthorization: true }).filter(({ headers }) => headers['via'] !== undefined);
    expect(withLogin).toEqual([]);
  }, 180_000);
});
