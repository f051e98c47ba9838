// One request and its answer: what handlers write to, and what the log and the metrics are told in the end.
import type { ServerResponse } from 'node:http';
import { createBytesReader } from '../mirror/bytes-reader.ts';
import type { BodyReader, Outcome } from '../mirror/pull.ts';
import type { Clock } from '../telemetry/clock.ts';
import { headerNames } from './headers.ts';
import type { Route } from './route.ts';
import type { TurnBudget } from './turn-budget.ts';
import { writeBody } from './write-body.ts';

export interface Exchange {
  readonly response: ServerResponse;
  /** The request target as it stood in the request line. */
  readonly target: string;
  readonly isHead: boolean;
  /** Fires when the client has left before the answer was complete. */
  readonly signal: AbortSignal;
  readonly startedMs: number;
  route: Route | undefined;
  outcome: Outcome | undefined;
  /** What ended it other than a complete answer. */
  failure: unknown;
  /** Bytes of the body that the connection has taken. */
  sentBytes: number;
  /** Sends what the reader gives and closes it; headers and status are set before. To a HEAD, only the headers. */
  sendBody(body: BodyReader, sizeBytes: number | undefined): Promise<void>;
  /** As `sendBody`, with Content-Length. */
  sendBytes(bytes: Uint8Array): Promise<void>;
  /** Ends an answer that has no body. */
  sendHeaders(): void;
}

export interface ExchangeOptions {
  readonly clock: Clock;
  readonly turns: TurnBudget;
  readonly writeIdleMs: number;
  readonly headerDelayMs: number;
}

/** Begins an exchange; it lets go of its listeners when the response has closed. */
export function openExchange(response: ServerResponse, target: string, options: ExchangeOptions): Exchange {
  const abort = new AbortController();
  response.once('close', () => {
    if (!response.writableFinished) abort.abort();
  });
  const exchange: Exchange = {
    response,
    target,
    isHead: response.req.method === 'HEAD',
    signal: abort.signal,
    startedMs: options.clock.monotonicMs(),
    route: undefined,
    outcome: undefined,
    failure: undefined,
    sentBytes: 0,
    async sendBody(body, sizeBytes) {
      if (exchange.isHead) {
        body.close();
        response.end();
        return;
      }
      const onBytes = (count: number): void => {
        exchange.sentBytes += count;
      };
      await writeBody(response, body, { ...options, sizeBytes, onBytes });
    },
    async sendBytes(bytes) {
      response.setHeader(headerNames.contentLength, String(bytes.length));
      await exchange.sendBody(createBytesReader(bytes), bytes.length);
    },
    sendHeaders() {
      response.end();
    },
  };
  return exchange;
}
