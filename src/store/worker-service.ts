import { parentPort } from 'node:worker_threads';
import { errorCode } from './files.ts';
import { sqliteCode } from './sqlite-error.ts';
import type { WorkerFailure, WorkerReply, WorkerRequest } from './worker-protocol.ts';

/** The worker's end: answers each request with what `handle` gives or throws. Call once, in a worker file. */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- the caller names the protocol, both ways
export function serveRequests<Request, Reply>(handle: (body: Request) => Reply | Promise<Reply>): void {
  const port = parentPort;
  if (port === null) throw new Error('this file runs only as a worker');
  port.on('message', ({ id, body }: WorkerRequest<Request>) => {
    const answer = (reply: WorkerReply<Reply>) => {
      if (id !== 0) port.postMessage(reply);
    };
    try {
      const value = handle(body);
      if (!(value instanceof Promise)) answer({ id, value });
      else
        value
          .then((late) => answer({ id, value: late }))
          .catch((error: unknown) => answer({ id, failure: describe(error) }));
    } catch (error) {
      answer({ id, failure: describe(error) });
    }
  });
}

function describe(error: unknown): WorkerFailure {
  return {
    message: error instanceof Error ? error.message : 'unknown failure',
    code: errorCode(error),
    sqliteCode: sqliteCode(error),
  };
}
