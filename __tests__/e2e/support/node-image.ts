// Stands in for `node:26-bookworm-slim`: the Node that runs these tests, npm and a shell, as an image.
import { chmodSync, cpSync, copyFileSync, mkdirSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { getTool, run } from './tools.ts';

const certificates = '/etc/ssl/certs/ca-certificates.crt';
/** Settings of this machine under which npm reaches its registry. */
const passedOn = ['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY', 'http_proxy', 'https_proxy', 'no_proxy'];

export type Docker = (...args: readonly string[]) => Promise<string>;

/** Makes the image from files of this machine and pushes it to a registry as `NAME` (`HOST/REPOSITORY:TAG`). */
export async function pushNodeImage(docker: Docker, directory: string, name: string): Promise<void> {
  const root = join(directory, 'root');
  await fillRoot(root);
  const archive = join(directory, 'root.tar');
  await run('tar', ['--directory', root, '--create', '--owner', '0', '--group', '0', '--file', archive, '.']);
  const registry = (await run('npm', ['config', 'get', 'registry'])).trim();
  const settings = {
    PATH: '/usr/local/bin:/usr/bin:/bin',
    NODE_EXTRA_CA_CERTS: certificates,
    NPM_CONFIG_CAFILE: certificates,
    NPM_CONFIG_REGISTRY: registry,
    ...Object.fromEntries(passedOn.flatMap((key) => (process.env[key] ? [[key, process.env[key]]] : []))),
  };
  const changes = Object.entries(settings).flatMap(([key, value]) => ['--change', `ENV ${key}=${value}`]);
  await docker('import', ...changes, archive, name);
  await docker('push', '--quiet', name);
  await docker('rmi', name);
}

async function fillRoot(root: string): Promise<void> {
  for (const path of ['bin', 'etc/ssl/certs', 'proc', 'dev', 'sys', 'root', 'usr/bin', 'usr/local/bin'])
    mkdirSync(join(root, path), { recursive: true });
  mkdirSync(join(root, 'tmp'));
  chmodSync(join(root, 'tmp'), 0o1777);
  writeFileSync(join(root, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\n');
  writeFileSync(join(root, 'etc/group'), 'root:x:0:\n');
  copyFileSync(certificates, join(root, certificates));

  copyFileSync(getTool('busybox'), join(root, 'bin/busybox'));
  const applets = (await run('busybox', ['--list'])).trim().split('\n');
  for (const applet of applets) if (applet !== 'busybox') symlinkSync('busybox', join(root, 'bin', applet));
  symlinkSync('/bin/env', join(root, 'usr/bin/env'));

  copyFileSync(process.execPath, join(root, 'usr/local/bin/node'));
  for (const [library] of (await run('ldd', [process.execPath])).matchAll(/\/\S+/g)) {
    mkdirSync(join(root, dirname(library)), { recursive: true });
    copyFileSync(library, join(root, library));
  }
  // npm-cli.js lies in bin/ of npm.
  const npm = dirname(dirname(realpathSync(getTool('npm'))));
  cpSync(npm, join(root, 'usr/local/lib/node_modules/npm'), { recursive: true });
  symlinkSync('../lib/node_modules/npm/bin/npm-cli.js', join(root, 'usr/local/bin/npm'));
}
