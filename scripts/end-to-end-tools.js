/**
 * The programs that the end-to-end tests, and a few others, run, and how a Debian machine gets them.
 * `missingTools()` names what is not here; `installTools()` brings it where it may.
 */
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Program → Debian package. */
const packageOf = {
  'docker-registry': 'docker-registry',
  skopeo: 'skopeo',
  podman: 'podman',
  containerd: 'containerd',
  ctr: 'containerd',
  dockerd: 'docker.io',
  docker: 'docker.io',
  'docker-compose': 'docker-compose',
  runc: 'runc',
  prometheus: 'prometheus',
  promtool: 'prometheus',
  busybox: 'busybox-static',
  // Looks at the page.
  chromium: 'chromium',
  // Brings libfaketime, which flow tests load into the mirror.
  faketime: 'faketime',
  // What breaks disks and kills mirrors at a chosen system call; disks that are small, limits that are low.
  strace: 'strace',
  'mkfs.ext4': 'e2fsprogs',
  mount: 'mount',
  umount: 'mount',
  // Checks the unit; nothing is run under it.
  'systemd-analyze': 'systemd',
  unshare: 'util-linux',
  prlimit: 'util-linux',
};

/** Where Debian keeps what an ordinary user's PATH leaves out. */
const systemDirectories = ['/usr/local/sbin', '/usr/sbin', '/sbin', '/usr/bin', '/bin'];

export function missingTools() {
  return Object.keys(packageOf).filter((program) => !isInstalled(program));
}

/** Installs the packages of the given programs. Returns why it could not, or undefined. */
export function installTools(programs) {
  if (process.getuid?.() !== 0) return 'not root';
  if (!isInstalled('apt-get')) return 'no apt-get';
  const packages = [...new Set(programs.map((program) => packageOf[program]))];
  const restoreServices = holdServices();
  try {
    // A failed update is no reason to stop: the lists that are here may do.
    run('apt-get', ['update', '-q']);
    const status = run('apt-get', ['install', '-q', '-y', '--no-install-recommends', ...packages]);
    return status === 0 ? undefined : `apt-get install ended with status ${status}`;
  } finally {
    restoreServices();
  }
}

function isInstalled(program) {
  const directories = [...(process.env.PATH ?? '').split(':').filter(Boolean), ...systemDirectories];
  return directories.some((directory) => {
    try {
      accessSync(join(directory, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** Keeps the packages from starting their daemons; a policy that the machine has already stays as it is. */
function holdServices() {
  const policy = '/usr/sbin/policy-rc.d';
  if (existsSync(policy)) return () => undefined;
  writeFileSync(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  return () => {
    rmSync(policy, { force: true });
  };
}

function run(command, args) {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  return spawnSync(command, args, { stdio: ['ignore', 'inherit', 'inherit'], env }).status;
}
