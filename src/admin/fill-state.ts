import type { FillFacts } from '../telemetry/events.ts';
import type { FillState } from './api-types.ts';

export function toFillState({ sizeBytes, startedMs, ...fill }: FillFacts): FillState {
  return { ...fill, sizeBytes: sizeBytes ?? null, startedAt: new Date(startedMs).toISOString() };
}
