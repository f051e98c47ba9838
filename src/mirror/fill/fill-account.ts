import type { Clock } from '../../telemetry/clock.ts';
import type { FillFacts } from '../../telemetry/events.ts';
import type { Fill } from './fill.ts';
import { RateMeter } from './rate-meter.ts';
import type { Source } from './sources.ts';

/** What a fill has received, and since when. */
export class FillAccount {
  readonly #clock: Clock;
  readonly #rate: RateMeter;
  readonly #startedMs: number;
  readonly #startedWallMs: number;
  #endedMs: number | undefined;
  #receivedBytes = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#rate = new RateMeter(clock);
    this.#startedMs = clock.monotonicMs();
    this.#startedWallMs = clock.wallMs();
  }

  get receivedBytes(): number {
    return this.#receivedBytes;
  }

  get totals(): { readonly receivedBytes: number; readonly durationMs: number } {
    const endedMs = this.#endedMs ?? this.#clock.monotonicMs();
    return { receivedBytes: this.#receivedBytes, durationMs: endedMs - this.#startedMs };
  }

  /** No more will come; what then waits for the disk is no part of the duration. */
  end(): void {
    this.#endedMs ??= this.#clock.monotonicMs();
  }

  receive(bytes: number): void {
    this.#receivedBytes += bytes;
    this.#rate.add(bytes);
  }

  describe(
    { digest, sizeBytes, segments, interests }: Fill,
    { upstream, repository }: Pick<Source, 'upstream' | 'repository'>,
    connections: number,
  ): FillFacts {
    return {
      upstream: upstream.name,
      repository,
      connections,
      digest,
      sizeBytes,
      hereBytes: segments.here.totalBytes,
      bytesPerSecond: this.#rate.bytesPerSecond,
      readers: interests.size,
      startedMs: this.#startedWallMs,
    };
  }
}
