import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** One request as the fake got it. */
export interface ApiCall {
  readonly method: string;
  /** With the query, as it came. */
  readonly target: string;
  readonly headers: IncomingHttpHeaders;
  /** Parsed; undefined where there was none. */
  readonly body: unknown;
}

export interface FakeAnswer {
  readonly status?: number;
  readonly contentType?: string;
  /** Text is sent as it is, anything else as JSON. */
  readonly body: string | object;
}

/** An admin API that says what it is told to. The owner must `close` it. */
export interface FakeApi {
  readonly url: string;
  readonly port: number;
  readonly calls: readonly ApiCall[];
  close(): Promise<void>;
}

export async function startFakeApi(answer: (call: ApiCall) => FakeAnswer): Promise<FakeApi> {
  const calls: ApiCall[] = [];
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const text = Buffer.concat(chunks).toString();
    const { method = '', url: target = '', headers } = request;
    const call = { method, target, headers, body: text === '' ? undefined : (JSON.parse(text) as unknown) };
    calls.push(call);
    const { status = 200, contentType = 'application/json', body } = answer(call);
    response.writeHead(status, { 'Content-Type': contentType });
    response.end(typeof body === 'string' ? body : JSON.stringify(body));
  };
  const server = createServer((request, response) => void serve(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    calls,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** One fake for each test that asks for it, closed by `end`. */
export function createFakes(): { start: typeof startFakeApi; end: () => Promise<void> } {
  const started: FakeApi[] = [];
  return {
    start: async (answer) => {
      const api = await startFakeApi(answer);
      started.push(api);
      return api;
    },
    end: async () => {
      await Promise.all(started.splice(0).map((api) => api.close()));
    },
  };
}
