import type { AddressBook } from '../../../src/http/address-book.ts';
import { createMirrorApp, type MirrorAppLimits } from '../../../src/http/app.ts';
import type { ClientGate } from '../../../src/http/client-gate.ts';
import { createListener, type Listener } from '../../../src/http/listener.ts';
import type { Mirror } from '../../../src/mirror/mirror-api.ts';
import { systemClock, type Clock } from '../../../src/telemetry/clock.ts';
import type { Log } from '../../../src/telemetry/log.ts';
import { silentMeter, type Meter } from '../../../src/telemetry/metrics.ts';
import { createSignal, pollUntil } from '../../support/signal.ts';

export const addresses: AddressBook = {
  upstreams: [
    {
      name: 'docker.io',
      aliases: ['index.docker.io', 'registry-1.docker.io'],
      virtualHosts: ['hub.mirror.lan'],
      isDefault: true,
    },
    { name: 'ghcr.io', aliases: [], virtualHosts: ['ghcr.mirror.lan', 'ghcr.mirror.lan:7000'], isDefault: false },
    { name: 'localhost:5000', aliases: ['private.lan:443'], virtualHosts: [], isDefault: false },
  ],
};

export interface LogLine {
  readonly level: string;
  readonly fields: Readonly<Record<string, unknown>>;
  readonly message: string;
}

export interface Served {
  readonly address: string;
  readonly listener: Listener;
  readonly lines: readonly LogLine[];
  readonly requests: readonly Parameters<Meter['request']>[0][];
  /** Resolves when so many requests have been reported, and gives their log lines. */
  untilReported(count: number): Promise<readonly LogLine[]>;
  /** Resolves when no connection is left. */
  untilIdle(): Promise<void>;
  /** Whether connections may stay that come from now on. */
  admitPeers(areAdmitted: boolean): void;
  close(): Promise<void>;
}

export interface ServeOptions {
  readonly clock?: Clock;
  readonly limits?: MirrorAppLimits;
  readonly isCatalogEnabled?: boolean;
  readonly headersTimeoutMs?: number;
  readonly addresses?: AddressBook;
  readonly gate?: ClientGate;
}

/** The mirror listener on a free loopback port. */
export async function serve(mirror: Mirror, options: ServeOptions = {}): Promise<Served> {
  const { clock = systemClock, limits = {}, isCatalogEnabled = false, headersTimeoutMs } = options;
  const lines: LogLine[] = [];
  const requests: Parameters<Meter['request']>[0][] = [];
  const reported = createSignal();
  const record = (level: string) => (fields: object, message: string) => {
    lines.push({ level, fields: { ...fields }, message });
  };
  const log: Log = { debug: record('debug'), info: record('info'), warn: record('warn'), error: record('error') };
  const meter: Meter = {
    ...silentMeter,
    request: (facts) => {
      requests.push(facts);
      reported.raise();
    },
  };
  const handler = createMirrorApp({
    mirror,
    addresses: options.addresses ?? addresses,
    clock,
    log,
    meter,
    limits,
    isCatalogEnabled,
    instanceId: 'here',
    gate: options.gate,
  });
  let arePeersAdmitted = true;
  const admitsPeer = (): boolean => arePeersAdmitted;
  const listener = createListener({
    handler,
    clock,
    admitsPeer,
    ...(headersTimeoutMs === undefined ? {} : { headersTimeoutMs }),
  });
  const [bound] = await listener.listen([{ host: '127.0.0.1', port: 0 }]);
  return {
    address: `http://127.0.0.1:${bound?.port}`,
    listener,
    lines,
    requests,
    untilReported: async (count) => {
      await reported.until(() => requests.length >= count);
      return lines.filter((line) => line.message === 'request');
    },
    untilIdle: () => pollUntil(() => listener.connections === 0),
    admitPeers: (areAdmitted) => void (arePeersAdmitted = areAdmitted),
    close: () => listener.close({ drainMs: 0 }),
  };
}
