// What must hold after every flow test, whatever the test did.
import { createHash } from 'node:crypto';
import { createReadStream, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { readMetric } from './metrics.ts';
import type { MirrorProcess } from './mirror-process.ts';
import { pull } from './raw-client.ts';
import { pollUntil } from './signal.ts';
import { listCacheFiles } from './cache-files.ts';

export interface OracleOptions {
  /** Descriptors of the mirror when it was ready. */
  readonly baseline: readonly string[];
  /** Connections that the scripted servers hold open. */
  readonly countIdleConnections: () => number;
  /** What may appear nowhere: not in logs, not in metrics. */
  readonly secrets: readonly string[];
  /** Parked fills that the test means to leave: digests. */
  readonly parked?: readonly string[];
  /** How long the mirror may take to come to rest. */
  readonly deadlineMs?: number;
}

/** As much of a mirror as can be seen from outside. */
type ObservedMirror = Pick<MirrorProcess, 'address' | 'adminAddress' | 'cachePath' | 'output' | 'descriptors'>;

/** @throws Error that says which promise is broken */
export async function checkOracle(mirror: ObservedMirror, options: OracleOptions): Promise<void> {
  await checkLiveness(mirror);
  const { parked = [], deadlineMs = 8000 } = options;
  await checkNothingRuns(mirror, deadlineMs);
  await checkFillsAreGone(mirror, parked, deadlineMs);
  await checkDescriptors(mirror, options);
  await checkContent(mirror);
  await checkSecrets(mirror, options.secrets);
}

async function checkLiveness(mirror: ObservedMirror): Promise<void> {
  const { status } = await pull(mirror.adminAddress, '/livez');
  if (status !== 200) throw new Error(`/livez answers ${status}; the mirror wrote:\n${mirror.output}`);
}

async function checkNothingRuns(mirror: ObservedMirror, deadlineMs: number): Promise<void> {
  for (const name of ['stowage_fills_running', 'stowage_fill_readers', 'stowage_client_connections']) {
    // A gauge that is not there is no proof.
    const isZero = async (): Promise<boolean> => (await readMetric(mirror.adminAddress, name)) === 0;
    await pollUntil(isZero, { deadlineMs, what: `${name} to be 0` });
  }
  const port = Number(new URL(mirror.address).port);
  await pollUntil(() => countConnections(port) === 0, { deadlineMs, what: 'client sockets to be closed' });
}

/** Established connections whose local end is this port, on 127.0.0.1. Their state is 01 in /proc/net/tcp. */
function countConnections(port: number): number {
  const local = `0100007F:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const lines = readFileSync('/proc/net/tcp', 'utf8').split('\n');
  return lines.filter((line) => line.includes(`: ${local} `) && / 01 /.test(line.slice(0, 40))).length;
}

async function checkFillsAreGone(mirror: ObservedMirror, parked: readonly string[], deadlineMs: number): Promise<void> {
  const isParked = (file: string): boolean => parked.some((digest) => file.includes(digest.slice(7)));
  const stray = async (): Promise<readonly string[]> =>
    (await listCacheFiles(mirror.cachePath, ['fills'])).filter((file) => !isParked(file));
  await pollUntil(async () => (await stray()).length === 0, { deadlineMs, what: 'fills/ to be empty' }).catch(
    async (error: unknown) => {
      throw new Error(`left behind: ${(await stray()).join(', ')}`, { cause: error });
    },
  );
}

/**
 * Connections to scripted servers may idle, and content that is asked for often stays open; other files and
 * sockets may not. Worker threads, begun when there is work for them, have descriptors of other kinds. SQLite keeps a
 * closed connection's descriptor for the next one.
 */
async function checkDescriptors(
  mirror: ObservedMirror,
  { baseline, countIdleConnections, deadlineMs = 8000 }: OracleOptions,
): Promise<void> {
  const isFile = (target: string): boolean =>
    target.startsWith(mirror.cachePath) && !target.includes('/blobs/') && !target.includes('/catalog.db');
  const isSocket = (target: string): boolean => target.startsWith('socket:');
  const surplus = (): readonly string[] => {
    const now = mirror.descriptors();
    const files = now.filter(isFile);
    const sockets = now.filter(isSocket);
    return [
      ...(files.length > baseline.filter(isFile).length ? files : []),
      ...(sockets.length > baseline.filter(isSocket).length + countIdleConnections() ? sockets : []),
    ];
  };
  await pollUntil(() => surplus().length === 0, { deadlineMs, what: 'descriptors back at baseline' }).catch(
    (error: unknown) => {
      throw new Error(`descriptors above the baseline: ${surplus().join(', ')}`, { cause: error });
    },
  );
}

async function checkContent(mirror: ObservedMirror): Promise<void> {
  for (const file of await listCacheFiles(mirror.cachePath, ['blobs'])) {
    const [, algorithm = '', hex = ''] = /\/(sha256|sha512)\/[0-9a-f]{2}\/([0-9a-f]+)$/.exec(file) ?? [];
    if (hex === '') throw new Error(`a file that is no content: ${file}`);
    const hash = createHash(algorithm);
    await pipeline(createReadStream(join(mirror.cachePath, file)), hash);
    if (hash.digest('hex') !== hex) throw new Error(`the bytes of ${file} are not those of its name`);
  }
}

async function checkSecrets(mirror: ObservedMirror, secrets: readonly string[]): Promise<void> {
  const metrics = (await pull(mirror.adminAddress, '/metrics', { keepBody: true })).body.toString();
  for (const secret of secrets) {
    if (mirror.output.includes(secret)) throw new Error(`the log shows ${secret}`);
    if (metrics.includes(secret)) throw new Error(`the metrics show ${secret}`);
  }
}
