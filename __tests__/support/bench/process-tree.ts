// What the processes of a contender have used, from the kernel's own books.
import { readdirSync, readFileSync } from 'node:fs';
import { readPeakResidentBytes } from '../measure/store-checks.ts';

/** Of `getconf CLK_TCK`, the same on every Linux that Node runs on. */
const ticksPerSecond = 100;

/** CPU seconds of a process and all its descendants since they started, those that have ended included. */
export function readCpuSeconds(pid: number): number {
  return sumOver(pid, (one) => {
    const text = readFileSync(`/proc/${one}/stat`, 'utf8');
    // The name, in parentheses, may hold spaces. User and system time are the 14th and 15th field, those of children
    // that have ended the 16th and 17th.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return sum(fields.slice(11, 15).map(Number)) / ticksPerSecond;
  });
}

/** Whether a process and its descendants leave the processor alone for so long. */
export async function restsFor(pid: number, ms: number): Promise<boolean> {
  const before = readCpuSeconds(pid);
  await new Promise((resolve) => setTimeout(resolve, ms));
  return readCpuSeconds(pid) - before <= 1 / ticksPerSecond;
}

/** The most resident memory that each process of the tree ever had, in all: pages that they share count twice. */
export function readTreePeakBytes(pid: number): number {
  return sumOver(pid, readPeakResidentBytes);
}

/** CPU seconds that all processes of the machine and its kernel have used since it started. */
export function readMachineCpuSeconds(): number {
  const [line = ''] = readFileSync('/proc/stat', 'utf8').split('\n', 1);
  // After `cpu`: user, nice, system, idle, iowait, irq, softirq.
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0] = line.split(/ +/).slice(1).map(Number);
  return sum([user, nice, system, irq, softirq]) / ticksPerSecond;
}

function sumOver(pid: number, read: (pid: number) => number): number {
  return sum([pid, ...listDescendants(pid)].map(read));
}

function sum(values: readonly number[]): number {
  return values.reduce((all, value) => all + value, 0);
}

/** Children may come from any thread. */
function listDescendants(pid: number): readonly number[] {
  return readdirSync(`/proc/${pid}/task`)
    .flatMap((task) => readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').split(' '))
    .filter((word) => word !== '')
    .map(Number)
    .flatMap((child) => [child, ...listDescendants(child)]);
}
