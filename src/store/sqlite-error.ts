import { isRecord } from './record.ts';

/** SQLite's primary result code (https://www.sqlite.org/rescode.html) of an error of `node:sqlite`. */
export function sqliteCode(error: unknown): number | undefined {
  const extended = isRecord(error) ? error['errcode'] : undefined;
  return typeof extended === 'number' ? extended & 0xff : undefined;
}

export const sqliteCodes = {
  error: 1,
  busy: 5,
  readOnly: 8,
  io: 10,
  corrupt: 11,
  full: 13,
  cannotOpen: 14,
  notADatabase: 26,
} as const;
