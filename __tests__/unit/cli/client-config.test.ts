import { describe, expect, test } from '@jest/globals';
import { run } from './run.ts';

const plain = {
  STOWAGE__PUBLIC_URL: 'http://mirror.lan:5000',
  STOWAGE__UPSTREAMS__0__NAME: 'docker.io',
  STOWAGE__UPSTREAMS__1__NAME: 'registry.lan:5001',
  STOWAGE__UPSTREAMS__1__URL: 'http://registry.lan:5001',
};
const overTls = { ...plain, STOWAGE__PUBLIC_URL: 'https://mirror.lan' };

async function snippet(client: string, env: Readonly<Record<string, string>>): Promise<string> {
  const { status, stdout } = await run(['client-config', client], { env });
  expect(status).toBe(0);
  return stdout;
}

describe('docker', () => {
  test('gets daemon.json, with leave to speak plain HTTP', async () => {
    expect(await snippet('docker', plain)).toBe(`{
  "registry-mirrors": [
    "http://mirror.lan:5000"
  ],
  "insecure-registries": [
    "mirror.lan:5000"
  ]
}
`);
  });

  test('needs no such leave over TLS or on loopback', async () => {
    expect(JSON.parse(await snippet('docker', overTls))).toEqual({ 'registry-mirrors': ['https://mirror.lan'] });
    expect(JSON.parse(await snippet('docker', {}))).toEqual({ 'registry-mirrors': ['http://127.0.0.1:5000'] });
  });

  test('names Docker Hub in the path where another upstream is the default', async () => {
    const env = { ...overTls, STOWAGE__UPSTREAMS__1__DEFAULT: 'true' };
    expect(JSON.parse(await snippet('docker', env))).toEqual({ 'registry-mirrors': ['https://mirror.lan/docker.io'] });
  });

  test('is told how to pull from the others, which it cannot mirror', async () => {
    const { stderr } = await run(['client-config', 'docker'], { env: plain });
    expect(stderr).toBe(`note: goes into /etc/docker/daemon.json; then restart dockerd
note: for registry.lan:5001, put the mirror into the image name: docker pull mirror.lan:5000/registry.lan:5001/…
`);
  });

  test('is told when there is nothing to mirror', async () => {
    const { stdout, stderr } = await run(['client-config', 'docker'], {
      env: { STOWAGE__UPSTREAMS__0__NAME: 'ghcr.io' },
    });
    expect(stdout).toBe('{}\n');
    expect(stderr).toContain('dockerd mirrors Docker Hub only, and no upstream here is named docker.io');
  });
});

describe('containerd', () => {
  test('gets a hosts.toml for each registry', async () => {
    expect(await snippet('containerd', plain)).toBe(`# /etc/containerd/certs.d/docker.io/hosts.toml
server = "https://registry-1.docker.io"

[host."http://mirror.lan:5000"]
  capabilities = ["pull", "resolve"]

# /etc/containerd/certs.d/registry.lan_5001_/hosts.toml
server = "http://registry.lan:5001"

[host."http://mirror.lan:5000"]
  capabilities = ["pull", "resolve"]
`);
  });

  test('goes on to the registry itself, not to where the mirror fetches', async () => {
    const env = {
      STOWAGE__UPSTREAMS__0__NAME: 'ghcr.io',
      STOWAGE__UPSTREAMS__0__URL: 'http://harbor.lan',
      STOWAGE__UPSTREAMS__0__ALIASES: 'old.ghcr.io',
    };
    const text = await snippet('containerd', env);
    expect(text.match(/^server = .*/gm)).toEqual(['server = "https://ghcr.io"', 'server = "https://old.ghcr.io"']);
  });
});

describe('podman', () => {
  test('gets mirrors with the registry in their path', async () => {
    expect(await snippet('podman', plain)).toBe(`# /etc/containers/registries.conf.d/50-stowage.conf
[[registry]]
prefix = "docker.io"
location = "docker.io"

[[registry.mirror]]
location = "mirror.lan:5000/docker.io"
insecure = true

[[registry]]
prefix = "registry.lan:5001"
location = "registry.lan:5001"

[[registry.mirror]]
location = "mirror.lan:5000/registry.lan:5001"
insecure = true
`);
  });

  test('needs no leave for plain HTTP over TLS', async () => {
    expect(await snippet('podman', { STOWAGE__PUBLIC_URL: 'https://mirror.lan' }))
      .toBe(`# /etc/containers/registries.conf.d/50-stowage.conf
[[registry]]
prefix = "docker.io"
location = "docker.io"

[[registry.mirror]]
location = "mirror.lan/docker.io"
`);
  });

  test('gets the port where the host alone would be taken for a repository', async () => {
    expect(await snippet('podman', { STOWAGE__PUBLIC_URL: 'http://mirror' })).toContain('"mirror:80/docker.io"');
    expect(await snippet('podman', { STOWAGE__PUBLIC_URL: 'https://mirror' })).toContain('"mirror:443/docker.io"');
  });
});

describe('buildkit', () => {
  test('gets mirrors without scheme, and the mirror an entry that says http', async () => {
    expect(await snippet('buildkit', plain)).toBe(`# /etc/buildkit/buildkitd.toml
[registry."docker.io"]
  mirrors = ["mirror.lan:5000"]

[registry."registry.lan:5001"]
  mirrors = ["mirror.lan:5000"]

[registry."mirror.lan:5000"]
  http = true
`);
  });

  test('needs no such entry over TLS', async () => {
    expect(await snippet('buildkit', { STOWAGE__PUBLIC_URL: 'https://mirror.lan' }))
      .toBe(`# /etc/buildkit/buildkitd.toml
[registry."docker.io"]
  mirrors = ["mirror.lan"]
`);
  });
});

test.each(['docker', 'containerd', 'podman', 'buildkit'])(
  '%s is told when only this machine can reach the mirror',
  async (client) => {
    const note = 'note: http://127.0.0.1:5000 is for clients on this machine; for others set publicUrl\n';
    const everywhere = await run(['client-config', client], { env: { STOWAGE__LISTEN: '0.0.0.0:5000' } });
    expect(everywhere.stderr).toContain(note);
    expect((await run(['client-config', client], { env: plain })).stderr).not.toContain('for clients on this machine');
  },
);
