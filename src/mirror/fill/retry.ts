const backOffMs = [200, 500, 1000, 2000, 4000, 5000] as const;
const progressBytes = 64 * 1024;
/** Before upstream has answered at all, clients are better served by a quick error than by patience. */
const firstAnswerTries = 4;
/** One that never answered has cost its whole time limit already. */
const firstAnswerMs = 5_000;

/** When a fill whose segments break asks again, and when it gives up. */
export class Retry {
  readonly #resumeForMs: number;
  #failures = 0;
  #bytes = 0;
  #markBytes = 0;
  #markMs: number;

  constructor(resumeForMs: number, nowMs: number) {
    this.#resumeForMs = resumeForMs;
    this.#markMs = nowMs;
  }

  received(bytes: number, nowMs: number): void {
    this.#bytes += bytes;
    if (this.#bytes - this.#markBytes < progressBytes) return;
    this.#markBytes = this.#bytes;
    this.#markMs = nowMs;
    this.#failures = 0;
  }

  /** How long to wait after a failure; undefined to give up. */
  failed(nowMs: number, hasAnswered: boolean): number | undefined {
    const delayMs = backOffMs[Math.min(this.#failures, backOffMs.length - 1)] ?? 0;
    this.#failures++;
    const idleMs = nowMs - this.#markMs;
    if (!hasAnswered) return this.#failures < firstAnswerTries && idleMs < firstAnswerMs ? delayMs : undefined;
    return idleMs < this.#resumeForMs ? delayMs : undefined;
  }
}
