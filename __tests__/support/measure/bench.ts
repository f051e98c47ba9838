// What a row of the measurement works with: processes that end with the row.
import { mountSmallDisk } from './small-disk.ts';
import { startMirrorProcess, type MirrorProcess, type MirrorProcessOptions } from '../mirror-process.ts';
import type { Pulled } from '../raw-client.ts';
import { startRemoteUpstream, type RemoteUpstream } from '../remote-upstream.ts';
import type { UpstreamProcessOptions } from '../upstream-process.ts';

export interface Bench {
  upstream(options?: UpstreamProcessOptions): Promise<RemoteUpstream>;
  /** A mirror of this upstream, with further configuration. */
  mirror(upstream: RemoteUpstream, config?: Readonly<Record<string, unknown>>): Promise<MirrorProcess>;
  mirrorOf(options: MirrorProcessOptions): Promise<MirrorProcess>;
  /** A file system in memory of so many bytes; gives the path of an empty directory in it. Needs root. */
  smallDisk(sizeBytes: number): Promise<string>;
  /** Is called when the row has ended, in whatever way; what came last ends first. */
  onEnd(close: () => Promise<void>): void;
  readonly isFull: boolean;
}

/** A case of the table. */
export interface Row {
  readonly name: string;
  readonly bar: string;
  run(bench: Bench): Promise<Verdict>;
}

export interface Verdict {
  readonly passes: boolean;
  readonly figures: string;
}

export const megabyte = 1_000_000;
export const mebibyte = 1024 * 1024;
/** Requests for bytes of blobs. */
export const blobGet = { method: 'GET', path: '/blobs/' } as const;

/** Runs one row and ends what it started, whatever happens. */
export async function runRow(row: Row, isFull: boolean): Promise<Verdict & { readonly output: string }> {
  const started: { close(): Promise<void> }[] = [];
  const mirrors: MirrorProcess[] = [];
  const keep = <T extends { close(): Promise<void> }>(part: T): T => {
    started.push(part);
    return part;
  };
  const mirrorOf = async (options: MirrorProcessOptions): Promise<MirrorProcess> => {
    const mirror = keep(await startMirrorProcess(options));
    mirrors.push(mirror);
    return mirror;
  };
  const bench: Bench = {
    isFull,
    upstream: async (options) => keep(await startRemoteUpstream(options)),
    mirror: (upstream, config = {}) =>
      mirrorOf({ upstreams: [{ name: 'registry.test', url: upstream.url, default: true }], config }),
    mirrorOf,
    smallDisk: async (sizeBytes) => keep(await mountSmallDisk(sizeBytes)).path,
    onEnd: (close) => void keep({ close }),
  };
  const outputOf = (): string => mirrors.map((mirror) => mirror.output).join('\n');
  try {
    const tooLate = sleep(isFull ? 600_000 : 120_000).then(() => Promise.reject(new Error('took too long')));
    return { ...(await Promise.race([row.run(bench), tooLate])), output: outputOf() };
  } catch (error) {
    return {
      passes: false,
      figures: `failed: ${error instanceof Error ? error.message : String(error)}`,
      output: outputOf(),
    };
  } finally {
    for (const part of started.toReversed()) await part.close();
  }
}

/** A complete 200 with the bytes that were asked for. */
export function isRight(pulled: Pulled, digest: string): boolean {
  return pulled.status === 200 && pulled.isComplete && pulled.digest === digest;
}

export function ratio(bytes: number, of: number): string {
  return `${(bytes / of).toFixed(3)} x`;
}

export function seconds(ms: number | undefined): string {
  return ms === undefined ? 'never' : `${(ms / 1000).toFixed(2)} s`;
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref());
}
