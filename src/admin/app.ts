// The operator's side, on a listener of its own: page, API, metrics and health. May not know what the mirror serves or from where.
import type { RequestListener } from 'node:http';
import express, { type NextFunction, type Request, type RequestHandler, type Response } from 'express';
import type { Metrics } from '../telemetry/create-metrics.ts';
import type { Health } from '../telemetry/health.ts';
import { refuseForeignPages, requireToken, setAccessHeaders, type TokenGuard } from './access.ts';
import { createApiRouter, sendJson as send, type ApiRoutes } from './api-router.ts';
import { createHostCheck } from './host-check.ts';
import { createPage } from './page.ts';
import type { AdminToken } from './token-file.ts';

export interface AdminAppOptions {
  readonly metrics: Pick<Metrics, 'render' | 'contentType'>;
  readonly health: Health;
  /** Whether clients should be sent here: false while starting and while draining. Depends on no upstream. */
  isReady(): boolean;
  /** Values of `Host` that are let in beside loopback and the address that was dialled, with or without port; looked at for each request. */
  readonly hosts: readonly string[];
  /** What lets in to `/api/v1` and `/metrics`; undefined: nothing is needed. */
  readonly token: AdminToken | undefined;
  /** Told of every token that is brought; default: nobody is. */
  readonly tokenGuard?: TokenGuard;
  /** Whether `/metrics` needs no token in any case; looked at for each request. */
  readonly hasOpenMetrics: boolean;
  /** Where the built page is, if it is. */
  readonly pageDirectory: string;
  /** What the admin API consists of. */
  readonly api: readonly ApiRoutes[];
}

/** The handler of the admin listener. It owns nothing. */
export function createAdminApp(options: AdminAppOptions): RequestListener {
  const isOwnHost = createHostCheck(() => options.hosts);
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.enable('case sensitive routing');
  app.enable('strict routing');
  app.set('query parser', false);
  app.use((request: Request, response: Response, next: NextFunction) => {
    setAccessHeaders(response);
    if (isOwnHost(request.headers.host, request.socket.localAddress)) next();
    else send(response, 403, { error: 'this Host is not one of admin.hosts' });
  });
  app.get('/livez', (_request, response) => send(response, 200, { status: 'alive' }));
  app.get('/readyz', (_request, response) => {
    const isReady = options.isReady();
    const { degraded } = options.health;
    send(response, isReady ? 200 : 503, { status: isReady ? 'ready' : 'unready', degraded });
  });
  const needsToken = requireToken(options.token, options.tokenGuard);
  const needsTokenUnlessOpen: RequestHandler = (request, response, next) =>
    options.hasOpenMetrics ? next() : needsToken(request, response, next);
  app.get('/metrics', needsTokenUnlessOpen, async (_request, response) => {
    const text = await options.metrics.render();
    response.setHeader('Content-Type', options.metrics.contentType);
    response.end(text);
  });
  app.use('/api/v1', refuseForeignPages, needsToken, createApiRouter(options.api));
  app.use(createPage(options.pageDirectory));
  app.use((_request: Request, response: Response) => send(response, 404, { error: 'there is nothing here' }));
  app.use((_error: unknown, _request: Request, response: Response, _next: NextFunction) => {
    if (response.headersSent) response.destroy();
    else send(response, 500, { error: 'internal error' });
  });
  return (request, response) => {
    app(request, response);
  };
}
