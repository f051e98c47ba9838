import type { PartialContent } from '../../store/content-store.ts';
import type { Clock, Timer } from '../../telemetry/clock.ts';
import type { Segments } from './segments.ts';

/** What a crash may cost in bytes already fetched: so much time's worth. */
const saveEveryMs = 200;

/** Keeps the record of a fill's spans close behind what has been written. */
export class Journal {
  readonly #partial: PartialContent;
  readonly #segments: Segments;
  readonly #clock: Clock;
  #timer: Timer | undefined;
  #saving: Promise<void> = Promise.resolve();
  #isStopped = false;

  constructor(partial: PartialContent, segments: Segments, clock: Clock) {
    this.#partial = partial;
    this.#segments = segments;
    this.#clock = clock;
  }

  /** Bytes have come: they are in the record soon. */
  touch(): void {
    if (this.#isStopped) return;
    this.#timer ??= this.#clock.startTimer(saveEveryMs, () => {
      this.#timer = undefined;
      // A record that cannot be written costs a refetch after a crash, nothing now.
      this.#saving = this.#saving.then(() => this.#write()).catch(() => undefined);
    });
  }

  /** Saves now and for the last time. */
  async save(): Promise<void> {
    await this.stop();
    await this.#write();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#timer?.stop();
    await this.#saving;
  }

  async #write(): Promise<void> {
    const { sizeBytes = this.#partial.recovered.sizeBytes, here } = this.#segments;
    await this.#partial.saveJournal({ spans: [...here.spans], sizeBytes });
  }
}
