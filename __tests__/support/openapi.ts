// What the admin API says of itself, held against what it really answers.
import { createRequire } from 'node:module';
import type { ErrorObject, ValidateFunction } from 'ajv';
import type { Ajv2020 as Ajv } from 'ajv/dist/2020.js';
import { describeApi } from '../../src/admin/openapi.ts';

const require = createRequire(import.meta.url);
const { Ajv2020 } = require('ajv/dist/2020.js') as { Ajv2020: new (options: object) => Ajv };
const addFormats = require('ajv-formats') as (ajv: Ajv) => void;

const documentId = 'https://stowage.test/openapi.json';
const ajv = new Ajv2020({ strict: false, allErrors: true });
addFormats(ajv);
ajv.addSchema(describeApi('0.0.0'), documentId);

/**
 * Throws unless `body`, parsed JSON, is what the description promises for this answer. `path` is as in the description:
 * below `/api/v1`, with `{id}` for an id.
 */
export function expectToFit(path: string, method: string, status: number, body: unknown): void {
  const steps = [
    'paths',
    path,
    method.toLowerCase(),
    'responses',
    String(status),
    'content',
    'application/json',
    'schema',
  ];
  check(`${method} ${path} ${status}`, `#/${steps.map(escapeStep).join('/')}`, body);
}

/** The same for an event of `/events`. */
export function expectEventToFit(event: unknown): void {
  check('an event', '#/components/schemas/Event', event);
}

/** The same for a body that is sent. */
export function expectBodyToFit(path: string, method: string, body: unknown): void {
  const steps = ['paths', path, method.toLowerCase(), 'requestBody', 'content', 'application/json', 'schema'];
  check(`the body of ${method} ${path}`, `#/${steps.map(escapeStep).join('/')}`, body);
}

function check(what: string, fragment: string, value: unknown): void {
  const validate: ValidateFunction | undefined = ajv.getSchema(`${documentId}${fragment}`);
  if (validate === undefined) throw new Error(`the description of the API says nothing of ${what}`);
  if (!validate(value)) {
    throw new Error(`${what} is not as described: ${describe(validate.errors ?? [])} in ${JSON.stringify(value)}`);
  }
}

function describe(errors: readonly ErrorObject[]): string {
  return errors
    .map(({ instancePath, message, params }) => `${instancePath} ${message} ${JSON.stringify(params)}`)
    .join('; ');
}

/** As JSON pointers in fragments of URIs want it. */
function escapeStep(step: string): string {
  return encodeURIComponent(step.replaceAll('~', '~0').replaceAll('/', '~1'));
}
