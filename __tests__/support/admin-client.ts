// A client of the admin API that sends exactly what it is told to.
import { request, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { createSignal } from './signal.ts';

export interface AskOptions {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as it is; nothing is added to the headers but its length. */
  readonly body?: string;
  /** The address that it comes from; loopback has many. */
  readonly from?: string;
}

export interface Asked {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** Undefined for what is no JSON. */
  readonly json: unknown;
}

/** Asks for `path`, as it is, and waits for the end. */
export async function ask(address: string, path: string, options: AskOptions = {}): Promise<Asked> {
  const response = await send(address, path, options);
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString();
  return { status: response.statusCode ?? 0, headers: response.headers, text, json: parse(text) };
}

/** As a page of our own would post it. */
export function askToChange(address: string, path: string, body: object, headers = {}): Promise<Asked> {
  return ask(address, path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
}

/** A subscription to `/api/v1/events`. */
export interface Subscription {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** All events so far; each has said the same type in its `event:` line. */
  readonly events: readonly AnyEvent[];
  /** Lines that say nothing. */
  readonly comments: readonly string[];
  readonly hasEnded: boolean;
  until(isReached: () => boolean): Promise<void>;
  /** Takes nothing more. */
  pause(): void;
  leave(): void;
}

export type AnyEvent = Readonly<Record<string, unknown>> & { readonly type: string };

/** The owner must `leave`. */
export async function subscribe(address: string, headers = {}): Promise<Subscription> {
  const response = await send(address, '/api/v1/events', { headers });
  const signal = createSignal();
  const events: AnyEvent[] = [];
  const comments: string[] = [];
  let rest = '';
  let hasEnded = false;
  response.setEncoding('utf8');
  response.on('data', (text: string) => {
    const blocks = (rest + text).split('\n\n');
    rest = blocks.pop() ?? '';
    for (const block of blocks) {
      if (block.startsWith(':')) comments.push(block);
      else events.push(parseBlock(block));
    }
    signal.raise();
  });
  response.on('error', () => undefined);
  response.once('close', () => {
    hasEnded = true;
    signal.raise();
  });
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    events,
    comments,
    get hasEnded() {
      return hasEnded;
    },
    until: (isReached) => signal.until(isReached),
    pause: () => void response.pause(),
    leave: () => void response.destroy(),
  };
}

function parseBlock(block: string): AnyEvent {
  const [, type = '', data = ''] = /^event: (\S+)\ndata: (.+)$/.exec(block) ?? [];
  const event = JSON.parse(data) as AnyEvent;
  if (event.type !== type) throw new Error(`an event is called ${type} and says ${event.type}`);
  return event;
}

async function send(
  address: string,
  path: string,
  { method = 'GET', headers = {}, body, from }: AskOptions,
): Promise<IncomingMessage> {
  const { hostname, port } = new URL(address);
  return await new Promise((resolve, reject) => {
    const sent = request({ hostname, port, path, method, headers, agent: false, localAddress: from }, resolve);
    sent.once('error', reject);
    sent.end(body);
  });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
