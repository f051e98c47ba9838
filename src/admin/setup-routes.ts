import { sendJson, type ApiRoutes } from './api-router.ts';
import type { ClientSetup } from './api-types.ts';

/** `GET /client-setup`. */
export function createSetupRoutes(getSetup: () => ClientSetup): ApiRoutes {
  return (router) => {
    router.get('/client-setup', (_request, response) => sendJson(response, 200, getSetup()));
  };
}
