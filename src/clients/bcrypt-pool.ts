import { Worker } from 'node:worker_threads';
import type { BcryptReply, BcryptRequest } from './bcrypt-protocol.ts';

/** bcrypt off the event loop. */
export interface PasswordVerifier {
  /** How many can run at once; more may be asked for, and wait. */
  readonly size: number;
  /**
   * Whether `password` is that of the first hash; takes as long as all hashes take together.
   * Rejects when the worker has died.
   */
  verify(password: string, hashes: readonly string[]): Promise<boolean>;
  close(): Promise<void>;
}

interface Port {
  readonly worker: Worker;
  readonly pending: Map<number, { resolve: (isRight: boolean) => void; reject: (error: Error) => void }>;
  isAlive: boolean;
}

/** Workers start at once, so that the first login takes no longer than the others; one that died is replaced. */
export function createBcryptPool(size: number): PasswordVerifier {
  const ports = Array.from({ length: size }, startPort);
  let isClosed = false;
  let lastId = 0;

  function idlest(): Port {
    for (const [index, port] of ports.entries()) if (!port.isAlive) ports[index] = startPort();
    return ports.reduce((best, port) => (port.pending.size < best.pending.size ? port : best));
  }

  return {
    size,
    verify(password, hashes) {
      if (isClosed) return Promise.reject(new Error('the workers have ended'));
      const { worker, pending } = idlest();
      const id = (lastId += 1);
      return new Promise((resolve, reject) => {
        pending.set(id, { resolve, reject });
        worker.postMessage({ id, password, hashes } satisfies BcryptRequest);
      });
    },
    async close() {
      isClosed = true;
      await Promise.all(ports.map(({ worker }) => worker.terminate()));
    },
  };
}

/** The extension is that of this file: `.js` once built, `.ts` where Node strips types. */
function startPort(): Port {
  const extension = import.meta.url.slice(import.meta.url.lastIndexOf('.'));
  const worker = new Worker(new URL(`./bcrypt-worker${extension}`, import.meta.url), {
    name: 'stowage bcrypt',
    resourceLimits: { maxYoungGenerationSizeMb: 4 },
  });
  const port: Port = { worker, pending: new Map(), isAlive: true };
  // Nobody waits for a login when the process is about to end.
  worker.unref();
  const end = (error: Error): void => {
    port.isAlive = false;
    for (const { reject } of port.pending.values()) reject(error);
    port.pending.clear();
  };
  worker.on('message', ({ id, isRight }: BcryptReply) => {
    port.pending.get(id)?.resolve(isRight);
    port.pending.delete(id);
  });
  worker.on('error', (error) => end(error instanceof Error ? error : new Error('the worker has failed')));
  worker.on('exit', () => end(new Error('the worker has ended')));
  return port;
}
