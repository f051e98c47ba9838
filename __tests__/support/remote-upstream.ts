import { fork } from 'node:child_process';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Fault, Match } from './fault.ts';
import type { RecordedRequest } from './raw-server.ts';
import type { Seed, UpstreamCall, UpstreamProcessOptions } from './upstream-process.ts';

/** A match that can travel: no patterns, no functions. */
export type RemoteMatch = Pick<Match, 'method' | 'hasRange' | 'hasAuthorization'> & { readonly path?: string };
/** A fault that can travel: no gates. */
export type RemoteFault = Omit<Fault, 'hold' | 'holdBody'>;
type Target = 'upstream' | 'cdn' | 'tokens';
export interface RemoteBlob {
  readonly digest: string;
  readonly sizeBytes: number;
}
export interface RemoteImage extends RemoteBlob {
  readonly layers: readonly RemoteBlob[];
  readonly config: RemoteBlob;
}

/** A scripted registry in another process. The owner must `close` it. */
export interface RemoteUpstream {
  readonly url: string;
  /** The token server's realm and the CDN's address, where asked for. */
  readonly realm: string | undefined;
  readonly cdnUrl: string | undefined;
  addBlob(repository: string, blob: Seed | string): Promise<RemoteBlob>;
  addImage(repository: string, tag: string, layers: readonly (Seed | string)[]): Promise<RemoteImage>;
  removeTag(repository: string, tag: string): Promise<void>;
  setRate(bytesPerSecond: number): Promise<void>;
  /** Every, or only the next `times`, matching requests get the fault. */
  script(match: RemoteMatch, fault: RemoteFault, options?: { times?: number; target?: Target }): Promise<void>;
  find(match: RemoteMatch, target?: Target): Promise<readonly RecordedRequest[]>;
  bytesOf(match: RemoteMatch, target?: Target): Promise<number>;
  expireTokens(): Promise<void>;
  down(): Promise<void>;
  up(): Promise<void>;
  close(): Promise<void>;
}

/** Starts the process and the servers in it. */
export async function startRemoteUpstream(options: UpstreamProcessOptions = {}): Promise<RemoteUpstream> {
  const own = fileURLToPath(import.meta.url);
  const child = fork(own.replace(/remote-upstream\.[jt]s$/, `upstream-process${extname(own)}`), {
    // The test runner's flags are not for the child.
    execArgv: [],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const pending = new Map<number, PromiseWithResolvers<unknown>>();
  let lastId = 0;
  child.on('message', (message: { id: number; result?: unknown; error?: string }) => {
    const call = pending.get(message.id);
    pending.delete(message.id);
    if (message.error === undefined) call?.resolve(message.result);
    else call?.reject(new Error(message.error));
  });
  child.on('exit', () => {
    for (const call of pending.values()) call.reject(new Error('the upstream process has ended'));
  });
  const send = async <T>(call: Omit<UpstreamCall, 'id'>): Promise<T> => {
    const id = (lastId += 1);
    const answer = Promise.withResolvers<unknown>();
    pending.set(id, answer);
    child.send({ ...call, id });
    return (await answer.promise) as T;
  };
  const call = <T>(target: UpstreamCall['target'], name: string, ...args: unknown[]): Promise<T> =>
    send<T>({ target, name, args });
  const started = await call<{ url: string; realm?: string; cdnUrl?: string }>('start', 'start', options);
  return {
    url: started.url,
    realm: started.realm,
    cdnUrl: started.cdnUrl,
    addBlob: (repository, blob) => call('registry', 'addBlob', repository, blob),
    addImage: (repository, tag, layers) => call('registry', 'addImage', repository, tag, layers),
    removeTag: (repository, tag) => call('registry', 'removeTag', repository, tag),
    setRate: (bytesPerSecond) =>
      send({ target: 'upstream', name: 'bytesPerSecond', args: [bytesPerSecond], set: true }),
    script: (match, fault, { times, target = 'upstream' } = {}) =>
      times === undefined ? call(target, 'always', match, fault) : call(target, 'times', times, match, fault),
    find: (match, target = 'upstream') => call(target, 'find', match),
    bytesOf: (match, target = 'upstream') => call(target, 'bytesOf', match),
    expireTokens: () => call('tokens', 'expireAll'),
    down: () => call('upstream', 'down'),
    up: () => call('upstream', 'up'),
    async close() {
      const exited = new Promise((resolve) => child.once('exit', resolve));
      child.disconnect();
      await exited;
    },
  };
}
