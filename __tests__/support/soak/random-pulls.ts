// Several clients that pull whatever comes to their minds, until they are told to stop.
import type { Random } from '../random.ts';
import { startPull, type Pull, type PullOptions, type Pulled } from '../raw-client.ts';
import { describeWrong } from './scenario.ts';
import type { Item } from './scene.ts';

/** Clients at work. */
export interface RandomPulls {
  /** Ends them all; gives how many pulls came to their end, and those that did so with wrong bytes. */
  stop(): Promise<{ readonly complete: number; readonly wrong: readonly string[] }>;
}

interface Plan {
  readonly item: Item;
  readonly options: PullOptions;
  /** What a range asks for. */
  readonly span?: { readonly start: number; readonly end: number };
}

const clients = 5;

export function startRandomPulls(address: string, items: readonly Item[], random: Random): RandomPulls {
  const running = new Set<Pull>();
  const wrong: string[] = [];
  let complete = 0;
  let isStopped = false;

  async function pullOne(): Promise<void> {
    const plan = choosePull(items, random);
    const pull = startPull(address, plan.item.path, { ...plan.options, keepBody: plan.span !== undefined });
    running.add(pull);
    const pulled = await pull.done;
    running.delete(pull);
    if (!pulled.isComplete) return;
    complete += 1;
    const found = describeWrongEnd(plan, pulled);
    if (found !== undefined) wrong.push(found);
  }

  async function runClient(): Promise<void> {
    while (!isStopped) await pullOne();
  }

  const ended = Promise.all(Array.from({ length: clients }, runClient));
  return {
    async stop() {
      isStopped = true;
      for (const pull of running) pull.abort();
      await ended;
      return { complete, wrong };
    },
  };
}

function choosePull(items: readonly Item[], random: Random): Plan {
  const item = items[random(items.length)];
  if (item === undefined) throw new Error('there is nothing to pull');
  const sizeBytes = item.content?.sizeBytes;
  const kind = random(8);
  if (sizeBytes === undefined || kind > 3) return { item, options: {} };
  if (kind === 0) return { item, options: { abortAfter: 1 + random(sizeBytes) } };
  if (kind === 1) return { item, options: { bytesPerSecond: 1_000_000 + random(20_000_000) } };
  const start = random(sizeBytes);
  const end = Math.min(sizeBytes, start + 1 + random(1_000_000));
  return { item, options: { range: `bytes=${start}-${end - 1}` }, span: { start, end } };
}

/** Of an answer that ended as its framing says; errors are no bytes, and may come while the quota is tight. */
function describeWrongEnd({ item, span }: Plan, pulled: Pulled): string | undefined {
  if (pulled.status === 200) return describeWrong(item, pulled);
  if (pulled.status !== 206 || span === undefined || item.content === undefined) return undefined;
  if (pulled.body.equals(item.content.read(span.start, span.end))) return undefined;
  return `${item.name}: ${pulled.bytes} wrong bytes as the range from ${span.start} to ${span.end}`;
}
