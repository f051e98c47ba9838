// Files that changed behind the catalog's back: flipped, cut short, gone.
import { rm, stat, truncate } from 'node:fs/promises';
import { createSeededContent } from '../content.ts';
import type { MirrorProcess } from '../mirror-process.ts';
import { listCacheFiles } from '../cache-files.ts';
import { pull } from '../raw-client.ts';
import type { RemoteUpstream } from '../remote-upstream.ts';
import { isRight, megabyte, mebibyte, type Row } from './bench.ts';
import { blobPathOf, findWrongBlobs, flipByte } from './cache-disk.ts';
import { countOutcomes, isHit, outcomeOf, settlesTo } from './store-checks.ts';

const kinds = ['small blob', 'large blob', 'manifest'] as const;
type Kind = (typeof kinds)[number];

/** Content that the cache holds, to be damaged. */
interface Victim {
  readonly kind: Kind;
  readonly name: string;
  /** Where clients ask for it. */
  readonly path: string;
  readonly digest: string;
  /** The bytes of a blob, from one offset to another. */
  read(start: number, end: number): Buffer;
}

const sizes: Readonly<Record<Exclude<Kind, 'manifest'>, number>> = {
  'small blob': 5000,
  'large blob': 50 * megabyte,
};

/** Adds content of its own for one case. A manifest is asked for by tag or by digest. */
async function addVictim(upstream: RemoteUpstream, kind: Kind, name: string, by?: 'tag'): Promise<Victim> {
  if (kind === 'manifest') {
    const tag = name.replaceAll(' ', '-');
    const { digest } = await upstream.addImage('team/app', tag, [`layer of ${name}`]);
    const path = `/v2/team/app/manifests/${by === 'tag' ? tag : digest}`;
    return { kind, name, path, digest, read: () => Buffer.alloc(0) };
  }
  const content = createSeededContent(`${kind} ${name}`, sizes[kind]);
  const { digest } = await upstream.addBlob('team/app', { seed: `${kind} ${name}`, sizeBytes: sizes[kind] });
  return { kind, name, path: `/v2/team/app/blobs/${digest}`, digest, read: (start, end) => content.read(start, end) };
}

/** Pulls all, and waits until all are hits. */
async function warm(mirror: MirrorProcess, victims: readonly Victim[]): Promise<void> {
  for (const { path } of victims) await pull(mirror.address, path);
  for (const { path, name } of victims) {
    const isKept = await settlesTo(async () => isHit(await pull(mirror.address, path, { method: 'HEAD' })));
    if (!isKept) throw new Error(`${name} was not kept`);
  }
}

const flips = ['first', 'middle', 'last'] as const;
type Flip = (typeof flips)[number];

function flipOffset(flip: Flip, sizeBytes: number): number {
  return { first: 0, middle: Math.floor(sizeBytes / 2), last: sizeBytes - 1 }[flip];
}

interface FlipCase {
  readonly victim: Victim;
  readonly flip: Flip;
  readonly isRanged: boolean;
}

async function addFlipCases(upstream: RemoteUpstream): Promise<readonly FlipCase[]> {
  const cases: FlipCase[] = [];
  for (const flip of flips) {
    for (const kind of ['small blob', 'large blob'] as const) {
      cases.push({ victim: await addVictim(upstream, kind, `${flip} whole`), flip, isRanged: false });
      cases.push({ victim: await addVictim(upstream, kind, `${flip} ranged`), flip, isRanged: true });
    }
    cases.push({ victim: await addVictim(upstream, 'manifest', `${flip} by tag`, 'tag'), flip, isRanged: false });
    cases.push({ victim: await addVictim(upstream, 'manifest', `${flip} by digest`), flip, isRanged: false });
  }
  return cases;
}

/** A range of at most 1 MiB with the flipped byte in it. */
async function pullAround(mirror: MirrorProcess, { victim, flip }: FlipCase, sizeBytes: number): Promise<string> {
  const length = Math.min(mebibyte, Math.floor(sizeBytes / 2));
  const start = Math.max(0, Math.min(sizeBytes - length, flipOffset(flip, sizeBytes) - Math.floor(length / 2)));
  const range = `bytes=${start}-${start + length - 1}`;
  const pulled = await pull(mirror.address, victim.path, { range, keepBody: true });
  if (pulled.status === 0 || !pulled.isComplete) return 'broken';
  if (pulled.status !== 206) return outcomeOf(pulled, victim.digest);
  return pulled.body.equals(victim.read(start, start + length)) ? 'right range' : 'wrong range';
}

interface FlipFinding extends FlipCase {
  readonly first: string;
  /** The outcomes of the pulls of the whole after it, up to the first right one. */
  readonly next: readonly string[];
}

async function pullFlipped(mirror: MirrorProcess, flipCase: FlipCase, sizeBytes: number): Promise<FlipFinding> {
  const { victim, isRanged } = flipCase;
  const pullWhole = async (): Promise<string> => outcomeOf(await pull(mirror.address, victim.path), victim.digest);
  const first = isRanged ? await pullAround(mirror, flipCase, sizeBytes) : await pullWhole();
  const next: string[] = [];
  while (next.at(-1) !== 'whole' && next.length < 5) next.push(await pullWhole());
  return { ...flipCase, first, next };
}

