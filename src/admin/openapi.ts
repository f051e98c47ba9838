// The description of the admin API (OpenAPI 3.1), made of the table of operations and the schemas.
import type { z } from 'zod';
import { describeSchemas, idOf, schemaUri } from './api-schema.ts';
import { event } from './api-schemas-jobs.ts';
import { apiError } from './api-schemas-status.ts';
import { operations, type Answer, type Operation } from './openapi-operations.ts';

/** An OpenAPI document, as far as whoever reads it here needs to know. */
export interface OpenApiDocument {
  readonly openapi: string;
  readonly info: { readonly title: string; readonly version: string };
  readonly paths: Readonly<Record<string, Readonly<Record<string, object>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, object>> };
}

const errorTexts: Readonly<Record<number, string>> = {
  400: 'A field or parameter, which is named, is not as it has to be. Nothing has changed.',
  401: 'A token is needed.',
  403: 'The Host is not one of this listener, or a page of another site sent this.',
  404: 'There is nothing of this name.',
  409: 'It is pinned by the configuration.',
  413: 'The body is too large.',
  415: 'The body is not application/json.',
  429: 'Too many wrong tokens came from this address; Retry-After says when to come again.',
  500: 'The mirror met a bug, or its disk refuses; its log says more.',
  503: 'Too much of this is going on; try again later.',
};

export function describeApi(version: string): OpenApiDocument {
  const paths: Record<string, Record<string, object>> = {};
  for (const operation of operations) {
    const methods = (paths[operation.path] ??= {});
    methods[operation.method] = describeOperation(operation);
  }
  return {
    openapi: '3.1.0',
    info: { title: 'Stowage admin API', version, ...about },
    servers: [{ url: '/api/v1' }],
    // Either is enough: on loopback without a configured token nothing is asked for.
    security: [{ token: [] }, {}],
    paths,
    components: {
      securitySchemes: {
        token: { type: 'http', scheme: 'bearer', description: 'What is in `admin.tokenFile`, where it is configured.' },
      },
      schemas: describeSchemas(),
    },
  } as OpenApiDocument;
}

const about = {
  description:
    'Times are ISO 8601 in UTC, durations seconds, sizes bytes, rates bytes a second; what is not known is null. ' +
    'References are written in full: `docker.io/library/alpine:3.20`, or with `@sha256:…` in place of the tag. ' +
    'Fields may be added; those that are here stay.',
};

function describeOperation(operation: Operation): object {
  const { path, method, summary, body, answer, errors = [] } = operation;
  const ofPost = method === 'post' ? [413, 415] : [];
  const all = [...new Set([...errors, 401, 403, 429, 500, ...ofPost])].toSorted((a, b) => a - b);
  const parameters = describeParameters(operation);
  return {
    operationId: path.replace(/^\/|\.json$|[{}]/g, '').replaceAll('/', '-'),
    summary,
    ...(parameters.length > 0 && { parameters }),
    ...(body !== undefined && { requestBody: { required: true, ...contentOf(refTo(body)) } }),
    responses: {
      [answer.status]: { description: summary, ...describeAnswer(answer) },
      ...Object.fromEntries(
        all.map((status) => [status, { description: errorTexts[status], ...contentOf(refTo(apiError)) }]),
      ),
    },
  };
}

function describeParameters({ path, query = [] }: Operation): readonly object[] {
  const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }));
  const inQuery = query.map(({ name, description, isRequired = false, schema }) => ({
    name,
    in: 'query',
    description,
    required: isRequired,
    schema,
  }));
  return [...inPath, ...inQuery];
}

function describeAnswer(answer: Answer): object {
  if ('schema' in answer) {
    const schema = refTo(answer.schema);
    return contentOf(answer.isList === true ? { type: 'array', items: schema } : schema);
  }
  if (answer.special === 'document') return contentOf({ type: 'object' });
  const data = { type: 'string', contentMediaType: 'application/json', contentSchema: refTo(event) };
  return {
    content: {
      'text/event-stream': {
        schema: { ...data, description: '`event` is the type of the event, `data` the event as JSON.' },
      },
    },
  };
}

function contentOf(schema: object): { readonly content: object } {
  return { content: { 'application/json': { schema } } };
}

function refTo(schema: z.ZodType): { readonly $ref: string } {
  return { $ref: schemaUri(idOf(schema)) };
}
