// One run of the mirror that goes through every step of a fill and of an eviction, always in the same order.
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { listCacheFiles } from '../cache-files.ts';
import type { MirrorProcess } from '../mirror-process.ts';
import { pull, startPull, type Pulled } from '../raw-client.ts';
import { pollUntil } from '../signal.ts';
import type { Item, Scene } from './scene.ts';

/** A cache as the scenario finds it. The owner must `close` it. */
export interface Template {
  /** Makes the stopped mirror's cache a copy of it. */
  restore(mirror: MirrorProcess): Promise<void>;
  close(): Promise<void>;
}

const parkedBytes = 600_000;
/** Of the upstream while the scenario runs: so slow that a fill writes its journal a few times. */
export const scenarioBytesPerSecond = 6_000_000;

/** Lets the stopped mirror make the cache, keeps a copy, and leaves the mirror stopped. */
export async function createTemplate({ mirror, upstream, script }: Scene): Promise<Template> {
  const folder = await mkdtemp(join(tmpdir(), 'stowage-template-'));
  await emptyCache(mirror);
  await mirror.start();
  for (const item of [...script.old, script.atLogin]) {
    const found = describeWrong(item, await pull(mirror.address, item.path));
    if (found !== undefined) throw new Error(`the cache cannot be prepared: ${found}`);
    // What comes within a second becomes content in any order, and would be evicted in that.
    await pollUntil(() => isContent(mirror, item), { what: `${item.name} to be content` });
  }
  // They stand still where they are, have nobody who reads them, and are parked by the end of the process.
  for (const item of [script.resumed, script.dropped]) {
    await upstream.script({ path: `/blobs/${item.digest}` }, { stall: { after: parkedBytes } }, { times: 1 });
    const reading = startPull(mirror.address, item.path);
    await reading.untilReceived(parkedBytes);
    reading.abort();
  }
  await mirror.terminate();
  const left = await listCacheFiles(mirror.cachePath, ['fills']);
  if (left.length !== 4) throw new Error(`two parked fills were to be prepared, there are: ${left.join(', ')}`);
  await cp(mirror.cachePath, folder, { recursive: true, preserveTimestamps: true });
  return {
    async restore({ cachePath }) {
      await rm(cachePath, { recursive: true, force: true });
      await cp(folder, cachePath, { recursive: true, preserveTimestamps: true });
    },
    close: () => rm(folder, { recursive: true, force: true }),
  };
}

/** Of a mirror that is stopped. */
export async function emptyCache({ cachePath }: MirrorProcess): Promise<void> {
  await rm(cachePath, { recursive: true, force: true });
}

/** In this order: each step needs what those before it have left. */
export function listScript({ script }: Scene): readonly Item[] {
  const { resumed, manifestByTag, config, layer, manifestByDigest, atNobody, largeLayer } = script;
  return [resumed, manifestByTag, config, layer, manifestByDigest, atNobody, largeLayer];
}

/**
 * Starts the mirror, which has the template's cache, under `wrapper`, pulls everything in order, waits for the
 * eviction and stops it; ends early when the mirror is killed. Gives the answers that were complete and wrong.
 */
export async function runScenario(scene: Scene, wrapper: readonly string[]): Promise<readonly string[]> {
  const { mirror, script } = scene;
  const wrong: string[] = [];
  const isAlive = await mirror.start(wrapper).then(
    () => true,
    (error: unknown) => {
      if (mirror.isRunning) throw error;
      return false;
    },
  );
  if (!isAlive) return wrong;
  for (const item of listScript(scene)) {
    const pulled = await pull(mirror.address, item.path);
    const found = describeWrong(item, pulled);
    if (found === undefined) continue;
    if (pulled.status === 200 && pulled.isComplete) wrong.push(found);
    // Nothing but its end excuses the mirror.
    await pollUntil(() => !mirror.isRunning, { what: `the end of a mirror that broke ${item.name}`, deadlineMs: 2000 });
    return wrong;
  }
  const [first] = script.old;
  const isEvicted = async (): Promise<boolean> =>
    !mirror.isRunning || first === undefined || !(await isContent(mirror, first));
  await pollUntil(isEvicted, { what: 'the eviction' });
  const status = await mirror.terminate();
  if (status !== 0 && status !== null) wrong.push(`the mirror ended with status ${status}`);
  return wrong;
}

async function isContent({ cachePath }: MirrorProcess, { digest }: Item): Promise<boolean> {
  const hex = digest.slice(digest.indexOf(':') + 1);
  return (await listCacheFiles(cachePath, ['blobs'])).some((file) => file.endsWith(hex));
}

/** What is wrong with the answer; undefined for a complete one with the right bytes. */
export function describeWrong({ name, digest }: Item, pulled: Pulled): string | undefined {
  if (pulled.status === 200 && pulled.isComplete && pulled.digest === digest) return undefined;
  const { status, isComplete, bytes, error } = pulled;
  const text = status >= 400 ? ` ${pulled.body.toString()}` : '';
  return `${name}: ${status}${text}, ${isComplete ? 'complete' : `broken (${error})`}, ${bytes} bytes of ${pulled.digest}`;
}
