import { createRequire } from 'node:module';
import type { Ajv2020 as Ajv } from 'ajv/dist/2020.js';
import { describe, expect, test } from '@jest/globals';
import { createOpenApiRoutes } from '../../../src/admin/openapi-routes.ts';
import { describeApi } from '../../../src/admin/openapi.ts';
import { ask } from '../../support/admin-client.ts';
import { expectBodyToFit, expectEventToFit, expectToFit } from '../../support/openapi.ts';
import { documentSchema } from './openapi-schema.ts';
import { useAdminApp } from './serve.ts';

const start = useAdminApp();
const { Ajv2020 } = createRequire(import.meta.url)('ajv/dist/2020.js') as { Ajv2020: new (options: object) => Ajv };
const document = describeApi('1.2.3');

/** Every value below one of these keys. */
function findAll(value: unknown, key: string): unknown[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value as Record<string, unknown>).flatMap(([name, item]) => [
    ...(name === key ? [item] : []),
    ...findAll(item, key),
  ]);
}

describe('the description of the API', () => {
  test('has the form of OpenAPI 3.1', () => {
    const ajv = new Ajv2020({ strict: false, allErrors: true });
    const isValid = ajv.validate(documentSchema, document);
    expect(ajv.errors ?? []).toEqual([]);
    expect(isValid).toBe(true);
  });

  test('holds only schemas that are JSON Schema 2020-12', () => {
    const ajv = new Ajv2020({ strict: false });
    for (const schema of [...findAll(document, 'schema'), ...Object.values(document.components.schemas)]) {
      expect(ajv.validateSchema(schema as object)).toBe(true);
    }
  });

  test('refers to nothing that is not in it, and has nothing that nobody refers to', () => {
    const named = Object.keys(document.components.schemas).map((name) => `#/components/schemas/${name}`);
    expect(new Set(findAll(document, '$ref'))).toEqual(new Set(named));
  });

  test('names every operation once', () => {
    const ids = findAll(document, 'operationId');
    expect(ids.length).toBeGreaterThan(15);
    expect(new Set(ids).size).toBe(ids.length);
  });

  test('says of every answer that is no success what it looks like', () => {
    for (const operation of Object.values(document.paths).flatMap((methods) => Object.values(methods))) {
      const { responses } = operation as { responses: Record<string, object> };
      expect(Object.keys(responses)).toEqual(expect.arrayContaining(['401', '403']));
      for (const [status, answer] of Object.entries(responses)) {
        if (Number(status) >= 400) expect(findAll(answer, '$ref')).toEqual(['#/components/schemas/Error']);
      }
    }
  });

  test('is served as it is', async () => {
    const { status, json } = await ask(await start({ api: [createOpenApiRoutes('1.2.3')] }), '/api/v1/openapi.json');
    expectToFit('/openapi.json', 'GET', status, json);
    expect(json).toEqual(JSON.parse(JSON.stringify(document)));
  });
});

describe('what does not fit the description is found', () => {
  test('in an answer: a field that is missing, too many, or of another type', () => {
    const error = { error: 'no' };
    expect(() => expectToFit('/jobs/{id}', 'GET', 404, error)).not.toThrow();
    for (const body of [{}, { ...error, more: 1 }, { error: 5 }, null]) {
      expect(() => expectToFit('/jobs/{id}', 'GET', 404, body)).toThrow('is not as described');
    }
    expect(() => expectToFit('/fills', 'GET', 418, error)).toThrow('says nothing of');
  });

  test('in a time', () => {
    const at = (time: string) => ({ type: 'evicted', at: time, objects: 1, bytes: 1 });
    expect(() => expectEventToFit(at('2026-01-01T00:00:00.000Z'))).not.toThrow();
    expect(() => expectEventToFit(at('yesterday'))).toThrow('is not as described');
  });

  test('in a body', () => {
    expect(() => expectBodyToFit('/pull', 'POST', { references: ['alpine'], platforms: 'all' })).not.toThrow();
    expect(() => expectBodyToFit('/verify', 'POST', {})).not.toThrow();
    expect(() => expectBodyToFit('/purge', 'POST', { references: [] })).toThrow('is not as described');
  });
});
