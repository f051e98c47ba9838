import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { pollUntil } from '../support/signal.ts';
import { prepareCompose, type Compose } from './support/compose.ts';
import { describeWith } from './support/describe-with.ts';
import { createImage } from './support/image.ts';
import { pushImage } from './support/push.ts';
import { unmountBelow } from './support/stage.ts';

const programs = ['docker-registry', 'containerd', 'dockerd', 'docker', 'docker-compose', 'runc', 'busybox', 'npm'];

describeWith({ programs, root: true }, 'docker-compose.yml', () => {
  let directory: string;
  let stage: Compose;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'stowage-'));
    stage = await prepareCompose(directory);
    const layers = Array.from({ length: 5 }, (_, i) => [{ path: `${i}.bin`, content: randomBytes(200_000) }]);
    await pushImage(stage.upstream.url, 'library/deep', '1.0', createImage({ layers }));
  }, 500_000);
  afterAll(async () => {
    await stage?.stop();
    await unmountBelow(directory);
    await rm(directory, { recursive: true, force: true });
  }, 120_000);

  const docker = (...args: readonly string[]): Promise<string> => stage.dockerd.docker(...args);
  const inspect = async (format: string): Promise<string> => {
    const id = (await stage.compose('ps', '--quiet', 'mirror')).trim();
    return (await docker('inspect', '--format', format, id)).trim();
  };
  const untilHealthy = (): Promise<void> =>
    pollUntil(async () => (await inspect('{{.State.Health.Status}}')) === 'healthy', {
      deadlineMs: 60_000,
      what: 'the mirror to be healthy',
    });

  const inside = (script: string): Promise<string> => stage.compose('exec', '-T', 'mirror', 'sh', '-c', script);
  const askAdmin = async (path: string): Promise<Response> => {
    const token = (await inside('cat /var/lib/stowage/admin-token')).trim();
    return await fetch(stage.adminUrl + path, { headers: { authorization: `Bearer ${token}` } });
  };

  test('builds the image, starts it, and it gets healthy', async () => {
    await stage.compose('up', '--detach');
    await untilHealthy();
  }, 120_000);

  test('runs as an ordinary user without privileges, and can write to its cache only', async () => {
    expect(await inspect('{{.Config.User}} {{.HostConfig.ReadonlyRootfs}} {{.HostConfig.CapDrop}}')).toBe(
      '10001:10001 true [ALL]',
    );
    expect((await inside('id -u')).trim()).toBe('10001');
    expect(await inside('grep -E "^(CapEff|NoNewPrivs)" /proc/1/status')).toMatch(/CapEff:\s+0{16}\nNoNewPrivs:\s+1/);
    await expect(inside('echo 1 > /opt/stowage/written')).rejects.toThrow('Read-only file system');
    await inside('echo 1 > /var/lib/stowage/written && rm /var/lib/stowage/written');
    expect((await inside('stowage --version')).trim()).toMatch(/^\d+\.\d+\.\d+$/);
    expect(await inside('ls /opt/stowage/node_modules')).not.toMatch(/typescript|jest|node-linux/);
  }, 60_000);

  test('shows page and numbers to whoever has the token that it made, and to nobody else', async () => {
    expect((await askAdmin('/api/v1/status')).status).toBe(200);
    expect(await (await askAdmin('/')).text()).toContain('<title>');
    expect((await fetch(`${stage.adminUrl}/api/v1/status`)).status).toBe(401);
    expect((await fetch(`${stage.adminUrl}/readyz`)).status).toBe(200);
    expect((await inside('stat -c %a /var/lib/stowage/admin-token')).trim()).toBe('600');
  }, 60_000);

  test('dockerd pulls through it, and once more while upstream is away', async () => {
    await docker('pull', 'deep:1.0');
    const metrics = await askAdmin('/metrics');
    expect(await metrics.text()).toMatch(/stowage_requests_total\{[^}]*outcome="miss"/);
    await stage.upstream.stop();
    await docker('rmi', 'deep:1.0');
    await docker('pull', 'deep:1.0');
    const layers = await docker('image', 'inspect', '--format', '{{len .RootFS.Layers}}', 'deep:1.0');
    expect(layers.trim()).toBe('5');
  }, 120_000);

  test('a daemon beside it pulls through it', async () => {
    await stage.compose('--profile', 'dind', 'up', '--detach');
    const inDaemon = (...args: readonly string[]): Promise<string> =>
      stage.compose('exec', '-T', 'docker', 'docker', ...args);
    const isUp = (): Promise<boolean> =>
      inDaemon('info').then(
        (text) => text.includes('http://mirror:5000/'),
        () => false,
      );
    await pollUntil(isUp, { deadlineMs: 60_000, what: 'the daemon to be up' });
    await inDaemon('pull', 'deep:1.0');
    expect(await inDaemon('images')).toContain('deep');
    await stage.compose('--profile', 'dind', 'stop', 'docker');
  }, 120_000);

  test('ends in order when it is stopped, and has its cache in the next container', async () => {
    await stage.compose('stop', 'mirror');
    expect(await inspect('{{.State.ExitCode}} {{.State.OOMKilled}}')).toBe('0 false');
    await stage.compose('rm', '--force', 'mirror');
    await stage.compose('up', '--detach');
    await untilHealthy();
    await docker('rmi', 'deep:1.0');
    await docker('pull', 'deep:1.0');
  }, 120_000);
});
