// The built page with an admin API that says what a test wants: for states that are hard to bring about for real.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import type { ApiError, Event, ImageDetails, ImageSummary, Page, PinState } from '../../../src/admin/api-types.ts';
import { createSignal } from '../signal.ts';
import { createDetails, createFakeState, createJob, type FakeState } from './fake-state.ts';
import { readPageFile } from './page-files.ts';

export interface FakeCall {
  readonly method: string;
  /** Below `/api/v1`, with its query. */
  readonly path: string;
  readonly body: unknown;
}

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

/** The owner must `close` it. */
export interface FakeAdmin {
  readonly url: string;
  readonly state: FakeState;
  readonly calls: readonly FakeCall[];
  /** Wanted of every call; undefined: none is. */
  token: string | undefined;
  /** Answers calls of this path (without query) so, until `restore`. */
  script(path: string, answer: Answer): void;
  /** Lets calls of this path wait until the function given is called. */
  hold(path: string): () => void;
  restore(): void;
  send(event: Event): void;
  /** Ends every connection that reads events; new ones are refused until `restore`. */
  dropEvents(): void;
  untilCall(isIt: (call: FakeCall) => boolean): Promise<FakeCall>;
  untilReaders(count: number): Promise<void>;
  close(): Promise<void>;
}

export async function startFakeAdmin(): Promise<FakeAdmin> {
  const state = createFakeState(Date.now());
  const calls: FakeCall[] = [];
  const scripted = new Map<string, Answer>();
  const held = new Map<string, Promise<void>>();
  const readers = new Set<ServerResponse>();
  const changed = createSignal();

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const url = new URL(request.url ?? '/', 'http://fake');
    if (!url.pathname.startsWith('/api/v1/')) {
      sendPage(response, url.pathname);
      return;
    }
    const path = url.pathname.slice('/api/v1'.length);
    const body = await readBody(request);
    calls.push({ method: request.method ?? '', path: path + url.search, body });
    changed.raise();
    await held.get(path);
    if (admin.token !== undefined && request.headers.authorization !== `Bearer ${admin.token}`) {
      sendJson(response, { status: 401, body: { error: 'the token is missing or wrong' } satisfies ApiError });
      return;
    }
    const script = scripted.get(path);
    if (script !== undefined) sendJson(response, script);
    else if (path === '/events') openEvents(response);
    else sendJson(response, respond(state, path, url.searchParams, body));
  };
  const openEvents = (response: ServerResponse): void => {
    response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' });
    response.write(': open\n\n');
    readers.add(response);
    response.once('close', () => {
      readers.delete(response);
      changed.raise();
    });
    changed.raise();
  };
  const server: Server = createServer((request, response) => {
    answer(request, response).catch(() => response.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const admin: FakeAdmin = {
    url: `http://127.0.0.1:${port}`,
    state,
    calls,
    token: undefined,
    script: (path, given) => void scripted.set(path, given),
    hold(path) {
      let release = (): void => undefined;
      const gate = new Promise<void>((resolve) => (release = resolve));
      held.set(path, gate);
      return () => {
        held.delete(path);
        release();
      };
    },
    restore: () => scripted.clear(),
    send(event) {
      for (const reader of readers) reader.write(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
    },
    dropEvents() {
      scripted.set('/events', { status: 503, body: { error: 'closed by the test' } satisfies ApiError });
      for (const reader of readers) reader.destroy();
    },
    async untilCall(isIt) {
      await changed.until(() => calls.some(isIt));
      return calls.find(isIt) as FakeCall;
    },
    untilReaders: (count) => changed.until(() => readers.size >= count),
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  return admin;
}

const policy =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

function sendPage(response: ServerResponse, path: string): void {
  const { bytes, contentType } = readPageFile(path);
  response.writeHead(200, { 'Content-Type': contentType, 'Content-Security-Policy': policy });
  response.end(bytes);
}

function sendJson(response: ServerResponse, { status, body }: Answer): void {
  response.writeHead(status, { 'Content-Type': 'application/json' });
  response.end(JSON.stringify(body));
}

async function readBody(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString();
  return text === '' ? undefined : JSON.parse(text);
}

function respond(state: FakeState, path: string, query: URLSearchParams, body: unknown): Answer {
  const { references = [] } = (body ?? {}) as { references?: readonly string[] };
  switch (path) {
    case '/status':
      return ok(state.status);
    case '/history':
      return ok(state.history);
    case '/fills':
      return ok(state.fills);
    case '/images':
      return ok(pageOf(state.images, query));
    case '/image':
      return findImage(state, query.get('reference') ?? '');
    case '/jobs':
      return ok({ items: state.jobs, next: null });
    case '/client-setup':
      return ok(state.clientSetup);
    case '/pin':
    case '/unpin':
      return pin(state, references, path === '/pin');
    case '/purge':
      state.images = state.images.filter(({ reference }) => !references.includes(reference));
      return ok({
        items: references.map((reference) => ({
          reference,
          removedObjects: 4,
          freedBytes: 60_005_000,
          keptObjects: 1,
        })),
      });
    case '/pull':
    case '/verify': {
      const job = createJob(references, {
        id: `job-${state.jobs.length + 1}`,
        kind: path === '/pull' ? 'pull' : 'verify',
      });
      state.jobs = [job, ...state.jobs];
      return { status: 202, body: job };
    }
    default:
      return cancel(state, path);
  }
}

function pageOf(images: readonly ImageSummary[], query: URLSearchParams): Page<ImageSummary> {
  const search = query.get('search') ?? '';
  const upstream = query.get('upstream') ?? '';
  const found = images.filter(
    (image) => image.reference.includes(search) && (upstream === '' || image.upstream === upstream),
  );
  const start = Number(query.get('cursor') ?? 0);
  const end = start + Number(query.get('limit') ?? 50);
  return { items: found.slice(start, end), next: end < found.length ? String(end) : null };
}

function findImage(state: FakeState, reference: string): Answer {
  const image = state.images.find((one) => one.reference === reference);
  const details: ImageDetails | undefined = state.details.get(reference) ?? (image && createDetails(image));
  return details === undefined ? notFound(`${reference} is not cached`) : ok(details);
}

function pin(state: FakeState, references: readonly string[], isPinned: boolean): Answer {
  state.images = state.images.map((image) => (references.includes(image.reference) ? { ...image, isPinned } : image));
  return ok({ items: references.map((reference): PinState => ({ pin: reference, source: 'operator' })), next: null });
}

function cancel(state: FakeState, path: string): Answer {
  const [, id] = /^\/jobs\/([^/]+)\/cancel$/.exec(path) ?? [];
  const job = state.jobs.find((one) => one.id === id);
  if (job === undefined) return notFound('there is nothing here');
  const ended = { ...job, state: 'cancelled' as const, endedAt: new Date().toISOString() };
  state.jobs = state.jobs.map((one) => (one.id === id ? ended : one));
  return ok(ended);
}

function ok(body: unknown): Answer {
  return { status: 200, body };
}

function notFound(error: string): Answer {
  return { status: 404, body: { error } satisfies ApiError };
}
