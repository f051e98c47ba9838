import express, { Router, type NextFunction, type Request, type Response } from 'express';
import { isMirrorError } from '../oci/errors.ts';
import type { ApiError } from './api-types.ts';

/** What is wrong with a request, for its sender. Thrown by handlers, answered as `ApiError`. */
export class ApiProblem extends Error {
  readonly status: number;
  readonly field: string | undefined;

  constructor(status: number, message: string, field?: string) {
    super(message);
    this.status = status;
    this.field = field;
  }
}

/** Adds the routes of one matter to the router; paths count from `/api/v1`. */
export type ApiRoutes = (router: Router) => void;

const maxBodyBytes = 1024 * 1024;

/** The admin API. Whoever may not use it has been turned away before. */
export function createApiRouter(routes: readonly ApiRoutes[]): Router {
  const router = Router({ caseSensitive: true, strict: true });
  router.use(express.json({ limit: maxBodyBytes, strict: true, type: 'application/json' }));
  for (const add of routes) add(router);
  router.use((_request: Request, response: Response) => sendJson(response, 404, { error: 'there is nothing here' }));
  router.use((error: unknown, _request: Request, response: Response, next: NextFunction) => {
    const answer = response.headersSent ? undefined : toAnswer(error);
    if (answer === undefined) next(error);
    else sendJson(response, answer.status, answer.body);
  });
  return router;
}

/** Writes `body` as JSON and ends the response. */
export function sendJson(response: Response, status: number, body: object): void {
  const bytes = Buffer.from(`${JSON.stringify(body)}\n`);
  response.statusCode = status;
  response.setHeader('Content-Type', 'application/json');
  response.setHeader('Content-Length', bytes.length);
  response.end(bytes);
}

/** Undefined for a bug. */
function toAnswer(error: unknown): { readonly status: number; readonly body: ApiError } | undefined {
  if (error instanceof ApiProblem) {
    const { status, message, field } = error;
    return { status, body: { error: message, ...(field !== undefined && { field }) } };
  }
  if (isMirrorError(error)) {
    const status = error.kind.endsWith('-invalid') ? 400 : error.kind.endsWith('-unknown') ? 404 : 502;
    return { status, body: { error: error.message } };
  }
  // What express.json refuses: no JSON, too much of it.
  const { status, expose } = error as { status?: unknown; expose?: unknown };
  if (typeof status !== 'number' || expose !== true) return undefined;
  const reason = status === 413 ? `the body is larger than ${maxBodyBytes} bytes` : 'the body is not valid JSON';
  return { status, body: { error: reason } };
}
