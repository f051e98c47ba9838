// The operator's questions about the catalog: a reading connection of their own, off the event loop and beside the writer.
import { DatabaseSync } from 'node:sqlite';
import { findBelonging, findLinks, findSharing, planPurge } from './browse-images.ts';
import { findSizes, listImages, listRepositories } from './browse-lists.ts';
import type { BrowseReply, BrowseRequest } from './browse-protocol.ts';
import { serveRequests } from './worker-service.ts';

/** Questions come in bursts; in between nothing is held. */
const idleMs = 1000;
let path = '';
let connection: DatabaseSync | undefined;
let idleTimer: NodeJS.Timeout | undefined;

function open(): DatabaseSync {
  const db = new DatabaseSync(path, { readOnly: true, timeout: 250 });
  // In KiB: the upper pages of the indexes of a million rows.
  db.exec('PRAGMA cache_size = -8192');
  return db;
}

function close(): void {
  connection?.close();
  connection = undefined;
}

function handle(request: BrowseRequest): BrowseReply {
  clearTimeout(idleTimer);
  if (request.type === 'open') path = request.path;
  if (request.type === 'close') close();
  if (request.type === 'open' || request.type === 'close') return undefined;
  try {
    return answer((connection ??= open()), request);
  } finally {
    idleTimer = setTimeout(close, idleMs).unref();
  }
}

function answer(db: DatabaseSync, request: Exclude<BrowseRequest, { type: 'open' | 'close' }>): BrowseReply {
  switch (request.type) {
    case 'repositories':
      return listRepositories(db, request.query);
    case 'images':
      return listImages(db, request.query);
    case 'sizes':
      return findSizes(db, request.digest);
    case 'sharing':
      return findSharing(db, request.image, request.digests);
    case 'belonging':
      return findBelonging(db, request.repository, request.digest);
    case 'links':
      return findLinks(db, request.digest);
    case 'plan-purge':
      return planPurge(db, request);
  }
}

serveRequests(handle);
