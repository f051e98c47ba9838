import type { BodyChunk } from '../pull.ts';

/** Bytes of a fill in the memory that they were received in, which is free again when `release` is called, once. */
export interface KeptRun {
  readonly start: number;
  readonly bytes: Uint8Array;
  release(): void;
}

interface RecentRun extends KeptRun {
  /** Readers that have not had its end yet, of those who were near when it came. */
  awaited: number;
  /** The list, and everybody who holds a chunk of it. */
  holders: number;
}

/** So many are kept for readers that follow closely; others read from the file. */
const maxRuns = 4;

/** What came last of one fill and is on file: whoever is close behind gets it without reading it back. */
export class RecentRuns {
  #runs: RecentRun[] = [];

  /** `readers`: how many are near and have not had it. */
  add(run: KeptRun, readers: number): void {
    if (this.#runs.length === maxRuns) letGo(this.#runs.shift());
    this.#runs.push({ ...run, awaited: readers, holders: 1 });
  }

  /** From `position` to the end of a run, or to `end`; the bytes stay what they are until the chunk is released. */
  lend(position: number, end: number): BodyChunk | undefined {
    const run = this.#runs.find(({ start, bytes }) => start <= position && position < start + bytes.length);
    if (run === undefined) return undefined;
    const { start, bytes } = run;
    const chunk = bytes.subarray(position - start, end - start);
    run.holders += 1;
    if (start + bytes.length <= end) {
      run.awaited -= 1;
      if (run.awaited === 0) {
        this.#runs = this.#runs.filter((one) => one !== run);
        letGo(run);
      }
    }
    let isHeld = true;
    return {
      bytes: chunk,
      release() {
        if (!isHeld) return;
        isHeld = false;
        letGo(run);
      },
    };
  }

  clear(): void {
    for (const run of this.#runs.splice(0)) letGo(run);
  }
}

function letGo(run: RecentRun | undefined): void {
  if (run === undefined) return;
  run.holders -= 1;
  if (run.holders === 0) run.release();
}
