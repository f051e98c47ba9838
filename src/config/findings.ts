import type { z } from 'zod';
import { findKey, type KeyNode } from './key-tree.ts';
import type { Finding } from './problem.ts';
import { valueAt, type Path } from './tree.ts';

const secretWord = /passw|token|secret|credential|apikey|^auth$|^pass$/i;
const maxShownLength = 60;

/**
 * What the schema has to say, in our words. Values are repeated only where no secret can stand: keys whose
 * checks ask for it (`isShown`) and fixed words.
 */
export function toFindings(issues: readonly z.core.$ZodIssue[], tree: unknown, root: KeyNode): readonly Finding[] {
  return issues.flatMap((issue): readonly Finding[] => {
    const path = toPath(issue.path);
    if (issue.code === 'unrecognized_keys') {
      const known = [...(findKey(root, path)?.keys?.keys() ?? [])];
      return issue.keys.map((key) => ({ path: [...path, key], expected: expectedInstead(key, known) }));
    }
    return [{ path, expected: issue.message, found: describe(issue, valueAt(tree, path)) }];
  });
}

function expectedInstead(key: string, known: readonly string[]): string {
  if (secretWord.test(key) && known.includes('passwordFile')) {
    return 'no secret in the configuration: passwordFile or passwordEnv says where it is';
  }
  const sameLetters = known.find((candidate) => plain(candidate) === plain(key));
  return sameLetters === undefined ? `a known key: ${known.join(', ')}` : `the key to be written ${sameLetters}`;
}

function plain(key: string): string {
  return key.toLowerCase().replaceAll(/[^a-z]/g, '');
}

function describe(issue: z.core.$ZodIssue, value: unknown): string | undefined {
  if (value === undefined) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return value === null ? 'nothing' : 'a map';
  const isShown = issue.code === 'invalid_value' || (issue.code === 'custom' && issue.params?.['isShown'] === true);
  // A login in front of a host, whatever key it got into, is not repeated.
  if (typeof value === 'string' && (!isShown || value.includes('@'))) return undefined;
  if (!isShown) return `a ${typeof value}`;
  const text = JSON.stringify(value);
  return text.length > maxShownLength ? `${text.slice(0, maxShownLength)}…` : text;
}

function toPath(path: readonly PropertyKey[]): Path {
  return path.map((step) => (typeof step === 'symbol' ? String(step) : step));
}
