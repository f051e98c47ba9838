import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import type { Span } from '../oci/span.ts';
import { isRecord } from './record.ts';

/** What a partial file holds, as far as its last record says. */
export interface JournalState {
  readonly spans: readonly Span[];
  readonly sizeBytes: number | undefined;
}

const version = 1;
/** More spans than any fill makes: 4 segments and a piece for each waiting reader. */
const maxJournalBytes = 4 * 1024 * 1024;

export function formatJournal(state: JournalState): string {
  const spans = state.spans.map(({ start, end }) => [start, end]);
  return JSON.stringify({ version, sizeBytes: state.sizeBytes ?? null, spans });
}

/** Undefined for anything that `formatJournal` did not write: then nothing is known of the file. */
export function findJournalState(text: string): JournalState | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isRecord(value) || value['version'] !== version) return undefined;
  const sizeBytes = value['sizeBytes'] ?? undefined;
  if (sizeBytes !== undefined && !isOffset(sizeBytes)) return undefined;
  const spans = findSpans(value['spans'], sizeBytes ?? Number.MAX_SAFE_INTEGER);
  return spans === undefined ? undefined : { spans, sizeBytes };
}

/** Ascending, apart from each other, within the object: anything else is not ours. */
function findSpans(value: unknown, sizeBytes: number): readonly Span[] | undefined {
  if (!Array.isArray(value)) return undefined;
  const spans: Span[] = [];
  let last = 0;
  for (const entry of value as readonly unknown[]) {
    if (!Array.isArray(entry) || entry.length !== 2) return undefined;
    const [start, end] = entry as readonly unknown[];
    if (!isOffset(start) || !isOffset(end) || start < last || end <= start || end > sizeBytes) return undefined;
    spans.push({ start, end });
    last = end;
  }
  return spans;
}

function isOffset(value: unknown): value is number {
  // A zero with a sign is not of our writing either.
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 && !Object.is(value, -0);
}

/** Reads a journal; undefined when it is absent, unreadable or garbage. Never throws. */
export async function readJournal(path: string): Promise<JournalState | undefined> {
  try {
    const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      const facts = await handle.stat();
      if (!facts.isFile() || facts.size > maxJournalBytes) return undefined;
      return findJournalState(await handle.readFile('utf8'));
    } finally {
      await handle.close();
    }
  } catch {
    return undefined;
  }
}
