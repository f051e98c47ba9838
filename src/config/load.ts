import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Config } from './config.ts';
import { dockerHub } from './docker-hub.ts';
import { readEnvironment, type Override } from './environment.ts';
import { describeFileError } from './file-error.ts';
import { toFindings } from './findings.ts';
import { keyTree, withoutEmptyKeys } from './key-tree.ts';
import { ConfigError, formatPath, type Finding, type Problem } from './problem.ts';
import { checkReferences } from './references.ts';
import { resolveConfig } from './resolve.ts';
import { checkRules } from './rules.ts';
import { fileSchema } from './schema.ts';
import { asList, asMap, withValueAt } from './tree.ts';
import { parseYaml } from './yaml-text.ts';

const usualFile = 'mirror.config.yaml';

export interface LoadOptions {
  /** Named by the operator, so it must exist. Undefined: `mirror.config.yaml` where there is one, else defaults. */
  readonly file?: string | undefined;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The working directory: all relative file names count from here. */
  readonly directory: string;
}

/** File and environment, checked and put together. @throws ConfigError with everything that is wrong, at once */
export function loadConfig(options: LoadOptions): Config {
  const root = keyTree();
  const written = readTree(options);
  const { overrides, problems } = readEnvironment(options.environment, root);
  const { tree, gaps } = applyOverrides(withoutEmptyKeys(written.tree, root), overrides);
  const parsed = fileSchema.safeParse(tree);
  const findings = [
    ...toFindings(parsed.error?.issues ?? [], tree, root),
    ...checkRules(tree),
    ...checkReferences(tree, options),
  ];
  const all = [...written.problems, ...problems, ...gaps, ...findings.map((finding) => toProblem(finding, overrides))];
  if (parsed.data === undefined || all.length > 0) throw new ConfigError(all);
  return resolveConfig(parsed.data, options.directory);
}

/** The file that `loadConfig` reads, as it is named there; undefined: none, the defaults hold. */
export function findConfigFile({ file, directory }: Pick<LoadOptions, 'file' | 'directory'>): string | undefined {
  return file ?? (existsSync(resolve(directory, usualFile)) ? usualFile : undefined);
}

function readTree(options: LoadOptions): { readonly tree: unknown; readonly problems: readonly Problem[] } {
  const { directory } = options;
  const name = findConfigFile(options);
  if (name === undefined) return { tree: {}, problems: [] };
  let text: string;
  try {
    text = readFileSync(resolve(directory, name), 'utf8');
  } catch (error) {
    return { tree: {}, problems: [{ path: name, expected: 'a readable file', found: describeFileError(error) }] };
  }
  const { value, problems } = parseYaml(text, name);
  return { tree: problems.length > 0 ? {} : (value ?? {}), problems };
}

/** Variables win over the file. Without upstreams in the file they speak of Docker Hub, the built-in one. */
function applyOverrides(
  written: unknown,
  overrides: readonly Override[],
): { readonly tree: unknown; readonly gaps: readonly Problem[] } {
  const gaps: Problem[] = [];
  let tree = written;
  for (const { variable, path, value } of overrides) {
    if (path[0] === 'upstreams' && asMap(tree)['upstreams'] === undefined) {
      tree = withValueAt(tree, ['upstreams'], [{ name: dockerHub.name }]);
    }
    const next = withValueAt(tree, path, value);
    if (hasGap(next))
      gaps.push({ path: variable, expected: 'the entries of a list to be numbered from 0, without a gap' });
    else tree = next;
  }
  return { tree, gaps };
}

function hasGap(tree: unknown): boolean {
  const upstreams = asList(asMap(tree)['upstreams']);
  const lists = [upstreams, ...Array.from(upstreams, (upstream) => asList(asMap(upstream)['urls']))];
  return lists.some((list) => Array.from(list).includes(undefined));
}

/** Names the variable where the value came from the environment. */
function toProblem({ path, expected, found }: Finding, overrides: readonly Override[]): Problem {
  const source = overrides.findLast((override) => override.path.every((step, index) => path[index] === step));
  const name = source?.variable ?? (path.length === 0 ? 'the file' : formatPath(path));
  return { path: name, expected, ...(found !== undefined && { found }) };
}
