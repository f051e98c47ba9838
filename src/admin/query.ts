import { z } from 'zod';
import { ApiProblem } from './api-router.ts';

const defaultLimit = 50;
const maxLimit = 200;
const maxTextLength = 300;
const limitExpectation = `a whole number from 1 to ${maxLimit} is expected`;

/** What a list is narrowed by. An empty text is none. */
export const queryText = z
  .string()
  .max(maxTextLength, { error: `at most ${maxTextLength} characters are expected` })
  .transform((text) => (text === '' ? undefined : text))
  .optional();

/** How long a page may be. */
export const queryLimit = z
  .string()
  .regex(/^[0-9]{1,3}$/, { error: limitExpectation })
  .transform(Number)
  .refine((limit) => limit >= 1 && limit <= maxLimit, { error: limitExpectation })
  .default(defaultLimit);

/** The query of a request as its schema says. @throws ApiProblem 400 that names the first parameter that is wrong */
export function parseQuery<Schema extends z.ZodType>(schema: Schema, url: string): z.output<Schema> {
  const start = url.indexOf('?');
  const given = new URLSearchParams(start === -1 ? '' : url.slice(start));
  const names = new Set<string>();
  for (const name of given.keys()) {
    if (names.has(name)) throw new ApiProblem(400, 'it is given more than once', name.slice(0, 100));
    names.add(name);
  }
  const { data, error } = schema.safeParse(Object.fromEntries(given));
  const issue = error?.issues[0];
  if (issue === undefined) return data as z.output<Schema>;
  if (issue.code === 'unrecognized_keys') {
    const [key = ''] = issue.keys;
    throw new ApiProblem(400, 'there is no parameter of this name', key.slice(0, 100));
  }
  throw new ApiProblem(400, issue.message, String(issue.path[0] ?? ''));
}

/** A place in a list, to be given back as it is. */
export function formatCursor(place: readonly (string | number)[]): string {
  return Buffer.from(JSON.stringify(place)).toString('base64url');
}

/** A cursor that `formatCursor` has made of a place of this shape; undefined gives undefined. @throws ApiProblem 400 */
export function parseCursor<Schema extends z.ZodType>(
  schema: Schema,
  cursor: string | undefined,
): z.output<Schema> | undefined {
  if (cursor === undefined) return undefined;
  let place: unknown;
  try {
    place = JSON.parse(Buffer.from(cursor, 'base64url').toString());
  } catch {
    place = undefined;
  }
  const { success, data } = schema.safeParse(place);
  if (success) return data;
  throw new ApiProblem(400, 'what `next` of the page before said is expected, for the same list', 'cursor');
}
