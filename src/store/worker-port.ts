import { Worker, type Transferable } from 'node:worker_threads';
import { WorkerError, type WorkerReply, type WorkerRequest } from './worker-protocol.ts';

/** The main thread's end of a worker. */
export interface WorkerPort<Request, Reply> {
  /** Rejects with `WorkerError` what the worker threw, and when the worker has died. */
  request(body: Request, transfer?: readonly Transferable[]): Promise<Reply>;
  /** Wants no answer. */
  send(body: Request): void;
  readonly isAlive: boolean;
  /** Ends the worker now; what is under way rejects. */
  terminate(): Promise<void>;
}

/** Workers hold little and make much garbage: small nurseries keep the process small. */
const resourceLimits = { maxYoungGenerationSizeMb: 4 };

/**
 * Starts the worker file that lies beside `moduleUrl`. It keeps the process alive only while a request
 * is under way. The extension is that of the caller: `.js` once built, `.ts` where Node strips types.
 */
export function startWorker<Request, Reply>(moduleUrl: string, name: string): WorkerPort<Request, Reply> {
  const extension = moduleUrl.slice(moduleUrl.lastIndexOf('.'));
  const worker = new Worker(new URL(`./${name}${extension}`, moduleUrl), { name: `stowage ${name}`, resourceLimits });
  const pending = new Map<number, { resolve: (value: Reply) => void; reject: (error: Error) => void }>();
  let isAlive = true;
  let lastId = 0;
  worker.unref();

  function settle(id: number): { resolve: (value: Reply) => void; reject: (error: Error) => void } | undefined {
    const entry = pending.get(id);
    if (pending.delete(id) && pending.size === 0) worker.unref();
    return entry;
  }

  function fail(error: Error): void {
    isAlive = false;
    for (const id of pending.keys()) settle(id)?.reject(error);
  }

  function post(id: number, body: Request, transfer: readonly Transferable[]): void {
    worker.postMessage({ id, body } satisfies WorkerRequest<Request>, transfer);
  }

  worker.on('message', (reply: WorkerReply<Reply>) => {
    const entry = settle(reply.id);
    if ('failure' in reply) entry?.reject(new WorkerError(reply.failure));
    else entry?.resolve(reply.value);
  });
  worker.on('error', (error) => fail(error instanceof Error ? error : new Error('the worker has failed')));
  worker.on('exit', () => fail(new Error('the worker has ended')));

  return {
    request(body, transfer = []) {
      if (!isAlive) return Promise.reject(new Error('the worker has ended'));
      const id = (lastId += 1);
      return new Promise((resolve, reject) => {
        if (pending.size === 0) worker.ref();
        pending.set(id, { resolve, reject });
        post(id, body, transfer);
      });
    },
    send(body) {
      if (isAlive) post(0, body, []);
    },
    get isAlive() {
      return isAlive;
    },
    async terminate() {
      await worker.terminate();
    },
  };
}
