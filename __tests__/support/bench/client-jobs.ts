// What the client's process is asked to do, and what it answers.

/** Steps come one after the other; the paths of a step are shared out among the connections. */
export interface PullJob {
  readonly kind: 'pull';
  readonly url: string;
  readonly steps: readonly (readonly string[])[];
  readonly connections: number;
  /** Whether every body is hashed, and held against the digest that its path ends with. That takes time. */
  readonly isVerified: boolean;
}

export interface PullOutcome {
  readonly bytes: number;
  readonly totalMs: number;
  /** From the start to the first byte of the first body. */
  readonly firstByteMs: number;
}

/** So many clients at once, each on a connection of its own; every byte is compared with the seeded content. */
export interface CrowdJob {
  readonly kind: 'crowd';
  readonly url: string;
  readonly path: string;
  readonly clients: number;
  readonly seed: string;
  readonly sizeBytes: number;
  /** When it is over, who has not got everything is cut off. */
  readonly deadlineMs: number;
}

export interface CrowdOutcome {
  /** Clients that got the whole, and nothing else. */
  readonly right: number;
  readonly bytes: number;
  readonly totalMs: number;
  /** What went wrong, each kind once. */
  readonly failures: readonly string[];
}

/** What clients of today take for a manifest. */
export const acceptHeader = [
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
].join(', ');
