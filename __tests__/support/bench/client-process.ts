// The client, in a process of its own that is warm after its first job; `client.ts` is the other end.
import { createHash } from 'node:crypto';
import { createSeededContent } from '../content.ts';
import type { CrowdJob, CrowdOutcome, PullJob, PullOutcome } from './client-jobs.ts';
import { openRawConnection, type RawConnection } from './raw-connection.ts';

async function pull(job: PullJob): Promise<PullOutcome> {
  const startMs = performance.now();
  const connections = Array.from({ length: job.connections }, () => openRawConnection(job.url));
  let firstByteMs: number | undefined;
  let bytes = 0;
  const pullOne = async (connection: RawConnection, path: string): Promise<void> => {
    const hash = job.isVerified ? createHash('sha256') : undefined;
    // Not `bytes += await`: that would add to what was before the wait.
    const size = await connection.get(path, (piece) => {
      firstByteMs ??= performance.now() - startMs;
      hash?.update(piece);
    });
    bytes += size;
    const [digest] = /sha256:\w+$/.exec(path) ?? [];
    if (hash !== undefined && digest !== undefined && `sha256:${hash.digest('hex')}` !== digest)
      throw new Error(`wrong bytes of ${path}`);
  };
  try {
    for (const step of job.steps) {
      const left = [...step];
      const work = async (connection: RawConnection): Promise<void> => {
        for (let path = left.shift(); path !== undefined; path = left.shift()) await pullOne(connection, path);
      };
      await Promise.all(connections.map(work));
    }
    return { bytes, totalMs: performance.now() - startMs, firstByteMs: firstByteMs ?? Number.NaN };
  } finally {
    for (const connection of connections) connection.close();
  }
}

async function crowd(job: CrowdJob): Promise<CrowdOutcome> {
  const content = createSeededContent(job.seed, job.sizeBytes).read(0, job.sizeBytes);
  const startMs = performance.now();
  let bytes = 0;
  const connections = Array.from({ length: job.clients }, () => openRawConnection(job.url));
  const pullAlone = async (connection: RawConnection): Promise<void> => {
    let isRight = true;
    try {
      const size = await connection.get(job.path, (piece, offset) => {
        bytes += piece.length;
        isRight &&= piece.compare(content, offset, offset + piece.length) === 0;
      });
      if (!isRight || size !== content.length) throw new Error('wrong bytes as a whole 200');
    } finally {
      connection.close();
    }
  };
  const deadline = setTimeout(() => {
    for (const connection of connections) connection.close();
  }, job.deadlineMs);
  const all = await Promise.allSettled(connections.map(pullAlone));
  clearTimeout(deadline);
  const failures = all.filter((one) => one.status === 'rejected').map(({ reason }) => String(reason));
  return {
    right: all.length - failures.length,
    bytes,
    totalMs: performance.now() - startMs,
    failures: [...new Set(failures)],
  };
}

process.on('message', (message) => {
  const job = message as PullJob | CrowdJob;
  (job.kind === 'pull' ? pull(job) : crowd(job)).then(
    (outcome) => process.send?.({ outcome }),
    (error: unknown) => process.send?.({ error: String(error) }),
  );
});
process.on('disconnect', () => process.exit());
