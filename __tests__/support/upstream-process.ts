// A scripted registry with its token server and CDN in a process of its own, driven by messages:
// so that what is measured does not share a thread with it. `remote-upstream.ts` is the other end.
import { startCdn, type Cdn } from './cdn.ts';
import { createSeededContent, type Content } from './content.ts';
import { startScriptedUpstream } from './scripted-upstream.ts';
import { startTokenServer, type TokenServer } from './token-server.ts';

export interface UpstreamProcessOptions {
  readonly bytesPerSecond?: number;
  /** Bearer tokens are asked for. */
  readonly tokens?: {
    readonly login?: string;
    readonly privateRepositories?: readonly string[];
    readonly lifetimeS?: number;
  };
  /** Blobs are sent to a CDN. */
  readonly hasCdn?: boolean;
}

/** A call of one method, or with `set` the change of one property. */
export interface UpstreamCall {
  readonly id: number;
  readonly target: 'start' | 'upstream' | 'registry' | 'tokens' | 'cdn';
  readonly name: string;
  readonly args: readonly unknown[];
  readonly set?: boolean;
}

/** How seeded content travels. */
export interface Seed {
  readonly seed: string;
  readonly sizeBytes: number;
}

type Parts = Record<string, Record<string, unknown>>;

let parts: Parts = {};

async function start(options: UpstreamProcessOptions): Promise<object> {
  const tokens: TokenServer | undefined = options.tokens && (await startTokenServer(options.tokens));
  const rate = options.bytesPerSecond ?? 0;
  const cdn: Cdn | undefined = options.hasCdn === true ? await startCdn({ bytesPerSecond: rate }) : undefined;
  const upstream = await startScriptedUpstream({
    bytesPerSecond: rate,
    ...(tokens && { tokens }),
    ...(cdn && { cdn }),
  });
  parts = { upstream, registry: upstream.registry, tokens, cdn } as unknown as Parts;
  return { url: upstream.url, realm: tokens?.realm, cdnUrl: cdn?.url };
}

const isSeed = (value: unknown): value is Seed => typeof value === 'object' && value !== null && 'seed' in value;

function revive(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(revive);
  return isSeed(value) ? createSeededContent(value.seed, value.sizeBytes) : value;
}

/** Contents become digest and size; functions cannot travel. */
function plain(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value ?? null, (_key, item: unknown) => {
      if (typeof item !== 'object' || item === null || !('read' in item)) return item;
      const { digest, sizeBytes } = item as Content;
      return { digest, sizeBytes };
    }),
  );
}

async function run(call: UpstreamCall): Promise<unknown> {
  if (call.target === 'start') return start(call.args[0] as UpstreamProcessOptions);
  const part = parts[call.target];
  if (part === undefined) throw new Error(`there is no ${call.target}`);
  if (call.set === true) {
    part[call.name] = call.args[0];
    return null;
  }
  return (part[call.name] as (...args: unknown[]) => unknown)(...call.args.map(revive));
}

process.on('message', (message) => {
  const call = message as UpstreamCall;
  run(call).then(
    (result) => process.send?.({ id: call.id, result: plain(result) }),
    (error: unknown) => process.send?.({ id: call.id, error: String(error) }),
  );
});
process.on('disconnect', () => process.exit());
