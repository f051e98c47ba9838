import type { StatusFacts } from '../../../src/admin/status-routes.ts';
import type { UpstreamFacts } from '../../../src/admin/upstream-state.ts';
import { parseDigest } from '../../../src/oci/digest.ts';
import type { FillFacts } from '../../../src/telemetry/events.ts';
import { createHealth } from '../../../src/telemetry/health.ts';
import { createTraffic } from '../../../src/telemetry/traffic.ts';
import { createManualClock } from '../http/manual-clock.ts';

const startMs = Date.UTC(2026, 0, 1);

export const fill: FillFacts = {
  digest: parseDigest(`sha256:${'a'.repeat(64)}`),
  upstream: 'docker.io',
  repository: 'library/alpine',
  sizeBytes: undefined,
  hereBytes: 5,
  bytesPerSecond: 3,
  readers: 2,
  connections: 1,
  startedMs: startMs,
};

export const hub: UpstreamFacts = {
  name: 'docker.io',
  isDefault: true,
  aliases: ['index.docker.io'],
  urls: [
    {
      url: 'https://registry-1.docker.io',
      isLoginRejected: false,
      pauses: [{ class: 'manifests', leftMs: 1_000 }],
      breakers: [],
      spendable: { limit: 100, remaining: 76 },
    },
  ],
};

/** A mirror at rest, as the admin API sees it. The test changes what it wants. */
export function createStatusFacts() {
  const clock = createManualClock(startMs);
  const fills: FillFacts[] = [];
  const health = createHealth();
  const traffic = createTraffic(clock);
  const noBytes = { objects: 0, bytes: 0 };
  const usage = {
    contentBytes: 100,
    leftoverBytes: 20,
    lingeringBytes: 3,
    reservedBytes: 4,
    maxBytes: 0,
    spareBytes: Infinity,
  };
  const facts: StatusFacts = {
    version: '1.2.3',
    instance: 'rack-7',
    clock,
    health,
    mirror: { stats: () => ({ fills: fills.length, readers: 2, waiting: 0 }), listFills: () => fills },
    space: { usage: () => usage },
    catalog: {
      totals: () => ({ objects: 9, bytes: 100 }),
      totalsByKind: () => ({
        once: noBytes,
        reused: noBytes,
        manifest: noBytes,
        pinned: { objects: 1, bytes: 11 },
      }),
    },
    traffic,
    isReady: () => true,
    publicUrl: () => 'http://mirror.lan:5000',
    upstreams: () => [hub],
    configuration: () => ({ file: null, loadedAt: '2026-01-01T00:00:00.000Z', problems: [] }),
  };
  return { clock, fills, health, traffic, usage, facts };
}
