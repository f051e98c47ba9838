import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pushImages, type Images } from './images.ts';
import { startMirror, type Mirror, type MirrorOptions } from './mirror.ts';
import { createRegistry, type Registry } from './registry.ts';
import { run } from './tools.ts';

/** A registry with images, and a mirror with an empty cache in front of it. */
export interface Stage {
  /** For the files of one more program; unique to `name`, short enough for sockets. */
  directoryFor(name: string): string;
  readonly upstream: Registry;
  readonly mirror: Mirror;
  readonly images: Images;
  /** Run at `close`, last come first. */
  onClose(end: () => Promise<unknown>): void;
  /** Ends what was started, unmounts and removes what was left. */
  close(): Promise<void>;
}

/** `cache`: further keys of the mirror's configuration. */
export async function createStage({ cache = {} }: Pick<MirrorOptions, 'cache'> = {}): Promise<Stage> {
  const directory = await mkdtemp(join(tmpdir(), 'stowage-'));
  const ends: (() => Promise<unknown>)[] = [];
  const close = async (): Promise<void> => {
    const failures: unknown[] = [];
    for (const end of ends.toReversed()) await end().catch((error: unknown) => failures.push(error));
    ends.length = 0;
    await unmountBelow(directory);
    await rm(directory, { recursive: true, force: true });
    if (failures.length > 0) throw new AggregateError(failures, 'the stage did not close cleanly');
  };
  try {
    const upstream = await createRegistry(join(directory, 'upstream'));
    ends.push(upstream.stop);
    await upstream.start();
    const images = await pushImages(upstream.url);
    const mirror = await startMirror({ directory: join(directory, 'mirror'), upstreamUrl: upstream.url, cache });
    ends.push(mirror.stop);
    return {
      directoryFor: (name) => join(directory, name),
      upstream,
      mirror,
      images,
      onClose: (end) => void ends.push(end),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** A runtime that was cut short may leave mounts; deepest first. */
export async function unmountBelow(directory: string): Promise<void> {
  const mounts = (await readFile('/proc/self/mounts', 'utf8')).split('\n').map((line) => line.split(' ')[1] ?? '');
  for (const path of mounts.filter((mount) => mount.startsWith(`${directory}/`)).toReversed()) {
    await run('umount', ['--lazy', path]);
  }
}
