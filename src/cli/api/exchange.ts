import { request as requestHttp, type IncomingMessage } from 'node:http';
import { request as requestHttps } from 'node:https';

export interface Exchange {
  readonly method: 'GET' | 'POST';
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
}

export interface Answer {
  readonly status: number;
  readonly contentType: string | undefined;
  readonly text: string;
}

/** A purge of much may take its time; nothing takes longer than this without a byte. */
const idleMs = 120_000;
const maxAnswerBytes = 256 * 1024 * 1024;

/**
 * One request on a connection of its own, following no redirect: a token goes only where it was meant to go.
 * `node:http` rather than fetch, which refuses some ports. Rejects with the system's error.
 */
export async function exchange({ method, url, headers, body }: Exchange): Promise<Answer> {
  const send = url.protocol === 'https:' ? requestHttps : requestHttp;
  const response = await new Promise<IncomingMessage>((answer, reject) => {
    const request = send(url, { method, headers, agent: false, timeout: idleMs }, answer);
    request.on('timeout', () => request.destroy(Object.assign(new Error('no answer in time'), { code: 'ETIMEDOUT' })));
    request.on('error', reject);
    request.end(body);
  });
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    size += chunk.length;
    if (size > maxAnswerBytes) throw Object.assign(new Error('the answer is too long'), { code: 'EMSGSIZE' });
  }
  return {
    status: response.statusCode ?? 0,
    contentType: response.headers['content-type'],
    text: Buffer.concat(chunks).toString(),
  };
}
