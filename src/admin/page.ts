import { join } from 'node:path';
import express, { Router, type NextFunction, type Request, type Response } from 'express';

/** Names of what vite makes there hold a hash of their content. */
const assets = '/assets/';
/** What belongs to others, or to nobody. */
const elsewhere = /^\/(?:api|v2|assets|metrics|livez|readyz)(?:\/|$)/i;
const notBuilt =
  'The page is not built. `npm run build` makes it; the API is at /api/v1, described at /api/v1/openapi.json.\n';

/** The web page, as vite left it in this directory. The routes of the page itself lead to its index too. */
export function createPage(directory: string): Router {
  const router = Router({ caseSensitive: true, strict: true });
  const index = join(directory, 'index.html');
  const sendIndex = (_request: Request, response: Response, next: NextFunction): void => {
    response.setHeader('Cache-Control', 'no-cache');
    response.sendFile(index, { cacheControl: false }, (error?: NodeJS.ErrnoException) => {
      if (error === undefined || response.headersSent) return;
      if (error.code !== 'ENOENT' && error.code !== 'ENOTDIR') next(error);
      else response.status(503).set('Cache-Control', 'no-store').type('text/plain').send(notBuilt);
    });
  };
  router.get('/', sendIndex);
  router.use(
    express.static(directory, {
      index: false,
      redirect: false,
      dotfiles: 'ignore',
      cacheControl: false,
      setHeaders(response: Response, path: string) {
        const isHashed = path.startsWith(join(directory, assets));
        response.setHeader('Cache-Control', isHashed ? 'public, max-age=31536000, immutable' : 'no-cache');
      },
    }),
  );
  router.use((request: Request, response: Response, next: NextFunction) => {
    if (isOfPage(request)) sendIndex(request, response, next);
    else next();
  });
  return router;
}

/** A person who follows a link into the page, or loads it anew. Names of images have dots; elsewhere a dot means a file. */
function isOfPage({ method, path, headers }: Request): boolean {
  const isFile = /\.[^/]*$/.test(path) && !path.startsWith('/images/');
  if ((method !== 'GET' && method !== 'HEAD') || isFile) return false;
  return /\btext\/html\b/i.test(headers.accept ?? '') && !elsewhere.test(path);
}
