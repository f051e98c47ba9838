import type { Clock, Timer } from '../telemetry/clock.ts';

/** `half-open`: requests go out again, and the first outcome decides. */
export type BreakerState = 'closed' | 'open' | 'half-open';

/** What a probe found: an answer, an answer of 5xx, nothing. */
export type ProbeResult = 'well' | 'ill' | 'silent';

export interface BreakerOptions {
  readonly clock: Clock;
  /** A cheap request of its own, ended by the signal. */
  readonly probe: (signal: AbortSignal) => Promise<ProbeResult>;
  readonly onChange: (state: BreakerState) => void;
}

/** A request that was let through. Outcomes of requests from before the last change of state say nothing new. */
export interface Attempt {
  succeeded(): void;
  /** `isSilence`: the whole time for an answer has passed. */
  failed(facts: { readonly isSilence: boolean; readonly isAnswer: boolean }): void;
}

const windowMs = 10_000;
const maxFailures = 5;
/** The latest outcomes in the window: with less than half of them failed, a busy upstream has a bad day, no outage. */
const maxOutcomes = 64;
const probeEveryMs = 2_000;
const probeTimeoutMs = 5_000;
/** Without demand for so long, probing ends: the next request finds out. */
const probeForMs = 60_000;
/** Some answer 5xx to a probe and serve all the same: after so long a request may try. */
const illForMs = 30_000;

/**
 * One host's breaker: open after 5 failures in 10 s, or after one that waited its full time while the host said
 * nothing to anybody. While it is open nothing waits for the host but one probe every 2 s.
 */
export class Breaker {
  readonly #options: BreakerOptions;
  readonly #ending = new AbortController();
  #state: BreakerState = 'closed';
  #outcomes: { readonly atMs: number; readonly isFailure: boolean }[] = [];
  #changes = 0;
  #lastAnswerMs = -Infinity;
  #openedMs = 0;
  #wantedMs = 0;
  #nextProbeMs = 0;
  #timer: Timer | undefined;
  #isProbing = false;

  constructor(options: BreakerOptions) {
    this.#options = options;
  }

  get state(): BreakerState {
    return this.#state;
  }

  /** Undefined: ask. Else milliseconds until it may be known better. */
  findWaitMs(): number | undefined {
    if (this.#state !== 'open') return undefined;
    const nowMs = this.#options.clock.monotonicMs();
    this.#wantedMs = nowMs;
    this.#scheduleProbe();
    return Math.ceil(Math.max(this.#nextProbeMs - nowMs, 1_000));
  }

  start(): Attempt {
    const startMs = this.#options.clock.monotonicMs();
    const changes = this.#changes;
    const note = (isFailure: boolean, isOutage: boolean) => {
      if (changes === this.#changes) this.#note(isFailure, isOutage);
    };
    return {
      succeeded: () => {
        this.#lastAnswerMs = this.#options.clock.monotonicMs();
        note(false, false);
      },
      failed: ({ isSilence, isAnswer }) => {
        const isOutage = isSilence && this.#lastAnswerMs < startMs;
        if (isAnswer) this.#lastAnswerMs = this.#options.clock.monotonicMs();
        note(true, isOutage);
      },
    };
  }

  /** Ends a probe that is under way. */
  close(): void {
    this.#timer?.stop();
    this.#ending.abort();
  }

  #note(isFailure: boolean, isOutage: boolean): void {
    const atMs = this.#options.clock.monotonicMs();
    if (this.#state === 'half-open') {
      this.#change(isFailure ? 'open' : 'closed');
      return;
    }
    this.#outcomes = this.#outcomes.filter((outcome) => atMs - outcome.atMs < windowMs).slice(1 - maxOutcomes);
    this.#outcomes.push({ atMs, isFailure });
    const failures = this.#outcomes.filter((outcome) => outcome.isFailure).length;
    if (isOutage || (failures >= maxFailures && failures * 2 >= this.#outcomes.length)) this.#change('open');
  }

  #change(state: BreakerState): void {
    const nowMs = this.#options.clock.monotonicMs();
    this.#state = state;
    this.#changes += 1;
    this.#outcomes = [];
    if (state === 'open') {
      this.#openedMs = nowMs;
      this.#wantedMs = nowMs;
      this.#nextProbeMs = nowMs + probeEveryMs;
      this.#scheduleProbe();
    }
    this.#options.onChange(state);
  }

  #scheduleProbe(): void {
    if (this.#timer !== undefined || this.#isProbing || this.#ending.signal.aborted) return;
    const { clock } = this.#options;
    const delayMs = Math.max(this.#nextProbeMs - clock.monotonicMs(), 0);
    this.#timer = clock.startTimer(delayMs, () => {
      this.#timer = undefined;
      if (clock.monotonicMs() - this.#wantedMs > probeForMs) this.#change('half-open');
      else void this.#probe();
    });
  }

  async #probe(): Promise<void> {
    const { clock, probe } = this.#options;
    this.#isProbing = true;
    this.#nextProbeMs = clock.monotonicMs() + probeEveryMs;
    const deadline = new AbortController();
    const timer = clock.startTimer(probeTimeoutMs, () => deadline.abort());
    const result = await probe(AbortSignal.any([deadline.signal, this.#ending.signal])).catch(() => 'silent' as const);
    timer.stop();
    this.#isProbing = false;
    if (result === 'well') this.#change('closed');
    else if (result === 'ill' && clock.monotonicMs() - this.#openedMs >= illForMs) this.#change('half-open');
    else this.#scheduleProbe();
  }
}
