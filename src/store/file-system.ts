import * as promises from 'node:fs/promises';

/** The calls by which content and journals reach the disk: what a test replaces to make each of them fail. */
export type FileSystem = Pick<
  typeof promises,
  'open' | 'mkdir' | 'rename' | 'unlink' | 'readdir' | 'lstat' | 'writeFile'
>;

export const nodeFileSystem: FileSystem = promises;
