import { z } from 'zod';
import { isMirrorError } from '../oci/errors.ts';
import { formatImageName, parseImageName, type ImageName, type NamedUpstream } from '../oci/image-name.ts';
import { ApiProblem } from './api-router.ts';

const maxReferences = 1000;

/** Of a body: `references`, each of them text. */
export const references = z
  .array(z.string({ error: 'an image name is expected, as in alpine:3.20' }), {
    error: 'a list of image names is expected, as in ["alpine:3.20"]',
  })
  .min(1, { error: 'at least one image name is expected' })
  .max(maxReferences, { error: `at most ${maxReferences} image names are expected` });

/** A body as its schema says. @throws ApiProblem 400 that names the first field that is wrong */
export function parseBody<Schema extends z.ZodType>(schema: Schema, body: unknown): z.output<Schema> {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw new ApiProblem(400, 'a JSON object is expected, of type application/json');
  }
  const { data, error } = schema.safeParse(body);
  const issue = error?.issues[0];
  if (issue === undefined) return data as z.output<Schema>;
  if (issue.code === 'unrecognized_keys') {
    const [key = ''] = issue.keys;
    throw new ApiProblem(400, 'there is no field of this name', key.slice(0, 100));
  }
  throw new ApiProblem(400, issue.message, formatField(issue.path));
}

/** The images that are named, each once. @throws ApiProblem 400 that names the first that is none */
export function parseImageNames(texts: readonly string[], upstreams: readonly NamedUpstream[]): readonly ImageName[] {
  const names = texts.map((text, index) => {
    try {
      return parseImageName(text, upstreams);
    } catch (error) {
      if (!isMirrorError(error)) throw error;
      throw new ApiProblem(400, error.message, `references[${index}]`);
    }
  });
  return [...new Map(names.map((name) => [formatImageName(name), name])).values()];
}

/** `['references', 1]` → `references[1]`. */
function formatField(path: readonly PropertyKey[]): string {
  const text = path.map((step) => (typeof step === 'number' ? `[${step}]` : `.${String(step)}`)).join('');
  return text.replace(/^\./, '');
}
