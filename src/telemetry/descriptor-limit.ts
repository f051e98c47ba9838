import { readFileSync } from 'node:fs';

/** How many files and sockets this process may have open; undefined where there is no limit or it cannot be read. */
export function readDescriptorLimit(): number | undefined {
  try {
    return findDescriptorLimit(readFileSync('/proc/self/limits', 'utf8'));
  } catch {
    // Not Linux.
    return undefined;
  }
}

/** The soft limit in the text of Linux's /proc/self/limits; undefined when it names none. */
export function findDescriptorLimit(limits: string): number | undefined {
  const [, soft] = /^Max open files\s+(\d+)\s/m.exec(limits) ?? [];
  return soft === undefined ? undefined : Number(soft);
}
