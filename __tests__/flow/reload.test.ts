// Story: the configuration changes while clients pull.
import { chmod, mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, test } from '@jest/globals';
import { createSeededContent } from '../support/content.ts';
import { expectError, expectWhole } from '../support/expectations.ts';
import { mainName, setStage } from '../support/flow.ts';
import { createGate } from '../support/gate.ts';
import type { MirrorProcess } from '../support/mirror-process.ts';
import { jsonOf, pull, startPull } from '../support/raw-client.ts';
import { blobGets, type ScriptedUpstream } from '../support/scripted-upstream.ts';
import { pollUntil } from '../support/signal.ts';

const stage = setStage();
const layer = createSeededContent('reload', 3_000_000);
const path = `/v2/team/app/blobs/${layer.digest}`;
const loaded = 'the configuration was loaded anew';
const refused = 'the configuration could not be loaded';

const directories: string[] = [];
afterEach(async () => {
  for (const directory of directories.splice(0)) await rm(directory, { recursive: true });
});

async function makeDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'stowage-reload-'));
  directories.push(directory);
  return directory;
}

const entry = ({ url }: ScriptedUpstream, name: string, more: object = {}) => ({ name, url, ...more });

/** Does it, and waits until the mirror has said so once more. */
async function untilSaid(mirror: MirrorProcess, text: string, act: () => Promise<void>): Promise<void> {
  const count = (): number => mirror.output.split(text).length;
  const before = count();
  await act();
  await pollUntil(() => count() > before, { what: `the mirror to say: ${text}` });
}

/** In one step, as editors save. */
async function replaceConfig(mirror: MirrorProcess, text: string): Promise<void> {
  await writeFile(`${mirror.configFile}.new`, text);
  await rename(`${mirror.configFile}.new`, mirror.configFile);
}

async function degradedOf(mirror: MirrorProcess): Promise<readonly string[]> {
  const { degraded } = jsonOf(await pull(mirror.adminAddress, '/readyz'));
  return (degraded as { reason: string }[]).map(({ reason }) => reason);
}

/** What it wrote under this message. */
function linesOf(mirror: MirrorProcess, message: string): readonly object[] {
  const lines = mirror.output.split('\n').filter((line) => line.includes(`"msg":"${message}"`));
  return lines.map((line) => JSON.parse(line) as object);
}

async function setUp() {
  const [first, second] = [await stage.upstream(), await stage.upstream()];
  for (const upstream of [first, second]) upstream.registry.addBlob('team/app', layer);
  return { first, second };
}

