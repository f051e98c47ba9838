// Images made of this machine's own files, which stand in for those that compose names: nothing is fetched for them.
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  realpathSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { getTool, run } from './tools.ts';

const certificates = '/etc/ssl/certs/ca-certificates.crt';
/** Settings of this machine under which npm reaches its registry. */
const passedOn = ['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY', 'http_proxy', 'https_proxy', 'no_proxy'];

/** Parts of the C library that nothing names at its start, but that modules loaded later ask for. */
const libraryParts = ['librt.so.1', 'libresolv.so.2', 'libutil.so.1', 'libnss_dns.so.2', 'libnss_files.so.2'];

export interface ImagePush {
  docker(...args: readonly string[]): Promise<string>;
  /** Scratch; made here. */
  readonly directory: string;
  /** `HOST/REPOSITORY:TAG` */
  readonly name: string;
}

/** `node:26-bookworm-slim`: the Node that runs these tests, npm and a shell. */
export async function pushNodeImage(push: ImagePush): Promise<void> {
  const root = await makeRoot(push.directory);
  mkdirSync(join(root, dirname(certificates)), { recursive: true });
  copyFileSync(certificates, join(root, certificates));
  await copyProgram(root, process.execPath, 'usr/local/bin/node');
  // npm-cli.js lies in bin/ of npm.
  const npm = dirname(dirname(realpathSync(getTool('npm'))));
  cpSync(npm, join(root, 'usr/local/lib/node_modules/npm'), { recursive: true });
  symlinkSync('../lib/node_modules/npm/bin/npm-cli.js', join(root, 'usr/local/bin/npm'));
  const settings = {
    NODE_EXTRA_CA_CERTS: certificates,
    NPM_CONFIG_CAFILE: certificates,
    NPM_CONFIG_REGISTRY: (await run('npm', ['config', 'get', 'registry'])).trim(),
    ...Object.fromEntries(passedOn.flatMap((key) => (process.env[key] ? [[key, process.env[key]]] : []))),
  };
  await pushRoot(push, root, settings);
}

/** `docker:dind`: dockerd with what it starts; arguments go to dockerd. It touches no network and no firewall. */
export async function pushDockerImage(push: ImagePush): Promise<void> {
  const root = await makeRoot(push.directory);
  for (const program of ['dockerd', 'containerd', 'containerd-shim-runc-v2', 'runc', 'docker'])
    await copyProgram(root, getTool(program), `usr/local/bin/${program}`);
  const entry = join(root, 'usr/local/bin/entry');
  const manners = '--storage-driver=vfs --iptables=false --ip6tables=false --bridge=none';
  writeFileSync(entry, `#!/bin/sh\nexec dockerd --host=unix:///var/run/docker.sock ${manners} "$@"\n`);
  chmodSync(entry, 0o755);
  await pushRoot(push, root, {}, ['ENTRYPOINT ["/usr/local/bin/entry"]']);
}

/** A shell with its tools, and the directories that programs expect. */
async function makeRoot(directory: string): Promise<string> {
  const root = join(directory, 'root');
  for (const path of ['bin', 'etc', 'proc', 'dev', 'sys', 'root', 'tmp', 'run', 'var/run', 'usr/bin', 'usr/local/bin'])
    mkdirSync(join(root, path), { recursive: true });
  chmodSync(join(root, 'tmp'), 0o1777);
  writeFileSync(join(root, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\n');
  writeFileSync(join(root, 'etc/group'), 'root:x:0:\n');
  copyFileSync(getTool('busybox'), join(root, 'bin/busybox'));
  const applets = (await run('busybox', ['--list'])).trim().split('\n');
  for (const applet of applets) if (applet !== 'busybox') symlinkSync('busybox', join(root, 'bin', applet));
  symlinkSync('/bin/env', join(root, 'usr/bin/env'));
  return root;
}

/** A program with the libraries that it loads at start; `ldd` fails for one that needs none. */
async function copyProgram(root: string, path: string, target: string): Promise<void> {
  copyFileSync(path, join(root, target));
  const libraries = await run('ldd', [path]).catch(() => '');
  const named = [...libraries.matchAll(/\/[^\s:]+/g)].map(([library]) => library);
  const home = named.map((library) => dirname(library)).find((place) => existsSync(join(place, 'libc.so.6'))) ?? '';
  const parts = libraryParts.map((part) => join(home, part)).filter((part) => existsSync(part));
  for (const library of [...named, ...parts]) {
    if (existsSync(join(root, library))) continue;
    mkdirSync(join(root, dirname(library)), { recursive: true });
    copyFileSync(library, join(root, library));
  }
}

async function pushRoot(
  { docker, directory, name }: ImagePush,
  root: string,
  settings: Readonly<Record<string, string | undefined>>,
  instructions: readonly string[] = [],
): Promise<void> {
  const archive = join(directory, 'root.tar');
  await run('tar', ['--directory', root, '--create', '--owner', '0', '--group', '0', '--file', archive, '.']);
  const variables = Object.entries({ PATH: '/usr/local/bin:/usr/bin:/bin', ...settings });
  const changes = [...variables.map(([key, value]) => `ENV ${key}=${value}`), ...instructions];
  await docker('import', ...changes.flatMap((change) => ['--change', change]), archive, name);
  await docker('push', '--quiet', name);
  await docker('rmi', name);
}