function isAsItMustBe({ victim, isRanged, first, next }: FlipFinding): boolean {
  // A range may come before the end of the verification that it sets off, and the whole after it be cut by that.
  const isRightInTime = next.at(-1) === 'whole' && next.length <= (isRanged ? 2 : 1);
  const isNeverWrong = ![first, ...next].includes('wrong');
  return isRightInTime && isNeverWrong && (first !== 'wrong range' || victim.kind === 'large blob');
}

async function flipAll(mirror: MirrorProcess, cases: readonly FlipCase[]): Promise<ReadonlyMap<Victim, number>> {
  const fileSizes = new Map<Victim, number>();
  for (const { victim, flip } of cases) {
    const file = blobPathOf(mirror.cachePath, victim.digest);
    const { size } = await stat(file);
    fileSizes.set(victim, size);
    await flipByte(file, flipOffset(flip, size));
  }
  return fileSizes;
}

const flippedRow: Row = {
  name: 'store: flipped byte on disk, restart, pull',
  bar: 'never a complete wrong body (but ranges of a large blob go out while it is verified); the next pull is right',
  async run(bench) {
    const upstream = await bench.upstream();
    const cases = await addFlipCases(upstream);
    const mirror = await bench.mirror(upstream);
    await warm(
      mirror,
      cases.map(({ victim }) => victim),
    );
    await mirror.terminate();
    const fileSizes = await flipAll(mirror, cases);
    await mirror.start();
    const found: FlipFinding[] = [];
    for (const flipCase of cases) {
      found.push(await pullFlipped(mirror, flipCase, fileSizes.get(flipCase.victim) ?? 0));
    }
    const bad = found.filter((one) => !isAsItMustBe(one));
    const left = (await findWrongBlobs(mirror.cachePath)).length;
    const quarantined = (await listCacheFiles(mirror.cachePath, ['quarantine'])).length;
    const firsts = kinds.map((kind) => {
      const ofKind = found.filter(({ victim }) => victim.kind === kind);
      return `${kind}: ${countOutcomes(ofKind.map(({ first }) => first))}`;
    });
    const problems = bad.map(
      ({ victim, first, next }) => `${victim.kind} ${victim.name}: ${[first, ...next].join(' > ')}`,
    );
    return {
      passes: bad.length === 0 && left === 0,
      figures: `${cases.length} cases; first pulls ${firsts.join('; ')}; ${quarantined} in quarantine, ${left} wrong files left${problems.length > 0 ? `; not as it must be: ${problems.join(', ')}` : ''}`,
    };
  },
};

type Loss = 'removed' | 'truncated' | 'emptied';
const losses: readonly Loss[] = ['removed', 'truncated', 'emptied'];

async function damage(file: string, loss: Loss): Promise<void> {
  if (loss === 'removed') await rm(file);
  else await truncate(file, loss === 'emptied' ? 0 : Math.floor((await stat(file)).size / 2));
}

const lostRow: Row = {
  name: 'store: truncated or removed file',
  bar: 'right body, refetched',
  async run(bench) {
    const upstream = await bench.upstream();
    const mirror = await bench.mirror(upstream);
    const results: string[] = [];
    let right = 0;
    let refetched = 0;
    for (const moment of ['stopped', 'running'] as const) {
      const cases: { victim: Victim; loss: Loss }[] = [];
      for (const loss of losses) {
        for (const kind of kinds) cases.push({ victim: await addVictim(upstream, kind, `${loss} ${moment}`), loss });
      }
      await warm(
        mirror,
        cases.map(({ victim }) => victim),
      );
      if (moment === 'stopped') await mirror.terminate();
      else for (const { victim } of cases) await pull(mirror.address, victim.path);
      for (const { victim, loss } of cases) await damage(blobPathOf(mirror.cachePath, victim.digest), loss);
      if (moment === 'stopped') await mirror.start();
      for (const { victim } of cases) {
        const before = (await upstream.find({ method: 'GET' })).length;
        const pulled = await pull(mirror.address, victim.path);
        const isFetched = (await upstream.find({ method: 'GET' })).length > before;
        if (isRight(pulled, victim.digest)) right += 1;
        else results.push(`${victim.kind} ${victim.name}: ${outcomeOf(pulled, victim.digest)}`);
        if (isFetched) refetched += 1;
        else results.push(`${victim.kind} ${victim.name}: not fetched again`);
      }
    }
    const hasHealed = await settlesTo(async () => (await findWrongBlobs(mirror.cachePath)).length === 0);
    return {
      passes: right === 18 && refetched === 18 && hasHealed,
      figures: `${right} of 18 right at once, ${refetched} fetched again, files right afterwards ${hasHealed}${results.length > 0 ? `; ${results.join(', ')}` : ''}`,
    };
  },
};

export const damageRows: readonly Row[] = [flippedRow, lostRow];
