export interface Import {
  readonly specifier: string;
  readonly isTypeOnly: boolean;
  readonly isReExport: boolean;
}

const fromClause =
  /^(?<keyword>import|export)\s+(?<type>type\s+(?!from\b))?[^'";]*?\bfrom\s*['"](?<specifier>[^'"]+)['"]/gm;
const sideEffect = /^import\s*['"](?<specifier>[^'"]+)['"]/gm;
const dynamic = /\bimport\s*\(\s*(?:['"`](?<specifier>[^'"`$]+)['"`])?/g;
const comment = /^\s*(?:\/\/|\/?\*).*$/gm;

/**
 * The modules that a source file names, in its own words. It reads text, not syntax, and relies on prettier's form:
 * static imports begin a line. A dynamic import of something computed comes as the specifier `<computed>`.
 */
export function parseImports(source: string): Import[] {
  const code = source.replaceAll(comment, '');
  const found: Import[] = [];
  for (const { groups } of code.matchAll(fromClause)) {
    found.push({
      specifier: groups?.['specifier'] ?? '',
      isTypeOnly: groups?.['type'] !== undefined,
      isReExport: groups?.['keyword'] === 'export',
    });
  }
  for (const { groups } of code.matchAll(sideEffect)) {
    found.push({ specifier: groups?.['specifier'] ?? '', isTypeOnly: false, isReExport: false });
  }
  for (const { groups } of code.matchAll(dynamic)) {
    found.push({ specifier: groups?.['specifier'] ?? '<computed>', isTypeOnly: false, isReExport: false });
  }
  return found;
}