describe('a reload', () => {
  test.each<[string, (mirror: MirrorProcess, text: string) => Promise<void>]>([
    ['a file renamed to its name', replaceConfig],
    ['a file written in place', (mirror, text) => writeFile(mirror.configFile, text)],
  ])('makes a new upstream known: %s', async (_how, change) => {
    const { first, second } = await setUp();
    const mirror = await stage.mirror(first);
    expectError(await pull(mirror.address, `${path}?ns=second.test`), 404, 'NAME_UNKNOWN');
    const upstreams = [entry(first, mainName, { default: true }), entry(second, 'second.test')];
    await untilSaid(mirror, loaded, () => change(mirror, mirror.formatConfig({ upstreams })));
    expectWhole(await pull(mirror.address, `${path}?ns=second.test`), layer);
    expect(second.find(blobGets)).toHaveLength(1);
    await mirror.untilLogged('"changed":["upstreams"]');
  });

  test('comes with SIGHUP, more than once, and the mirror still ends with SIGTERM', async () => {
    const { first } = await setUp();
    const mirror = await stage.mirror(first);
    for (let time = 0; time < 2; time += 1) {
      await untilSaid(mirror, loaded, async () => mirror.signal('SIGHUP'));
    }
    expectWhole(await pull(mirror.address, path), layer);
    mirror.signal('SIGTERM');
    mirror.signal('SIGHUP');
    expect(await mirror.exited).toBe(0);
    await mirror.start();
  });

  test('comes with the swap of a link, as of a Kubernetes ConfigMap', async () => {
    const { first, second } = await setUp();
    const mirror = await stage.mirror(first);
    const directory = await makeDirectory();
    const publish = async (version: string, text: string): Promise<void> => {
      await mkdir(join(directory, version));
      await writeFile(join(directory, version, 'mirror.config.yaml'), text);
      await symlink(version, join(directory, '..data.new'));
      await rename(join(directory, '..data.new'), join(directory, '..data'));
    };
    const others = (name: string) => [entry(first, mainName, { default: true }), entry(second, name)];
    await publish('..one', mirror.formatConfig({ upstreams: others('one.test') }));
    await symlink(join('..data', 'mirror.config.yaml'), join(directory, 'mirror.config.yaml'));
    await untilSaid(mirror, loaded, async () => {
      await symlink(join(directory, 'mirror.config.yaml'), `${mirror.configFile}.new`);
      await rename(`${mirror.configFile}.new`, mirror.configFile);
    });
    for (const version of ['two', 'three']) {
      const text = mirror.formatConfig({ upstreams: others(`${version}.test`) });
      await untilSaid(mirror, loaded, () => publish(`..${version}`, text));
      expectWhole(await pull(mirror.address, `${path}?ns=${version}.test`), layer);
    }
  });

  test('lets a pull end through an upstream that it takes away', async () => {
    const { first, second } = await setUp();
    const mirror = await stage.mirror([
      { upstream: first, name: mainName },
      { upstream: second, name: 'second.test' },
    ]);
    const gate = createGate();
    second.once(blobGets, { holdBody: { after: 1_000_000, gate } });
    const pulling = startPull(mirror.address, `${path}?ns=second.test`);
    await pulling.untilReceived(500_000);
    const text = mirror.formatConfig({ upstreams: [entry(first, mainName, { default: true })] });
    await untilSaid(mirror, loaded, () => replaceConfig(mirror, text));
    expectError(await pull(mirror.address, `${path}?ns=second.test`), 404, 'NAME_UNKNOWN');
    gate.open();
    expectWhole(await pulling.done, layer);
    await pollUntil(() => second.connections.open === 0, { what: 'the old connections to be closed' });
  });

  test('leaves a blob that is being fetched one transfer', async () => {
    const { first, second } = await setUp();
    const mirror = await stage.mirror(first);
    const gate = createGate();
    first.once(blobGets, { holdBody: { after: 1_000_000, gate } });
    const pulling = startPull(mirror.address, path);
    await pulling.untilReceived(500_000);
    const text = mirror.formatConfig({ upstreams: [entry(second, mainName, { default: true })] });
    await untilSaid(mirror, loaded, () => replaceConfig(mirror, text));
    const follower = startPull(mirror.address, path);
    await follower.untilReceived(500_000);
    gate.open();
    expectWhole(await pulling.done, layer);
    expectWhole(await follower.done, layer);
    expect([first.find(blobGets).length, second.find(blobGets).length]).toEqual([1, 0]);
    const other = second.registry.addBlob('team/app', 'only here');
    expectWhole(await pull(mirror.address, `/v2/team/app/blobs/${other.digest}`), other);
    // What comes after the test goes to the upstream that the test began with.
    await untilSaid(mirror, loaded, () => replaceConfig(mirror, mirror.formatConfig({})));
  });

  test('with a broken file changes nothing, and says all that is wrong until the file is good again', async () => {
    const { first } = await setUp();
    const mirror = await stage.mirror(first);
    const broken = JSON.stringify({
      upstreams: [{ name: 'nohost', password: 'planted-password' }],
      cache: { maxSize: 'big' },
    });
    await untilSaid(mirror, refused, () => replaceConfig(mirror, broken));
    expectWhole(await pull(mirror.address, path), layer);
    const [reason] = await degradedOf(mirror);
    expect(reason).toContain(`${refused}: `);
    for (const key of ['upstreams[0].name', 'upstreams[0].password', 'cache.maxSize']) expect(reason).toContain(key);
    expect(reason).not.toContain('planted-password');
    await untilSaid(mirror, refused, () => rm(mirror.configFile));
    expect((await degradedOf(mirror)).join()).toContain('expected a readable file, found no such file');
    await untilSaid(mirror, loaded, () => replaceConfig(mirror, mirror.formatConfig({})));
    expect(await degradedOf(mirror)).toEqual([]);
  });

  test('with certificates that are none changes nothing', async () => {
    const { first } = await setUp();
    const mirror = await stage.mirror(first);
    const caFile = join(dirname(mirror.configFile), 'ca.pem');
    await writeFile(caFile, 'no certificate');
    const upstreams = [entry(first, mainName, { default: true, aliases: ['new.test'], tls: { caFile } })];
    await untilSaid(mirror, refused, () => replaceConfig(mirror, mirror.formatConfig({ upstreams })));
    expect((await degradedOf(mirror)).join()).toContain(`tls.caFile of ${mainName}: expected certificates (PEM)`);
    expectError(await pull(mirror.address, `${path}?ns=new.test`), 404, 'NAME_UNKNOWN');
    expectWhole(await pull(mirror.address, path), layer);
  });

  test('applies what it can, and says what takes a restart', async () => {
    const { first } = await setUp();
    const mirror = await stage.mirror(first);
    const config = { instance: 'another', catalog: true, log: { level: 'warn' } };
    await untilSaid(mirror, 'instance takes effect after a restart', () =>
      replaceConfig(mirror, mirror.formatConfig({ config })),
    );
    expect(await degradedOf(mirror)).toEqual(['instance takes effect after a restart']);
    expect((await pull(mirror.address, '/v2/_catalog')).status).toBe(200);
    const pulled = await pull(mirror.address, path);
    expectWhole(pulled, layer);
    expect(mirror.output).not.toContain(layer.digest);
  });

  test('makes the cache as small as it says', async () => {
    const { first } = await setUp();
    const mirror = await stage.mirror(first);
    expectWhole(await pull(mirror.address, path), layer);
    const text = mirror.formatConfig({ config: { cache: { path: mirror.cachePath, maxSize: '1MB' } } });
    await untilSaid(mirror, loaded, () => replaceConfig(mirror, text));
    await pollUntil(
      async () => {
        const { body } = await pull(mirror.adminAddress, '/metrics');
        return body.toString().includes('\nstowage_evicted_objects_total 1\n');
      },
      { what: 'the blob to go' },
    );
  });

  test('uses a new login', async () => {
    const tokens = await stage.tokens({ login: 'someone:planted-password', privateRepositories: ['team/app'] });
    const upstream = await stage.upstream({ tokens });
    upstream.registry.addBlob('team/app', layer);
    const more = { shareCredentials: true, username: 'someone', authHosts: [`127.0.0.1:${tokens.port}`] };
    const env = { OLD: 'old-planted-password', NEW: 'planted-password' };
    const mirror = await stage.mirror([{ upstream, name: mainName, ...more, passwordEnv: 'OLD' }], {}, env);
    expect((await pull(mirror.address, path)).status).not.toBe(200);
    expect((await degradedOf(mirror)).join()).toContain(`credentials of ${mainName} rejected`);
    const upstreams = [entry(upstream, mainName, { default: true, ...more, passwordEnv: 'NEW' })];
    await untilSaid(mirror, loaded, () => replaceConfig(mirror, mirror.formatConfig({ upstreams })));
    expectWhole(await pull(mirror.address, path), layer);
    expect(await degradedOf(mirror)).toEqual([]);
  });

  test('warns again of a login that everybody shares, as the start does, and of no other', async () => {
    const { first, second } = await setUp();
    const login = { username: 'someone', passwordEnv: 'PLANTED' };
    const warning = 'shareCredentials: whoever reaches this mirror sees what its login sees';
    const mirror = await stage.mirror(
      [
        { upstream: first, name: mainName, ...login, shareCredentials: true },
        { upstream: second, name: 'second.test', ...login },
      ],
      {},
      { PLANTED: 'planted-password' },
    );
    const warned = (): readonly object[] => linesOf(mirror, warning);
    const of = (upstream: string) => expect.objectContaining({ level: 'warn', upstream }) as unknown;
    expect(warned()).toEqual([of(mainName)]);
    const upstreams = [
      entry(first, mainName, { default: true, ...login }),
      entry(second, 'second.test', { ...login, shareCredentials: true }),
    ];
    await untilSaid(mirror, loaded, () => replaceConfig(mirror, mirror.formatConfig({ upstreams })));
    expect(warned()).toEqual([of(mainName), of('second.test')]);
  });

  test('brings a credential helper, which gives the login', async () => {
    const tokens = await stage.tokens({ login: 'someone:planted-password', privateRepositories: ['team/app'] });
    const upstream = await stage.upstream({ tokens });
    upstream.registry.addBlob('team/app', layer);
    const bin = await makeDirectory();
    const helper = join(bin, 'docker-credential-planted');
    await writeFile(
      helper,
      `#!/bin/sh\nread server\necho "{\\"Username\\":\\"someone\\",\\"Secret\\":\\"$PLANTED\\"}"\n`,
    );
    await chmod(helper, 0o755);
    const env = { PATH: `${bin}:${process.env['PATH']}`, PLANTED: 'planted-password' };
    const mirror = await stage.mirror(upstream, {}, env);
    expect((await pull(mirror.address, path)).status).not.toBe(200);
    const more = { credentialHelper: 'planted', shareCredentials: true, authHosts: [`127.0.0.1:${tokens.port}`] };
    const upstreams = [entry(upstream, mainName, { default: true, ...more })];
    await untilSaid(mirror, loaded, () => replaceConfig(mirror, mirror.formatConfig({ upstreams })));
    // That it is not there may be remembered for a while, under the name that it was asked for.
    const other = upstream.registry.addBlob('team/app', 'private');
    expectWhole(await pull(mirror.address, `/v2/team/app/blobs/${other.digest}`), other);
  });
});
