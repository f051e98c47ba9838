import { readFailure, toFailure } from './api-failure.ts';
import type { Session } from './session.ts';

/** Calls of `/api/v1`. Every failure is an `ApiFailure`; 401 also goes to the session. */
export interface ApiClient {
  get<Answer>(path: string, signal?: AbortSignal): Promise<Answer>;
  post<Answer>(path: string, body: object): Promise<Answer>;
  /** The server-sent events; who opens them must read or cancel them. */
  openEvents(signal: AbortSignal): Promise<ReadableStream<Uint8Array<ArrayBuffer>>>;
}

export function createApiClient(session: Session): ApiClient {
  const call = async (path: string, init: RequestInit, headers: Record<string, string> = {}): Promise<Response> => {
    const token = session.token.get();
    if (token !== undefined) headers['Authorization'] = `Bearer ${token}`;
    let response: Response;
    try {
      response = await fetch(`/api/v1${path}`, { ...init, headers, credentials: 'omit', cache: 'no-store' });
    } catch (error) {
      throw toFailure(error);
    }
    if (response.status === 401) session.refuse(token);
    if (!response.ok) throw await readFailure(response);
    return response;
  };
  return {
    get: async <Answer>(path: string, signal?: AbortSignal) =>
      readJson<Answer>(await call(path, { signal: signal ?? null }, { Accept: 'application/json' })),
    post: async <Answer>(path: string, body: object) =>
      readJson<Answer>(
        await call(path, { method: 'POST', body: JSON.stringify(body) }, { 'Content-Type': 'application/json' }),
      ),
    async openEvents(signal) {
      const response = await call('/events', { signal }, { Accept: 'text/event-stream' });
      if (response.body === null) throw toFailure(undefined);
      return response.body;
    },
  };
}

async function readJson<Answer>(response: Response): Promise<Answer> {
  try {
    const text = await response.text();
    return (text === '' ? undefined : JSON.parse(text)) as Answer;
  } catch (error) {
    throw toFailure(error);
  }
}
