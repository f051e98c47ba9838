import type { Digest } from '../../oci/digest.ts';
import type { Provenance } from '../../oci/provenance.ts';
import type { ContentStore, StoredObject } from '../../store/content-store.ts';
import type { Clock } from '../../telemetry/clock.ts';
import type { Events } from '../../telemetry/events.ts';
import type { Log } from '../../telemetry/log.ts';
import type { Meter } from '../../telemetry/metrics.ts';
import type { BufferPool } from './buffer-pool.ts';
import type { ConnectionSlots } from './connection-slots.ts';
import type { FillLimits } from './fill-limits.ts';
import type { HeldMemory } from './held-memory.ts';
import type { Lull } from './lull.ts';
import type { Paces } from './pace.ts';
import type { Source } from './sources.ts';

/** Room in the store; the store's eviction fulfils it. */
export interface Space {
  /** Whether an object of this size, or so much more of one, can be kept at all. */
  fits(sizeBytes: number): boolean;
  /** Books bytes that are on their way in; the result gives the booking back. */
  reserve(sizeBytes: number): () => void;
  /** After the disk refused with `error`: true when something was freed and trying again makes sense. */
  makeRoom(bytes: number, error: unknown): Promise<boolean>;
}

/** How a fill ended, for log and metric. */
export interface FillReport {
  readonly digest: Digest;
  readonly upstream: string;
  readonly repository: string;
  readonly result: 'committed' | 'failed' | 'parked' | 'mismatch' | 'bypassed';
  readonly sizeBytes: number | undefined;
  readonly receivedBytes: number;
  readonly durationMs: number;
  readonly provenance: Provenance | undefined;
  readonly error: unknown;
}

/** Does what the disk may refuse for want of room: then room is made and it is tried once more. */
export async function withRoom<T>(space: Pick<Space, 'makeRoom'>, bytes: number, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    if (!(await space.makeRoom(bytes, error))) throw error;
    return await act();
  }
}

/** What all fills share, and whom they tell. */
export interface FillContext {
  readonly content: ContentStore;
  readonly space: Space;
  readonly buffers: BufferPool;
  /** Of small objects that are not on file yet. */
  readonly heldMemory: HeldMemory;
  /** Of all that comes. */
  readonly lull: Lull;
  readonly slots: ConnectionSlots;
  readonly paces: Paces;
  readonly limits: FillLimits;
  readonly clock: Clock;
  readonly log: Log;
  readonly meter: Meter;
  readonly events: Pick<Events, 'publish'>;
  /** Whether the budget for fills without readers allows this one, with so much still to fetch, to go on. */
  mayFinishUnread(digest: Digest, remainingBytes: number): boolean;
  /** The object is content now; these sources have proven that they have it. */
  onCommitted(object: StoredObject, sources: readonly Source[]): void;
  onStoreError(operation: string, error: unknown): void;
  /** The fill takes no more readers. */
  onEnded(report: FillReport): void;
}
