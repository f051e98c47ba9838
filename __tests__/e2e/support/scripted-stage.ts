import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach } from '@jest/globals';
import { hashSync } from 'bcryptjs';
import { mainName, type Stage } from '../../support/flow.ts';
import type { ScriptedUpstream } from '../../support/scripted-upstream.ts';
import { unmountBelow } from './stage.ts';
import { createTar } from './tar.ts';

/** The upstream by the name that clients give it, and by that of the stage. */
export const dockerHub = { name: 'docker.io', aliases: [mainName] };

/** Puts an image there that a container runtime unpacks: its one layer is a plain archive, whose digest names it twice. */
export function addRealImage(upstream: ScriptedUpstream, repository: string, tag: string): void {
  upstream.registry.addImage(repository, tag, [createTar([{ path: 'name', content: repository }])]);
}

/** A mirror with one account, alice's, of an upstream with the image `team/app:v1` in it. */
export async function startWithAccounts(stage: Stage, places: ClientPlaces) {
  const file = join(await places.create(), 'htpasswd');
  await writeFile(file, `alice:${hashSync('wonderland', 6)}\n`);
  const upstream = await stage.upstream();
  addRealImage(upstream, 'team/app', 'v1');
  const config = { clients: { accounts: { file } } };
  const mirror = await stage.mirror([{ upstream, ...dockerHub }], config, {}, { login: 'alice:wonderland' });
  return { upstream, mirror };
}

/** Directories for real clients beside a flow test's stage, and what runs in them until the end of each test. */
export interface ClientPlaces {
  /** A new one; its path is short enough for sockets. */
  create(): Promise<string>;
  onEnd(end: () => Promise<unknown>): void;
}

/** To be called before `setStage`: ends are then run before the stage looks at the mirror. */
export function setClientPlaces(): ClientPlaces {
  const directories: string[] = [];
  const ends: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const end of ends.splice(0).toReversed()) await end();
  }, 60_000);
  afterAll(async () => {
    for (const directory of directories) {
      await unmountBelow(directory);
      await rm(directory, { recursive: true, force: true });
    }
  });
  return {
    async create() {
      const directory = await mkdtemp(join(tmpdir(), 'stw-'));
      directories.push(directory);
      return directory;
    },
    onEnd: (end) => void ends.push(end),
  };
}
