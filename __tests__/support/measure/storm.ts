// Random pulls against random faults, with kills in between: whatever ends as complete must be right.
// Usage: node __tests__/support/measure/storm.ts [seed] [seconds]
import { listCacheFiles } from '../cache-files.ts';
import { createSeededContent, type Content } from '../content.ts';
import { startMirrorProcess, type MirrorProcess } from '../mirror-process.ts';
import { pull, type PullOptions } from '../raw-client.ts';
import { startRemoteUpstream, type RemoteFault, type RemoteUpstream } from '../remote-upstream.ts';
import { pollUntil } from '../signal.ts';
import { blobGet, megabyte, sleep } from './bench.ts';

type Random = (below: number) => number;

/** Mulberry32: small, seeded, the same everywhere. */
function createRandom(seed: number): Random {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

const print = (line: string): void => void process.stdout.write(`${line}\n`);
const counts = new Map<string, number>();
const count = (what: string): void => void counts.set(what, (counts.get(what) ?? 0) + 1);
const wrong: string[] = [];

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

async function pullOnce(mirror: MirrorProcess, content: Content, random: Random): Promise<void> {
  const { options, start, end } = choosePull(random, content);
  const pulled = await pull(mirror.address, `/v2/team/app/blobs/${content.digest}`, { ...options, keepBody: true });
  count(`${pulled.status}${pulled.isComplete ? '' : ' broken'}`);
  if (pulled.status !== 200 && pulled.status !== 206) return;
  const from = pulled.status === 200 ? 0 : start;
  const to = pulled.status === 200 ? content.sizeBytes : end;
  const isPrefix = pulled.body.equals(content.read(from, from + pulled.bytes));
  // Ranges are not verified before the whole is: a wrong byte may be in them, never in a complete whole.
  if (pulled.isComplete && pulled.bytes !== to - from) wrong.push(`${pulled.bytes} of ${to - from} bytes as complete`);
  if (pulled.isComplete && !isPrefix)
    (pulled.status === 200 ? wrong : []).push(`wrong bytes as a complete ${pulled.status}`);
  if (!isPrefix) count('wrong bytes in something broken or ranged');
}

async function runClients(mirror: MirrorProcess, contents: readonly Content[], random: Random, endMs: number) {
  const worker = async (): Promise<void> => {
    while (performance.now() < endMs) {
      const content = contents[random(contents.length)];
      if (content !== undefined) await pullOnce(mirror, content, random);
    }
  };
  await Promise.all(Array.from({ length: 12 }, worker));
}

async function runTroubles(mirror: MirrorProcess, upstream: RemoteUpstream, random: Random, endMs: number) {
  while (performance.now() < endMs) {
    await sleep(50 + random(400));
    if (random(25) === 0) {
      count('kills');
      await mirror.kill();
      await mirror.start();
    } else if (random(20) === 0) {
      count('upstream away');
      await upstream.down();
      await sleep(random(1500));
      await upstream.up();
    } else {
      await upstream.script(random(5) === 0 ? { path: '/blobs/' } : blobGet, makeFault(random, 20 * megabyte), {
        times: 1,
      });
    }
  }
}

async function checkEnd(mirror: MirrorProcess, upstream: RemoteUpstream, contents: readonly Content[]): Promise<void> {
  for (let i = 0; i < 40; i += 1) await upstream.script({}, {});
  for (const content of contents) {
    await pollUntil(
      async () => {
        const pulled = await pull(mirror.address, `/v2/team/app/blobs/${content.digest}`);
        return pulled.isComplete && pulled.digest === content.digest;
      },
      { what: `${content.digest} in the end`, deadlineMs: 30_000 },
    ).catch((error: unknown) => void wrong.push(String(error)));
  }
  const isEmpty = async (): Promise<boolean> => (await listCacheFiles(mirror.cachePath, ['fills'])).length === 0;
  await pollUntil(isEmpty, { what: 'fills/ to be empty' }).catch((error: unknown) => void wrong.push(String(error)));
}

const seed = Number(process.argv[2] ?? Date.now() % 100_000);
const seconds = Number(process.argv[3] ?? 30);
const random = createRandom(seed);
print(`seed ${seed}, ${seconds} s`);
const upstream = await startRemoteUpstream({ bytesPerSecond: 40 * megabyte });
const sizes = [
  1, 1000, 65_536, 65_537, 1_048_576, 1_048_577, 3_000_000, 16_777_216, 16_777_217, 20_000_000, 45_000_000,
];
const contents = sizes.map((sizeBytes, i) => createSeededContent(`storm ${i}`, sizeBytes));
for (const [i, sizeBytes] of sizes.entries()) await upstream.addBlob('team/app', { seed: `storm ${i}`, sizeBytes });
const mirror = await startMirrorProcess({
  upstreams: [{ name: 'registry.test', url: upstream.url }],
  // So little room that content is evicted all the time.
  config: { cache: { maxSize: '60MB' }, fill: { idleTimeout: '500ms', resumeFor: '5s' } },
});
const endMs = performance.now() + seconds * 1000;
await Promise.all([runClients(mirror, contents, random, endMs), runTroubles(mirror, upstream, random, endMs)]);
await checkEnd(mirror, upstream, contents);
print([...counts].map(([what, times]) => `${times} x ${what}`).join(', '));
const levels = mirror.output.split('\n').filter((line) => /"level":"(error|fatal)"/.test(line));
print(`${levels.length} errors logged; the last: ${levels.at(-1) ?? 'none'}`);
for (const line of new Set(wrong)) print(`WRONG: ${line}`);
print(wrong.length === 0 ? 'nothing wrong' : `${wrong.length} wrong`);
if (process.argv.includes('--log')) print(mirror.output);
await mirror.close();
await upstream.close();
process.exitCode = wrong.length === 0 ? 0 : 1;
