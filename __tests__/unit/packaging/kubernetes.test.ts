import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { parseAllDocuments } from 'yaml';
import type { Config } from '../../../src/config/config.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { readImageVariables, readProjectFile } from './files.ts';

interface Mount {
  readonly name: string;
  readonly mountPath: string;
}

interface Probe {
  readonly httpGet: { readonly path: string; readonly port: string };
  readonly periodSeconds?: number;
  readonly failureThreshold?: number;
}

interface Container {
  readonly env: readonly { readonly name: string; readonly value: string }[];
  readonly ports: readonly { readonly name: string; readonly containerPort: number }[];
  readonly startupProbe: Probe;
  readonly livenessProbe: Probe;
  readonly readinessProbe: Probe;
  readonly securityContext: object;
  readonly resources: { readonly requests: object; readonly limits: { readonly memory: string } };
  readonly volumeMounts: readonly Mount[];
}

interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly labels?: object };
  readonly data?: Readonly<Record<string, string>>;
  readonly spec?: unknown;
}

interface Pod {
  readonly terminationGracePeriodSeconds: number;
  readonly securityContext: object;
  readonly containers: readonly [Container];
  readonly volumes: readonly (Readonly<Record<string, unknown>> & { readonly name: string })[];
}

const documents = parseAllDocuments(readProjectFile('packaging/kubernetes/stowage.yaml'));
const manifests = documents.map((document) => document.toJS() as Manifest);
const find = (kind: string, name = 'stowage'): Manifest => {
  const found = manifests.find((manifest) => manifest.kind === kind && manifest.metadata.name === name);
  if (found === undefined) throw new Error(`there is no ${kind} ${name}`);
  return found;
};
const deployment = find('Deployment').spec as {
  replicas: number;
  strategy: object;
  selector: { matchLabels: object };
  template: { metadata: { labels: object }; spec: Pod };
};
const pod = deployment.template.spec;
const [container] = pod.containers;
const mountOf = (name: string): string | undefined =>
  container.volumeMounts.find((mount) => mount.name === name)?.mountPath;

describe('the Kubernetes manifest', () => {
  let directory: string;
  let config: Config;
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'stowage-'));
    writeFileSync(join(directory, 'mirror.config.yaml'), find('ConfigMap').data?.['mirror.config.yaml'] ?? '');
    writeFileSync(join(directory, 'token'), 'a token of a test, long enough');
    const own = Object.fromEntries(container.env.map(({ name, value }) => [name, value]));
    // Where the Secret is mounted, a file is.
    const token = own['STOWAGE__ADMIN__TOKEN_FILE']?.replace(`${mountOf('admin-token')}`, directory) ?? '';
    const environment = { ...readImageVariables(), ...own, STOWAGE__ADMIN__TOKEN_FILE: token };
    config = loadConfig({ environment, directory });
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  test('is YAML throughout, all in one namespace', () => {
    expect(documents.flatMap(({ errors, warnings }) => [...errors, ...warnings])).toEqual([]);
    const elsewhere = manifests.filter(
      ({ kind, metadata }) => kind !== 'Namespace' && metadata.namespace !== 'stowage',
    );
    expect(elsewhere).toEqual([]);
  });

  test('has variables and a configuration that the mirror takes', () => {
    expect(config.upstreams.map(({ name }) => name)).toEqual(['docker.io', 'ghcr.io', 'quay.io', 'registry.k8s.io']);
    expect(config.admin.createsToken).toBe(false);
    expect(Object.keys(find('ConfigMap').data ?? {})).toEqual(['mirror.config.yaml']);
    // Where the image looks for its file.
    expect(mountOf('config')).toBe('/etc/stowage');
    expect(mountOf('cache')).toBe(config.cache.path);
  });

  test('never runs two pods on one cache', () => {
    expect(deployment).toMatchObject({ replicas: 1, strategy: { type: 'Recreate' } });
    expect(pod.volumes.find(({ name }) => name === 'cache')).toEqual({
      name: 'cache',
      persistentVolumeClaim: { claimName: find('PersistentVolumeClaim').metadata.name },
    });
  });

  test('asks for less than its volume has', () => {
    const { resources } = find('PersistentVolumeClaim').spec as { resources: { requests: { storage: string } } };
    const volumeBytes = Number(resources.requests.storage.replace('Gi', '')) * 2 ** 30;
    expect(config.cache.maxSizeBytes).toBeLessThanOrEqual(0.9 * volumeBytes);
  });

  test('runs as an ordinary user without privileges on a read-only root, as restricted namespaces demand', () => {
    expect(find('Namespace').metadata.labels).toEqual({ 'pod-security.kubernetes.io/enforce': 'restricted' });
    expect(pod.securityContext).toMatchObject({
      runAsNonRoot: true,
      runAsUser: 10001,
      fsGroup: 10001,
      seccompProfile: { type: 'RuntimeDefault' },
    });
    expect(container.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    });
    expect(Object.keys(container.resources)).toEqual(['requests', 'limits']);
  });

  test('mounts what it names, and names what it mounts', () => {
    const names = container.volumeMounts.map(({ name }) => name);
    expect(names.toSorted()).toEqual(pod.volumes.map(({ name }) => name).toSorted());
  });

  test('is asked for its health where it tells of it', () => {
    const ports = new Map(container.ports.map(({ name, containerPort }) => [name, containerPort]));
    expect(ports).toEqual(
      new Map([
        ['registry', config.listen[0]?.port],
        ['admin', config.admin.listen[0]?.port],
      ]),
    );
    const { startupProbe, livenessProbe, readinessProbe } = container;
    expect(livenessProbe.httpGet).toEqual({ path: '/livez', port: 'admin' });
    expect(readinessProbe.httpGet).toEqual({ path: '/readyz', port: 'admin' });
    const patienceMs = (startupProbe.periodSeconds ?? 0) * (startupProbe.failureThreshold ?? 0) * 1000;
    expect(patienceMs).toBeGreaterThan(config.cache.lockWaitMs);
  });

  test('gives running pulls the time to end', () => {
    const { drainMs, drainDelayMs } = config.limits;
    expect(pod.terminationGracePeriodSeconds * 1000).toBeGreaterThan(drainMs + drainDelayMs);
  });

  test('has services that reach the pod by the names of its ports', () => {
    const labels = deployment.template.metadata.labels;
    expect(deployment.selector.matchLabels).toEqual(labels);
    const services = ['stowage', 'stowage-admin'].map(
      (name) =>
        find('Service', name).spec as { selector: object; ports: readonly { targetPort: string; nodePort?: number }[] },
    );
    expect(services.map(({ selector }) => selector)).toEqual([labels, labels]);
    expect(services.map(({ ports }) => ports[0]?.targetPort)).toEqual(['registry', 'admin']);
    expect(config.publicUrl).toBe(`http://127.0.0.1:${services[0]?.ports[0]?.nodePort}`);
    expect(config.admin.hosts).toContain('stowage-admin.stowage.svc');
  });
});
