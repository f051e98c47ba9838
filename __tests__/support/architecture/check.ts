import { posix } from 'node:path';
import { parseImports, type Import } from './imports.ts';
import { homes, mostLines, parts } from './rules.ts';

/** Source files by their path under `src`, `/` between components. */
export type Sources = ReadonlyMap<string, string>;

/** Every breach of the rules, one sentence each that names the file; empty when all is well. */
export function findBreaches(sources: Sources): string[] {
  const breaches: string[] = [];
  const graph = new Map<string, string[]>();
  for (const [path, text] of sources) {
    const imports = parseImports(text);
    breaches.push(...findFileBreaches(path, text));
    for (const found of imports) {
      breaches.push(...findImportBreaches(path, found, sources).map((breach) => `${path}: ${breach}`));
    }
    graph.set(
      path,
      imports.filter(isRelative).map((found) => resolve(path, found.specifier)),
    );
  }
  const cycles = findCycles(graph).map((cycle) => `cycle: ${cycle.join(' → ')}`);
  return [...breaches, ...cycles];
}

function findFileBreaches(path: string, text: string): string[] {
  const breaches: string[] = [];
  const lines = text.split('\n').length - 1;
  if (parts[partOf(path)] === undefined) breaches.push(`${path}: ${partOf(path)} is no part of the design`);
  if (lines > mostLines) breaches.push(`${path}: ${lines} lines, more than ${mostLines}`);
  if (/^index\.tsx?$/.test(posix.basename(path))) breaches.push(`${path}: barrels are not used`);
  if (/^export\s+(?:default\b|\{[^}]*\bas\s+default\b)/m.test(text)) breaches.push(`${path}: default export`);
  return breaches;
}

function findImportBreaches(path: string, found: Import, sources: Sources): string[] {
  const part = partOf(path);
  const { specifier } = found;
  if (specifier === '<computed>') return ['dynamic import of a computed name'];
  if (found.isReExport) return [`re-exports ${specifier}; barrels are not used`];
  if (isRelative(found)) return findRelativeBreaches(path, found, sources);
  if (specifier.startsWith('node:')) {
    const isForbidden = parts[part]?.forbiddenBuiltIns.some((name) => isModuleOrSubpath(specifier, name)) ?? false;
    const isTypeOfSocket = found.isTypeOnly && part !== 'mirror' && part !== 'oci';
    return isForbidden && !isTypeOfSocket ? [`${part} may not know ${specifier}`] : [];
  }
  const home = Object.entries(homes).find(([name]) => isModuleOrSubpath(specifier, name))?.[1];
  if (home === undefined) return [`${specifier} has no home`];
  return home.includes(part) ? [] : [`${specifier} has its home in ${home.join(' and ')}`];
}

function findRelativeBreaches(path: string, found: Import, sources: Sources): string[] {
  const target = resolve(path, found.specifier);
  if (!sources.has(target)) return [`${found.specifier} does not exist`];
  const [part, targetPart] = [partOf(path), partOf(target)];
  const rule = parts[part];
  if (rule === undefined || part === targetPart || rule.imports.includes(targetPart)) return [];
  if (!rule.types.includes(targetPart)) return [`${part} may not import ${targetPart}`];
  return found.isTypeOnly ? [] : [`${part} may import only types of ${targetPart}`];
}

/** Each strongly connected group of more than one file (or a file that imports itself) gives one cycle. */
function findCycles(graph: ReadonlyMap<string, readonly string[]>): string[][] {
  const cycles: string[][] = [];
  const done = new Set<string>();
  const visit = (path: string, trail: readonly string[]): void => {
    const start = trail.indexOf(path);
    if (start !== -1) cycles.push([...trail.slice(start), path]);
    if (start !== -1 || done.has(path)) return;
    for (const next of graph.get(path) ?? []) visit(next, [...trail, path]);
    done.add(path);
  };
  for (const path of graph.keys()) visit(path, []);
  return cycles;
}

function partOf(path: string): string {
  return path.includes('/') ? path.slice(0, path.indexOf('/')) : path.replace(/\.tsx?$/, '');
}

function isRelative(found: Import): boolean {
  return found.specifier.startsWith('.');
}

function resolve(path: string, specifier: string): string {
  return posix.join(posix.dirname(path), specifier);
}

function isModuleOrSubpath(specifier: string, name: string): boolean {
  return specifier === name || specifier.startsWith(`${name}/`);
}
