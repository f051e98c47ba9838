// The cheapest client there is: it shares two cores with what it measures.
import { connect } from 'node:net';
import { acceptHeader } from './client-jobs.ts';

/** Sees the bytes of a body as they come; they are gone after the call. */
export type OnBytes = (bytes: Buffer, offset: number) => void;

/** One connection, kept alive; one request at a time. */
export interface RawConnection {
  /** Gives the size of the body when all of it has come. @throws Error for anything but a whole 200 */
  get(path: string, onBytes: OnBytes): Promise<number>;
  close(): void;
}

interface Answer extends PromiseWithResolvers<number> {
  readonly onBytes: OnBytes;
  head: string;
  /** Undefined until the head is complete. */
  sizeBytes: number | undefined;
  received: number;
}

/** All connections of the process read into it in turn: nothing is kept. Larger ones let single connections hog it. */
const shared = Buffer.allocUnsafeSlow(64 * 1024);

export function openRawConnection(url: string): RawConnection {
  const { hostname, port, host } = new URL(url);
  let answer: Answer | undefined;
  const fail = (reason: string): void => {
    answer?.reject(new Error(reason));
    answer = undefined;
  };
  const take = (bytes: Buffer): void => {
    if (answer === undefined) return;
    const body = answer.sizeBytes === undefined ? readHead(answer, bytes) : bytes;
    if (answer.sizeBytes === undefined) return;
    if (Number.isNaN(answer.sizeBytes)) return fail(`an answer that is no 200 with a length: ${answer.head}`);
    if (body.length > 0) answer.onBytes(body, answer.received);
    answer.received += body.length;
    if (answer.received > answer.sizeBytes) return fail('more bytes than announced');
    if (answer.received < answer.sizeBytes) return;
    answer.resolve(answer.received);
    answer = undefined;
  };
  const socket = connect({
    host: hostname,
    port: Number(port),
    onread: {
      buffer: shared,
      callback(length) {
        take(shared.subarray(0, length));
        return true;
      },
    },
  });
  socket.on('error', (error: NodeJS.ErrnoException) => fail(error.code ?? error.message));
  socket.on('close', () => fail('closed in the middle'));
  return {
    get(path, onBytes) {
      answer = { ...Promise.withResolvers<number>(), onBytes, head: '', sizeBytes: undefined, received: 0 };
      socket.write(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\nAccept: ${acceptHeader}\r\n\r\n`);
      return answer.promise;
    },
    close: () => void socket.destroy(),
  };
}

/** Takes what belongs to the head, and gives what is left. */
function readHead(answer: Answer, bytes: Buffer): Buffer {
  const before = answer.head.length;
  const text = answer.head + bytes.toString('latin1');
  const end = text.indexOf('\r\n\r\n');
  answer.head = end < 0 ? text : text.slice(0, end);
  if (end < 0) return bytes.subarray(bytes.length);
  const [, length] = /^HTTP\/1\.1 200 .*\r\ncontent-length: *(\d+)(?:\r\n|$)/is.exec(answer.head) ?? [];
  answer.sizeBytes = Number(length ?? Number.NaN);
  return bytes.subarray(end + 4 - before);
}
