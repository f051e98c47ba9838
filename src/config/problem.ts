/** One thing that is wrong with the configuration, in words that hold no secret. */
export interface Problem {
  /** The key (`upstreams[0].url`), the environment variable, or the place in the file (`FILE:3:5`). */
  readonly path: string;
  readonly expected: string;
  readonly found?: string;
}

/** A problem whose place is still a list of keys and indexes. */
export interface Finding {
  readonly path: readonly (string | number)[];
  readonly expected: string;
  readonly found?: string | undefined;
}

/** Everything that is wrong with the configuration, at once. */
export class ConfigError extends Error {
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    super(problems.map(formatProblem).join('\n'));
    this.name = 'ConfigError';
    this.problems = problems;
  }
}

/** One line: `path: expected …, found …`. */
export function formatProblem(problem: Problem): string {
  const found = problem.found === undefined ? '' : `, found ${problem.found}`;
  // Terminals obey more than what JSON escapes.
  return `${problem.path}: expected ${problem.expected}${found}`.replace(/[\x7f-\x9f\u2028\u2029]/g, '?');
}

/** `['upstreams', 0, 'url']` → `upstreams[0].url`. */
export function formatPath(path: readonly (string | number)[]): string {
  const text = path.map(formatStep).join('');
  return text.replace(/^\./, '');
}

/** Odd keys are cut: in `{password:secret}`, which lacks a space, all of it is the key. */
function formatStep(step: string | number): string {
  if (typeof step === 'number') return `[${step}]`;
  const [word = ''] = /^[\w-]*/.exec(step) ?? [];
  return `.${word}${word === step ? '' : '…'}`;
}
