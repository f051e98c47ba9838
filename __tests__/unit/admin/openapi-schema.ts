// What OpenAPI 3.1 asks of a document, for the parts that ours has; nothing else may be in it.
// https://spec.openapis.org/oas/v3.1.0

const text = { type: 'string', minLength: 1 };
const content = {
  type: 'object',
  minProperties: 1,
  propertyNames: { pattern: '^[a-z]+/[a-z-]+$' },
  additionalProperties: object({ schema: { type: 'object' } }, ['schema']),
};

function object(properties: object, required: readonly string[]): object {
  return { type: 'object', properties, required, additionalProperties: false };
}

const parameter = {
  ...object(
    {
      name: text,
      in: { enum: ['path', 'query'] },
      description: text,
      required: { type: 'boolean' },
      schema: { type: 'object' },
    },
    ['name', 'in', 'schema'],
  ),
  // What is in the path cannot be left out.
  if: { properties: { in: { const: 'path' } } },
  // oxlint-disable-next-line unicorn/no-thenable -- a keyword of JSON Schema
  then: { properties: { required: { const: true } } },
};

const operation = object(
  {
    operationId: { type: 'string', pattern: '^[a-z][a-z-]*$' },
    summary: text,
    parameters: { type: 'array', items: parameter },
    requestBody: object({ required: { type: 'boolean' }, content }, ['content']),
    responses: {
      type: 'object',
      minProperties: 1,
      propertyNames: { pattern: '^[1-5][0-9][0-9]$' },
      additionalProperties: object({ description: text, content }, ['description']),
    },
  },
  ['operationId', 'summary', 'responses'],
);

export const documentSchema = object(
  {
    openapi: { type: 'string', pattern: '^3\\.1\\.\\d+$' },
    info: object({ title: text, version: text, description: text }, ['title', 'version']),
    servers: { type: 'array', items: object({ url: text }, ['url']) },
    security: { type: 'array', items: { type: 'object', additionalProperties: { type: 'array' } } },
    paths: {
      type: 'object',
      propertyNames: { pattern: '^/' },
      additionalProperties: object({ get: operation, post: operation }, []),
    },
    components: object(
      {
        schemas: { type: 'object', propertyNames: { pattern: '^[A-Za-z0-9._-]+$' } },
        securitySchemes: {
          type: 'object',
          additionalProperties: object({ type: { const: 'http' }, scheme: { const: 'bearer' }, description: text }, [
            'type',
            'scheme',
          ]),
        },
      },
      ['schemas'],
    ),
  },
  ['openapi', 'info', 'paths', 'components'],
);
