// The stage of a flow test: scripted servers around a mirror, and the oracle when the test is over.
import { afterEach } from '@jest/globals';
import { startCanary, type Canary } from './canary.ts';
import { startCdn, type Cdn } from './cdn.ts';
import { startMirrorProcess, type MirrorProcess, type MirrorProcessOptions } from './mirror-process.ts';
import { checkOracle } from './oracle.ts';
import { pull, type Pulled } from './raw-client.ts';
import { startScriptedUpstream, type ScriptedUpstream, type UpstreamOptions } from './scripted-upstream.ts';
import { pollUntil } from './signal.ts';
import { startTokenServer, type TokenServer, type TokenServerOptions } from './token-server.ts';

export interface Stage {
  upstream(options?: UpstreamOptions): Promise<ScriptedUpstream>;
  tokens(options?: TokenServerOptions): Promise<TokenServer>;
  cdn(): Promise<Cdn>;
  canary(): Promise<Canary>;
  /** A mirror of these upstreams; the first is the default one. Entries are merged into its configuration. */
  mirror(
    upstreams: ScriptedUpstream | readonly UpstreamEntry[],
    config?: Config,
    env?: Env,
    more?: Pick<MirrorProcessOptions, 'under' | 'login'>,
  ): Promise<MirrorProcess>;
  /** Text that may appear in no log and no metric. */
  plantSecret(secret: string): void;
  /** These fills are meant to be left parked. */
  allowParked(digest: string): void;
}

export type UpstreamEntry = { readonly upstream: ScriptedUpstream; readonly name: string } & Config;
type Config = Readonly<Record<string, unknown>>;
type Env = Readonly<Record<string, string>>;

/** What the mirror may keep waiting for in a test that never waits long. */
const quick: Config = { fill: { idleTimeout: '5s', resumeFor: '2s' } };
/** The name of the default upstream. */
export const mainName = 'registry.test';

/** Registers the end of every test of this file: the oracle is asked, everything is closed. */
export function setStage(): Stage {
  const ends: (() => Promise<void>)[] = [];
  const secrets: string[] = ['presigned-secret', 'planted-password'];
  const parked: string[] = [];
  const upstreams: ScriptedUpstream[] = [];
  const tokenServers: TokenServer[] = [];
  const mirrors: { readonly mirror: MirrorProcess; readonly baseline: readonly string[] }[] = [];
  const servers: { readonly connections: { readonly open: number }; reset(): void }[] = [];
  const countIdleConnections = (): number => servers.reduce((sum, { connections }) => sum + connections.open, 0);
  const keep = <T extends { close(): Promise<void> }>(part: T): T => {
    ends.push(() => part.close());
    return part;
  };

  afterEach(async () => {
    try {
      await Promise.all(upstreams.map((upstream) => untilAnswered(upstream)));
      const planted = [...secrets, ...tokenServers.flatMap((server) => server.tokens)];
      for (const { mirror, baseline } of mirrors) {
        await checkOracle(mirror, { baseline, countIdleConnections, secrets: planted, parked });
      }
      const [first] = mirrors;
      const [upstream] = upstreams;
      for (const server of servers) server.reset();
      if (first !== undefined && upstream !== undefined) await checkPlainPull(first.mirror, upstream);
    } finally {
      for (const end of ends.splice(0).toReversed()) await end();
      for (const list of [upstreams, tokenServers, mirrors, parked, servers]) list.length = 0;
    }
  });

  return {
    async upstream(options) {
      const upstream = keep(await startScriptedUpstream(options));
      upstreams.push(upstream);
      servers.push(upstream);
      return upstream;
    },
    async tokens(options) {
      const server = keep(await startTokenServer(options));
      tokenServers.push(server);
      servers.push(server);
      return server;
    },
    async cdn() {
      const cdn = keep(await startCdn());
      servers.push(cdn);
      return cdn;
    },
    canary: async () => keep(await startCanary()),
    async mirror(entries, config = {}, env = {}, more = {}) {
      const list = 'url' in entries ? [{ upstream: entries, name: mainName }] : entries;
      const mirror = keep(
        await startMirrorProcess({
          upstreams: list.map(({ upstream, ...entry }, i) => ({ url: upstream.url, default: i === 0, ...entry })),
          config: { ...quick, ...config },
          env,
          ...more,
        }),
      );
      mirrors.push({ mirror, baseline: mirror.descriptors() });
      return mirror;
    },
    plantSecret: (secret) => void secrets.push(secret),
    allowParked: (digest) => void parked.push(digest),
  };
}

/** No request may still hang at the upstream when all clients are gone. */
async function untilAnswered(upstream: ScriptedUpstream): Promise<void> {
  const hanging = (): readonly string[] =>
    upstream.requests.filter((request) => !request.isAnswered).map((request) => `${request.method} ${request.target}`);
  await pollUntil(() => hanging().length === 0, { what: 'upstream requests to end' }).catch((error: unknown) => {
    throw new Error(`still under way upstream: ${hanging().join(', ')}`, { cause: error });
  });
}

/** Whatever happened, another image is pulled as if nothing had. */
async function checkPlainPull(mirror: MirrorProcess, upstream: ScriptedUpstream): Promise<void> {
  await upstream.up();
  const repository = 'oracle/after';
  const image = upstream.registry.addImage(repository, 'latest', ['a layer for the oracle']);
  const paths = ['manifests/latest', ...[image.config, ...image.layers].map((part) => `blobs/${part.digest}`)];
  for (const path of paths) {
    let last: Pulled | undefined;
    const isServed = async (): Promise<boolean> => {
      last = await pull(mirror.address, `/v2/${repository}/${path}?ns=${mainName}`);
      return last.status === 200 && last.isComplete;
    };
    await pollUntil(isServed, { what: `a plain pull of ${path}` }).catch((error: unknown) => {
      throw new Error(`a plain pull afterwards gets ${last?.status} ${last?.body.toString()}`, { cause: error });
    });
  }
}
