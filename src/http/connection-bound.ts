import { readDescriptorLimit } from '../telemetry/descriptor-limit.ts';

/** Listeners, databases, logs, what threads and the loop hold. */
const ownDescriptors = 64;
/** A pull holds its client's socket, a file and, while the cache lacks the blob, a connection upstream. */
const descriptorsPerPull = 3;
const fewestConnections = 16;
/** So many sockets a process runs out of memory for first. */
const worthBounding = 100_000;

/**
 * How many clients may be connected at once under the process's own limit of descriptors, undefined where there is
 * none worth a bound. Without it clients could take the last descriptor: then no file opens and no upstream is
 * reached, so that nobody is served. Below it the answer to one client too many is a closed connection, which is
 * what the system does without descriptors, but those who are connected get theirs.
 */
export function findConnectionBound(): number | undefined {
  return boundConnections(readDescriptorLimit());
}

/** The bound for a limit; undefined for no limit. */
export function boundConnections(descriptors: number | undefined): number | undefined {
  if (descriptors === undefined) return undefined;
  const bound = Math.max(fewestConnections, Math.floor((descriptors - ownDescriptors) / descriptorsPerPull));
  return bound > worthBounding ? undefined : bound;
}
