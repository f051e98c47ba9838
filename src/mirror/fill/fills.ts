import type { Digest } from '../../oci/digest.ts';
import { isMirrorError } from '../../oci/errors.ts';
import type { FillFacts } from '../../telemetry/events.ts';
import type { FillContext, FillReport } from './fill-context.ts';
import type { FillLimits } from './fill-limits.ts';
import { FillRun, type FillStart } from './fill-run.ts';
import type { Fill } from './fill.ts';
import { HeldMemory } from './held-memory.ts';
import { Lull } from './lull.ts';
import { Paces } from './pace.ts';

/** How many digests are remembered for having come wrong. */
const maxSuspects = 1000;
/** A disk that hangs must not cost more memory than this; then fills begin with it, and go around it. */
const maxHeldBytes = 32 * 1024 * 1024;

/** What the fills need from outside, and whom they tell; the rest of their context is made here. */
export interface FillsOptions extends Omit<
  FillContext,
  'limits' | 'heldMemory' | 'lull' | 'paces' | 'mayFinishUnread' | 'onEnded'
> {
  /** What a fill that begins now is bound by. */
  readonly findLimits: () => FillLimits;
}

/** All fills: at most one per digest. */
export class Fills {
  readonly #running = new Map<Digest, FillRun>();
  readonly #suspects = new Set<Digest>();
  readonly #findLimits: () => FillLimits;
  readonly #context: Omit<FillContext, 'limits'>;
  #isClosing = false;

  constructor(options: FillsOptions) {
    this.#findLimits = options.findLimits;
    this.#context = {
      ...options,
      heldMemory: new HeldMemory(maxHeldBytes),
      paces: new Paces(),
      lull: new Lull({ clock: options.clock, quietMs: options.findLimits().quietMs }),
      mayFinishUnread: (digest, remainingBytes) => this.#mayFinishUnread(digest, remainingBytes),
      onEnded: (report) => this.#onEnded(report),
    };
  }

  get count(): number {
    return this.#running.size;
  }

  get readers(): number {
    let readers = 0;
    for (const { fill } of this.#running.values()) readers += fill.interests.size;
    return readers;
  }

  /** Those that bring content still or make it content, in the order of their start. */
  list(): readonly FillFacts[] {
    const live = [...this.#running.values()].filter(({ fill }) => fill.state === 'running' || fill.isVerified);
    return live.map((run) => run.describe());
  }

  /** The fill of this digest that takes readers. */
  find(digest: Digest): Fill | undefined {
    const fill = this.#running.get(digest)?.fill;
    return fill?.state === 'running' || fill?.state === 'verified' ? fill : undefined;
  }

  /** Resolves when no fill of this digest that runs now, or writes what it has, is under way any more. */
  async whenEnded(digest: Digest): Promise<void> {
    await this.#running.get(digest)?.fill.ended;
  }

  /** Parks the fill of this digest if nobody reads it. */
  async parkUnread(digest: Digest): Promise<void> {
    const run = this.#running.get(digest);
    if (run?.fill.state === 'running' && run.fill.interests.size === 0) await run.park();
  }

  /** A new fill; the caller has looked for a running one in the same turn. */
  start(start: Omit<FillStart, 'avoidLastUrl' | 'after'>): Fill {
    const last = this.#running.get(start.digest)?.fill;
    const avoidLastUrl = this.#suspects.delete(start.digest);
    const context = { ...this.#context, limits: this.#findLimits() };
    const run = new FillRun({ ...start, avoidLastUrl, after: last?.ended ?? Promise.resolve() }, context);
    this.#running.set(start.digest, run);
    this.#context.events.publish({ type: 'fill-started', fill: run.describe() });
    return run.fill;
  }

  /** Parks what runs and waits until every file is let go of. */
  async close(): Promise<void> {
    this.#isClosing = true;
    this.#context.lull.close();
    while (this.#running.size > 0) {
      await Promise.all([...this.#running.values()].map((run) => run.park()));
    }
  }

  #mayFinishUnread(digest: Digest, remainingBytes: number): boolean {
    if (this.#isClosing) return false;
    let bytes = remainingBytes;
    for (const { fill } of this.#running.values()) {
      if (fill.digest !== digest && fill.interests.size === 0) bytes += fill.segments.missingBytes;
    }
    return bytes <= this.#findLimits().abandonedBytes;
  }

  #onEnded(report: FillReport): void {
    const { meter, log, events } = this.#context;
    // A fill that was started after this one had ended for its readers has taken its place.
    const fill = this.#running.get(report.digest)?.fill;
    if (fill !== undefined && fill.state !== 'running') this.#running.delete(report.digest);
    meter.fillEnded({
      upstream: report.upstream,
      result: report.result,
      seconds: report.durationMs / 1000,
      bytes: report.receivedBytes,
    });
    const { digest, upstream, repository, result, sizeBytes, durationMs, error } = report;
    const reason = isMirrorError(error) ? error.message : undefined;
    events.publish({ type: 'fill-ended', digest, upstream, repository, result, sizeBytes, durationMs, reason });
    if (report.result === 'mismatch') this.#onMismatch(report);
    else log.info({ fill: report }, `fill ${report.result}`);
  }

  #onMismatch(report: FillReport): void {
    this.#context.meter.digestMismatch(report.upstream);
    this.#context.log.error({ fill: report }, 'content does not match its digest; nothing is kept');
    if (this.#suspects.size < maxSuspects) this.#suspects.add(report.digest);
  }
}
