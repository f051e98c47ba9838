import type { Clock, Timer } from '../../../src/telemetry/clock.ts';
import type { Happening } from '../../../src/telemetry/events.ts';
import { createHealth, type Health } from '../../../src/telemetry/health.ts';
import { silentMeter, type Meter } from '../../../src/telemetry/metrics.ts';
import type { UpstreamContext, UpstreamOptions, UpstreamUrlOptions } from '../../../src/upstream/options.ts';
import { createRegistryUpstream, type RegistryUpstream } from '../../../src/upstream/registry-upstream.ts';
import { startRawServer, type Connection, type RawServer, type RecordedRequest } from '../../support/raw-server.ts';

/** Time that stands still until the test moves it. */
export interface ManualClock extends Clock {
  /** Moves on and fires what is due. */
  advance(ms: number): void;
  /** Resolves when a timer of this delay is running. */
  untilTimer(delayMs: number): Promise<void>;
}

export function createManualClock(startWallMs = Date.UTC(2026, 0, 1)): ManualClock {
  let nowMs = 0;
  const timers = new Set<{ readonly dueMs: number; readonly delayMs: number; readonly onTime: () => void }>();
  let waiters: (() => void)[] = [];
  return {
    wallMs: () => startWallMs + nowMs,
    monotonicMs: () => nowMs,
    startTimer(delayMs, onTime): Timer {
      const timer = { dueMs: nowMs + delayMs, delayMs, onTime };
      timers.add(timer);
      for (const wake of waiters.splice(0)) wake();
      return { stop: () => void timers.delete(timer) };
    },
    advance(ms) {
      nowMs += ms;
      for (const timer of timers) {
        if (timer.dueMs > nowMs) continue;
        timers.delete(timer);
        timer.onTime();
      }
    },
    async untilTimer(delayMs) {
      while (![...timers].some((timer) => timer.delayMs === delayMs)) {
        await new Promise<void>((resolve) => waiters.push(resolve));
      }
      waiters = [];
    },
  };
}

export interface Fixture {
  readonly context: UpstreamContext;
  readonly clock: ManualClock;
  readonly health: Health;
  /** Every log line as text. */
  readonly lines: readonly string[];
  readonly requests: readonly Parameters<Meter['upstreamRequest']>[0][];
  readonly happenings: readonly Happening[];
  /** An upstream with one URL; closed by `close`. */
  open(
    url: string | UpstreamUrlOptions | readonly UpstreamUrlOptions[],
    more?: Partial<UpstreamOptions>,
  ): RegistryUpstream;
  /** A raw loopback server; closed by `close`. */
  serve(answer: (request: RecordedRequest) => Reply | Promise<Reply>, host?: string): Promise<RawServer>;
  close(): Promise<void>;
}

/** An answer, or what a test does to the socket itself. */
export type Reply =
  | { readonly status: number; readonly headers?: Readonly<Record<string, string>>; readonly body?: string | Buffer }
  | ((connection: Connection) => void | Promise<void>);

export function createFixture(overrides: Partial<UpstreamContext> = {}): Fixture {
  const clock = createManualClock();
  const health = createHealth();
  const lines: string[] = [];
  const requests: Parameters<Meter['upstreamRequest']>[0][] = [];
  const happenings: Happening[] = [];
  const write = (fields: object, message: string) => void lines.push(`${message} ${JSON.stringify(fields)}`);
  const context: UpstreamContext = {
    instanceId: 'a1',
    version: '1.2.3',
    clock,
    log: { debug: write, info: write, warn: write, error: write },
    meter: { ...silentMeter, upstreamRequest: (facts) => void requests.push(facts) },
    health,
    events: { publish: (happening) => void happenings.push(happening) },
    timeouts: { connectMs: 5_000, headersMs: 30_000, bodyMs: 20_000 },
    random: () => 0,
    ...overrides,
  };
  const closing: (() => Promise<void>)[] = [];
  return {
    context,
    clock,
    health,
    lines,
    requests,
    happenings,
    open(url, more = {}) {
      const urls =
        typeof url === 'string'
          ? [{ url }]
          : Array.isArray(url)
            ? (url as UpstreamUrlOptions[])
            : [url as UpstreamUrlOptions];
      const upstream = createRegistryUpstream(
        { name: 'registry.test', urls, shareCredentials: false, egressAllow: [], ...more },
        context,
      );
      closing.push(() => upstream.close());
      return upstream;
    },
    async serve(answer, host) {
      const server = await startRawServer(async (request, connection) => {
        const reply = await answer(request);
        if (typeof reply === 'function') await reply(connection);
        else send(connection, request, reply);
      }, host);
      closing.push(() => server.close());
      return server;
    },
    async close() {
      // The last opened first: clients before servers, whichever order the test has.
      for (const close of closing.splice(0).toReversed()) await close();
    },
  };
}

function send({ socket }: Connection, request: RecordedRequest, reply: Exclude<Reply, () => unknown>): void {
  const {
    status,
    headers = {},
    body = '',
  } = reply as { status: number; headers?: Record<string, string>; body?: string | Buffer };
  const all = { 'content-length': String(Buffer.byteLength(body)), ...headers };
  const head = Object.entries(all)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('');
  socket.write(`HTTP/1.1 ${status} Status\r\n${head}\r\n`);
  if (request.method !== 'HEAD') socket.write(body);
}

/** Reads a body to its end. */
export async function readAll(body: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks);
}
