import { parentPort } from 'node:worker_threads';
import { compareSync } from 'bcryptjs';
import type { BcryptReply, BcryptRequest } from './bcrypt-protocol.ts';

const port = parentPort;
if (port === null) throw new Error('this file runs only as a worker');
port.on('message', ({ id, password, hashes }: BcryptRequest) => {
  const [isRight = false] = hashes.map((hash) => compareSync(password, hash));
  port.postMessage({ id, isRight } satisfies BcryptReply);
});
