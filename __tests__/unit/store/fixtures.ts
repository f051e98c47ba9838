import { afterEach, beforeEach, expect } from '@jest/globals';
import { createCipheriv, createHash } from 'node:crypto';
import { readdirSync, readlinkSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createDigest, type Digest, type DigestAlgorithm } from '../../../src/oci/digest.ts';
import type { ContentStore, ObjectName, StoredObject } from '../../../src/store/content-store.ts';
import type { StoreOptions } from '../../../src/store/open-store.ts';
import { silentEvents } from '../../../src/telemetry/events.ts';
import { createHealth } from '../../../src/telemetry/health.ts';
import { silentLog } from '../../../src/telemetry/log.ts';
import { silentMeter } from '../../../src/telemetry/metrics.ts';
import { systemClock, type Clock } from '../../../src/telemetry/clock.ts';

/**
 * A directory for each test, and the check that the test leaves no descriptor open in it.
 * The function that is given tells the directory's path.
 */
export function useDirectory(): () => string {
  let path = '';
  beforeEach(async () => {
    path = await mkdtemp(join(tmpdir(), 'stowage-store-'));
  });
  afterEach(async () => {
    await closedDescriptors(path);
    await rm(path, { recursive: true, force: true });
  });
  return () => path;
}

/** Readers close in the background: gives them as many turns of the loop as that takes, then fails. */
async function closedDescriptors(path: string): Promise<void> {
  for (let turn = 0; turn < 10_000 && openDescriptors(path).length > 0; turn += 1) await nextTurn();
  expect(openDescriptors(path)).toEqual([]);
}

function openDescriptors(path: string): readonly string[] {
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      const target = readlinkSync(`/proc/self/fd/${fd}`);
      return target.startsWith(path) ? [target] : [];
    } catch {
      return [];
    }
  });
}

export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Waits for what comes about in the background, by turns of the loop. */
export async function eventually(isSo: () => boolean): Promise<void> {
  while (!isSo()) await nextTurn();
}

/** Bytes that no other seed gives. */
export function bytesOf(seed: string, length: number): Uint8Array {
  const key = createHash('sha256').update(seed).digest();
  return createCipheriv('aes-256-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(length));
}

export function digestOf(bytes: Uint8Array, algorithm: DigestAlgorithm = 'sha256'): Digest {
  return createDigest(algorithm, createHash(algorithm).update(bytes).digest('hex'));
}

export function objectOf(bytes: Uint8Array, provenance: StoredObject['provenance'] = 'public'): StoredObject {
  return { digest: digestOf(bytes), sizeBytes: bytes.length, provenance };
}

/** Every object that a content store has. */
export async function listNames(store: ContentStore): Promise<readonly ObjectName[]> {
  const digits = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));
  const prefixes = ['sha256:', 'sha512:'].flatMap((algorithm) => digits.map((two) => `${algorithm}${two}`));
  return (await Promise.all(prefixes.map((prefix) => store.list(prefix)))).flat();
}

/** A store without bounds, to be narrowed by the test. */
export function storeOptions(path: string, changed: Partial<StoreOptions> = {}): StoreOptions {
  return {
    path,
    maxSizeBytes: 0,
    minFreeBytes: 0,
    maxIdleMs: Infinity,
    scrubEveryMs: Infinity,
    pins: [],
    lockWaitMs: 0,
    clock: systemClock,
    log: silentLog,
    meter: silentMeter,
    events: silentEvents,
    health: createHealth(),
    ...changed,
  };
}

/** So often the disk is looked at while there is room. */
export const lookEveryMs = 100;

/** Time that stands still until the test moves it. */
export class FakeClock implements Clock {
  nowMs = 1_700_000_000_000;
  readonly #timers = new Set<{ readonly atMs: number; readonly onTime: () => void }>();

  wallMs(): number {
    return this.nowMs;
  }

  monotonicMs(): number {
    return this.nowMs;
  }

  startTimer(delayMs: number, onTime: () => void): { stop(): void } {
    const timer = { atMs: this.nowMs + delayMs, onTime };
    this.#timers.add(timer);
    return { stop: () => void this.#timers.delete(timer) };
  }

  advance(byMs: number): void {
    this.nowMs += byMs;
    for (const timer of [...this.#timers].filter(({ atMs }) => atMs <= this.nowMs)) {
      if (this.#timers.delete(timer)) timer.onTime();
    }
  }
}
