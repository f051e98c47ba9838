// What the processes of a contender have used, from the kernel's own books.
import { readdirSync, readFileSync } from 'node:fs';
import { readPeakResidentBytes } from '../measure/store-checks.ts';

/** Of `getconf CLK_TCK`, the same on every Linux that Node runs on. */
const ticksPerSecond = 100;

/** CPU seconds of a process and all its descendants since they started. */
export function readCpuSeconds(pid: number): number {
  return sumOver(pid, (one) => {
    const text = readFileSync(`/proc/${one}/stat`, 'utf8');
    // The name, in parentheses, may hold spaces. User time is the 14th field, system time the 15th.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
  });
}

/** The most resident memory that each process of the tree ever had, in all: pages that they share count twice. */
export function readTreePeakBytes(pid: number): number {
  return sumOver(pid, readPeakResidentBytes);
}

function sumOver(pid: number, read: (pid: number) => number): number {
  return [pid, ...listDescendants(pid)].reduce((sum, one) => sum + read(one), 0);
}

/** Children may come from any thread. */
function listDescendants(pid: number): readonly number[] {
  return readdirSync(`/proc/${pid}/task`)
    .flatMap((task) => readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').split(' '))
    .filter((word) => word !== '')
    .map(Number)
    .flatMap((child) => [child, ...listDescendants(child)]);
}
