// What the form's fields mean, and where a problem belongs. Pure.
import type { PullRequest } from '../../admin/api-types.ts';

export type PlatformChoice = 'own' | 'all' | 'some';

export interface WarmUpFields {
  /** One a line; empty lines mean nothing. */
  readonly references: string;
  readonly choice: PlatformChoice;
  /** With commas or spaces between. */
  readonly platforms: string;
}

export function toPullRequest({ references, choice, platforms }: WarmUpFields): PullRequest {
  const some = platforms.split(/[\s,]+/).filter((platform) => platform !== '');
  return {
    references: linesOf(references).map(({ text }) => text),
    ...(choice === 'all' && { platforms: 'all' }),
    ...(choice === 'some' && { platforms: some }),
  };
}

export interface FieldProblem {
  readonly field: 'references' | 'platforms' | 'form';
  readonly text: string;
}

/** A problem of the API at the field where it was typed, with its line: the API counts references, people see lines. */
export function placeProblem(fields: WarmUpFields, message: string, field: string | undefined): FieldProblem {
  const [, name, index] = /^(references|platforms)(?:\[(\d+)\])?/.exec(field ?? '') ?? [];
  if (name === 'platforms') return { field: 'platforms', text: message };
  if (name !== 'references') return { field: 'form', text: message };
  const line = index === undefined ? undefined : linesOf(fields.references)[Number(index)];
  return { field: 'references', text: line === undefined ? message : `line ${line.number}: ${message}` };
}

/** What can be said without asking the mirror. */
export function findProblem(fields: WarmUpFields): FieldProblem | undefined {
  const { references, platforms } = toPullRequest(fields);
  if (references.length === 0) return { field: 'references', text: 'name at least one image, one a line' };
  if (platforms?.length === 0) return { field: 'platforms', text: 'name at least one platform, as in linux/arm64' };
  return undefined;
}

function linesOf(text: string): { readonly number: number; readonly text: string }[] {
  return text
    .split('\n')
    .map((line, index) => ({ number: index + 1, text: line.trim() }))
    .filter((line) => line.text !== '');
}
