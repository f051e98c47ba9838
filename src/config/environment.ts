import { findKey, type KeyNode } from './key-tree.ts';
import type { Problem } from './problem.ts';
import type { Path } from './tree.ts';

const prefix = 'STOWAGE__';
/** Read by the commands that speak to a running mirror; not a key of the file. */
const notKeys = new Set(['STOWAGE__ADMIN__URL']);

/** One key that the environment sets. */
export interface Override {
  readonly variable: string;
  readonly path: Path;
  readonly value: unknown;
}

/**
 * What `STOWAGE__…` variables set, shortest path first. Only two underscores after the name count: Kubernetes
 * injects `STOWAGE_PORT=tcp://…` for a service called stowage. An empty variable counts as not set.
 */
export function readEnvironment(
  environment: Readonly<Record<string, string | undefined>>,
  root: KeyNode,
): { readonly overrides: readonly Override[]; readonly problems: readonly Problem[] } {
  const overrides: Override[] = [];
  const problems: Problem[] = [];
  for (const variable of Object.keys(environment).toSorted()) {
    if (!variable.startsWith(prefix) || notKeys.has(variable)) continue;
    const path = parseVariable(variable);
    const node = path && findKey(root, path);
    if (path === undefined || node === undefined) {
      problems.push({ path: variable, expected: unknownVariable(variable) });
    } else if (node.keys !== undefined || node.items?.keys !== undefined) {
      const below = node.keys === undefined ? `${variable}__0__…` : `${variable}__…`;
      problems.push({ path: variable, expected: `a variable for each key below it: ${below}` });
    } else if (environment[variable] !== undefined && environment[variable] !== '') {
      overrides.push({ variable, path, value: parseValue(environment[variable], node) });
    }
  }
  return { overrides: overrides.toSorted(byIndex), problems };
}

/** `STOWAGE__UPSTREAMS__0__PASSWORD_FILE` → `['upstreams', 0, 'passwordFile']`; undefined for what fits no key. */
export function parseVariable(variable: string): Path | undefined {
  const levels = variable.slice(prefix.length).split('__');
  if (!levels.every((level) => /^(?:0|[1-9]\d{0,3}|[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*)$/.test(level))) return undefined;
  return levels.map((level) =>
    /^\d/.test(level)
      ? Number(level)
      : level.toLowerCase().replaceAll(/_(.)/g, (_, first: string) => first.toUpperCase()),
  );
}

/** `parseVariable` in the other direction. */
export function formatVariable(path: Path): string {
  const levels = path.map((step) => String(step).replaceAll(/[A-Z]/g, '_$&').toUpperCase());
  return `${prefix}${levels.join('__')}`;
}

/** Text that fits no kind stays text, for the schema to refuse. */
function parseValue(text: string, node: KeyNode): unknown {
  if (node.kinds.includes('array') && (!node.kinds.includes('string') || text.includes(','))) {
    return text.split(',').map((item) => item.trim());
  }
  if (node.kinds.includes('boolean') && (text === 'true' || text === 'false')) return text === 'true';
  if (node.kinds.includes('number') && !node.kinds.includes('string') && /^\d{1,15}$/.test(text)) return Number(text);
  return text;
}

function unknownVariable(variable: string): string {
  return /PASSWORD|TOKEN|SECRET/.test(variable)
    ? 'no secret here: …__PASSWORD_FILE or …__PASSWORD_ENV says where it is'
    : 'a variable of a known key: two underscores separate levels, one stands before a capital';
}

/** Entry 2 of a list comes before entry 10. */
function byIndex(a: Override, b: Override): number {
  const numbers = ({ path }: Override) => path.filter((step) => typeof step === 'number');
  const [left, right] = [numbers(a), numbers(b)];
  return left.map((index, position) => index - (right[position] ?? -1)).find((difference) => difference !== 0) ?? 0;
}
