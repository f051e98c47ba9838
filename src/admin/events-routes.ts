import { ApiProblem, type ApiRoutes } from './api-router.ts';
import type { EventStream } from './event-stream.ts';

/** `GET /events`. */
export function createEventsRoutes(stream: Pick<EventStream, 'add'>): ApiRoutes {
  return (router) => {
    router.get('/events', (request, response) => {
      // Express answers HEAD by GET: there are only headers to send.
      if (request.method === 'HEAD') response.setHeader('Content-Type', 'text/event-stream').end();
      else if (!stream.add(response)) throw new ApiProblem(503, 'too many listen to events already; try again later');
    });
  };
}
