// The operator's questions about the catalog: a reading connection of their own, off the event loop and beside the writer.
import { DatabaseSync } from 'node:sqlite';
import { findBelonging, findSharing, planPurge } from './browse-images.ts';
import { findSizes, listImages, listRepositories } from './browse-lists.ts';
import type { BrowseReply, BrowseRequest } from './browse-protocol.ts';
import { serveRequests } from './worker-service.ts';

let connection: DatabaseSync | undefined;

function handle(request: BrowseRequest): BrowseReply {
  if (request.type === 'open') {
    connection = new DatabaseSync(request.path, { readOnly: true, timeout: 250 });
    // In KiB: the upper pages of the indexes of a million rows.
    connection.exec('PRAGMA cache_size = -8192');
    return undefined;
  }
  if (request.type === 'close') {
    connection?.close();
    connection = undefined;
    return undefined;
  }
  if (connection === undefined) throw new Error('the catalog is not open');
  return answer(connection, request);
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
    case 'plan-purge':
      return planPurge(db, request.digest, request.pins);
  }
}

serveRequests(handle);
