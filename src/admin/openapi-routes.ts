import { sendJson, type ApiRoutes } from './api-router.ts';
import { describeApi, type OpenApiDocument } from './openapi.ts';

/** `GET /openapi.json`. */
export function createOpenApiRoutes(version: string): ApiRoutes {
  let document: OpenApiDocument | undefined;
  return (router) => {
    router.get('/openapi.json', (_request, response) => {
      // Made when it is asked for: most processes never are.
      document ??= describeApi(version);
      sendJson(response, 200, document);
    });
  };
}
