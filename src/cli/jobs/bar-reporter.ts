import { MultiBar, type SingleBar } from 'cli-progress';
import type { Job, JobItem } from '../../admin/api-types.ts';
import type { CliContext, TextOutput } from '../context.ts';
import { countWorkedBytes, describeDone, describeProgress, getShare } from './describe-item.ts';
import { createRateMeter } from './rate-meter.ts';
import { findComplaint, hasEnded, nameOf, type JobReporter } from './reporter.ts';

interface ShownItem {
  readonly measure: (count: number) => number;
  bar: SingleBar | undefined;
  hasEnded: boolean;
}

const barWidth = 20;
/** Beyond this a terminal shows no more than it did. */
const mostBars = 12;
/** To the end of the line: what stood there before is longer, maybe. */
const clearRight = '\u001b[K';

/** Bars on a terminal: one for each image that is on its way, a line above them for each that is done. */
export function createBarReporter({ stdout, stderr, clock }: CliContext): JobReporter {
  const bars = new MultiBar({
    // No more than `write` and the size are used of it.
    stream: stdout as unknown as NodeJS.WritableStream,
    format: (_options, params, payload) => formatBar(payload as ShownText, params.maxWidth, stdout),
    // Lines are cut here, and the cursor stays: nothing has to be put right after a kill.
    linewrap: true,
    hideCursor: false,
    clearOnComplete: true,
    // Bars move up when others end.
    forceRedraw: true,
    fps: 5,
  });
  const shown = new Map<number, ShownItem>();
  const complaints: string[] = [];
  const room = Math.max(1, Math.min(mostBars, (stdout.rows ?? 24) - 3));

  const end = (kind: Job['kind'], item: JobItem, state: ShownItem): void => {
    state.hasEnded = true;
    const complaint = findComplaint(item);
    if (complaint === undefined) bars.log(`${nameOf(item)}: ${describeDone(kind, item)}${clearRight}\n`);
    else complaints.push(complaint);
    if (state.bar !== undefined) bars.remove(state.bar);
    state.bar = undefined;
  };

  const show = (kind: Job['kind'], item: JobItem, index: number): void => {
    if (item.state === 'waiting') return;
    const state = shown.get(index) ?? { measure: createRateMeter(clock), bar: undefined, hasEnded: false };
    shown.set(index, state);
    const rate = state.measure(countWorkedBytes(kind, item));
    if (state.hasEnded) return;
    if (hasEnded(item)) {
      end(kind, item, state);
      return;
    }
    const text: ShownText = { name: nameOf(item), share: getShare(item), progress: describeProgress(item, rate) };
    const used = [...shown.values()].filter(({ bar }) => bar !== undefined).length;
    if (state.bar !== undefined) state.bar.update(text);
    else if (used < room) state.bar = bars.create(1, 0, text);
  };

  return {
    show({ kind, items }) {
      items.forEach((item, index) => show(kind, item, index));
      bars.update();
    },
    close() {
      bars.stop();
      for (const complaint of complaints) stderr.write(`stowage: ${complaint}\n`);
    },
  };
}

interface ShownText {
  readonly name: string;
  readonly share: number;
  readonly progress: string;
}

/** Fits into the line; of a long name the end is shown, where tags are. */
function formatBar({ name, share, progress }: ShownText, width: number, { columns = width }: TextOutput): string {
  const filled = Math.floor(share * barWidth);
  const rest = ` [${'='.repeat(filled)}${'-'.repeat(barWidth - filled)}] ${progress}`;
  const room = Math.max(12, columns - 1 - rest.length);
  const cut = name.length > room ? `…${name.slice(1 - room)}` : name;
  return `${cut}${rest}`.slice(0, columns - 1);
}
