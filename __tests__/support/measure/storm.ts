// Random pulls against random faults, with kills in between: whatever ends as complete must be right.
import { listCacheFiles } from '../cache-files.ts';
import { createSeededContent, type Content } from '../content.ts';
import type { MirrorProcess } from '../mirror-process.ts';
import { createRandom, type Random } from '../random.ts';
import { pull, type PullOptions } from '../raw-client.ts';
import type { RemoteFault, RemoteUpstream } from '../remote-upstream.ts';
import { pollUntil } from '../signal.ts';
import { blobGet, isRight, megabyte, sleep, type Row } from './bench.ts';

/** What the storm rages over, and what it has found. */
interface Storm {
  readonly mirror: MirrorProcess;
  readonly upstream: RemoteUpstream;
  readonly contents: readonly Content[];
  readonly random: Random;
  readonly endMs: number;
  readonly counts: Map<string, number>;
  readonly wrong: Set<string>;
}

function count({ counts }: Storm, what: string): void {
  counts.set(what, (counts.get(what) ?? 0) + 1);
}

function makeFault(random: Random, size: number): RemoteFault {
  const after = random(Math.min(size, 8 * megabyte) + 1);
  const faults: readonly RemoteFault[] = [
    { cut: { after, by: 'FIN' } },
    { cut: { after, by: 'RST' } },
    { stall: { after } },
    { flip: random(size + 1) },
    { status: 500, body: 'no' },
    { status: 503, body: 'no', headers: { 'retry-after': '1' } },
    { status: 429, body: 'no', headers: { 'retry-after': '1' } },
    { status: 200, body: '<html>', headers: { 'content-type': 'text/html' } },
    { refuse: 'RST' },
    { ignoreRange: true },
    { chunked: true, ignoreRange: true },
    { noLength: true, ignoreRange: true, cut: { after, by: 'FIN' } },
    { encode: 'gzip', ignoreRange: true },
    { status: 206, headers: { 'content-range': `bytes 7-${7 + after}/${size}` } },
    { drip: 3000 },
  ];
  return faults[random(faults.length)] ?? {};
}

interface Expectation {
  readonly options: PullOptions;
  readonly start: number;
  readonly end: number;
}

function choosePull(random: Random, { sizeBytes }: Content): Expectation {
  const start = random(sizeBytes);
  const end = Math.min(sizeBytes, start + 1 + random(4 * megabyte));
  const whole = { start: 0, end: sizeBytes };
  switch (random(8)) {
    case 0:
      return { ...whole, options: { abortAfter: 1 + random(sizeBytes + 1) } };
    case 1:
      return { ...whole, options: { bytesPerSecond: megabyte + random(20 * megabyte) } };
    case 2:
    case 3:
      return { start, end, options: { range: `bytes=${start}-${end - 1}` } };
    case 4:
      return { start: sizeBytes - Math.min(sizeBytes, 1000), end: sizeBytes, options: { range: 'bytes=-1000' } };
    default:
      return { ...whole, options: {} };
  }
}

async function pullOnce(storm: Storm, content: Content): Promise<void> {
  const { options, start, end } = choosePull(storm.random, content);
  const pulled = await pull(storm.mirror.address, `/v2/team/app/blobs/${content.digest}`, {
    ...options,
    keepBody: true,
  });
  count(storm, `${pulled.status}${pulled.isComplete ? '' : ' broken'}`);
  if (pulled.status !== 200 && pulled.status !== 206) return;
  const from = pulled.status === 200 ? 0 : start;
  const to = pulled.status === 200 ? content.sizeBytes : end;
  if (pulled.isComplete && pulled.bytes !== to - from) {
    storm.wrong.add(`${pulled.bytes} of ${to - from} bytes as complete`);
  }
  if (pulled.body.equals(content.read(from, from + pulled.bytes))) return;
  // Ranges go out before the whole is verified: a wrong byte may be in them, never in a complete whole.
  if (pulled.isComplete && pulled.status === 200) storm.wrong.add('wrong bytes as a complete 200');
  count(storm, 'wrong bytes in something broken or ranged');
}

async function runClients(storm: Storm): Promise<void> {
  const { contents, random, endMs } = storm;
  const worker = async (): Promise<void> => {
    while (performance.now() < endMs) {
      const content = contents[random(contents.length)];
      if (content !== undefined) await pullOnce(storm, content);
    }
  };
  await Promise.all(Array.from({ length: 12 }, worker));
}

async function runTroubles(storm: Storm): Promise<void> {
  const { mirror, upstream, random, endMs } = storm;
  while (performance.now() < endMs) {
    await sleep(50 + random(400));
    if (random(25) === 0) {
      count(storm, 'kills');
      await mirror.kill();
      await mirror.start();
    } else if (random(20) === 0) {
      count(storm, 'upstream away');
      await upstream.down();
      await sleep(random(1500));
      await upstream.up();
    } else {
      const match = random(5) === 0 ? { path: '/blobs/' } : blobGet;
      await upstream.script(match, makeFault(random, 20 * megabyte), { times: 1 });
    }
  }
}

/** When it is over, everything is served, and nothing is left half done. */
async function checkEnd({ mirror, upstream, contents, wrong }: Storm): Promise<void> {
  await upstream.script({}, {});
  const note = (error: unknown): void => void wrong.add(String(error));
  for (const content of contents) {
    const isServed = async (): Promise<boolean> =>
      isRight(await pull(mirror.address, `/v2/team/app/blobs/${content.digest}`), content.digest);
    await pollUntil(isServed, { what: `${content.digest} in the end`, deadlineMs: 30_000 }).catch(note);
  }
  const isEmpty = async (): Promise<boolean> => (await listCacheFiles(mirror.cachePath, ['fills'])).length === 0;
  await pollUntil(isEmpty, { what: 'fills/ to be empty' }).catch(note);
}

const sizes = [
  1, 1000, 65_536, 65_537, 1_048_576, 1_048_577, 3_000_000, 16_777_216, 16_777_217, 20_000_000, 45_000_000,
];

/** Twelve clients and a scripted upstream for so many seconds; the same seed makes the same choices. */
export function createStormRow(seed: number, seconds: number): Row {
  return {
    name: `storm ${seed}: random pulls, faults, kills and evictions for ${seconds} s`,
    bar: 'whatever ends as complete is right; everything is served when it is over',
    async run(bench) {
      const upstream = await bench.upstream({ bytesPerSecond: 40 * megabyte });
      const contents = sizes.map((sizeBytes, i) => createSeededContent(`storm ${i}`, sizeBytes));
      for (const [i, sizeBytes] of sizes.entries())
        await upstream.addBlob('team/app', { seed: `storm ${i}`, sizeBytes });
      // So little room that content is evicted all the time.
      const mirror = await bench.mirror(upstream, {
        cache: { maxSize: '60MB' },
        fill: { idleTimeout: '500ms', resumeFor: '5s' },
      });
      const storm: Storm = {
        mirror,
        upstream,
        contents,
        random: createRandom(seed),
        endMs: performance.now() + seconds * 1000,
        counts: new Map(),
        wrong: new Set(),
      };
      await Promise.all([runClients(storm), runTroubles(storm)]);
      await checkEnd(storm);
      const facts = [...storm.counts].map(([what, times]) => `${times} x ${what}`);
      return { passes: storm.wrong.size === 0, figures: [...storm.wrong, ...facts].join(', ') };
    },
  };
}
