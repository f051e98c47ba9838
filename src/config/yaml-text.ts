import { isMap, LineCounter, parseDocument, stringify, type YAMLError } from 'yaml';
import type { Problem } from './problem.ts';

/** Plain words for what goes wrong most; the library's own messages may repeat the file's text. */
const expectations: Readonly<Record<string, string>> = {
  DUPLICATE_KEY: 'each key once in a map',
  TAB_AS_INDENT: 'spaces, not tabs, at the beginning of a line',
  BAD_INDENT: 'lines of one map or list to begin in the same column',
  MISSING_CHAR: 'YAML, with quotes, brackets and colons complete',
  MULTIPLE_DOCS: 'one document, without --- in the middle',
  BAD_ALIAS: 'an anchor for every alias',
  TAG_RESOLVE_FAILED: 'no tags',
  NON_STRING_KEY: 'keys that are plain words',
};
const otherwise = 'valid YAML: text that holds any of : # [ ] { } * & ! needs quotes, as in "[::]:5000"';

/** What is no YAML at all, as a program given by mistake, has one in every line. */
const maxProblems = 50;

/** The file's value, or where it is no YAML. Problems never repeat the file's text, since secrets may stand there. */
export function parseYaml(
  text: string,
  file: string,
): { readonly value: unknown; readonly problems: readonly Problem[] } {
  const lines = new LineCounter();
  // A map as a key would be written out as text, again on each level: minutes for a few thousand levels.
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, version: '1.2', stringKeys: true });
  const errors = [...document.errors, ...document.warnings].slice(0, maxProblems);
  const problems = errors.map((error) => toProblem(error, file, lines));
  if (problems.length > 0) return { value: undefined, problems: withoutRepeats(problems) };
  if (document.contents !== null && !isMap(document.contents)) {
    return { value: undefined, problems: [{ path: file, expected: 'a map of keys and values' }] };
  }
  try {
    return { value: document.toJS() as unknown, problems };
  } catch {
    // Only aliases that unfold without end get here.
    return { value: undefined, problems: [{ path: file, expected: 'aliases that unfold to a reasonable size' }] };
  }
}

/** Any plain value as YAML, one key a line. */
export function formatYaml(value: unknown): string {
  return stringify(value, { lineWidth: 0, aliasDuplicateObjects: false });
}

function toProblem(error: YAMLError, file: string, lines: LineCounter): Problem {
  const { line, col } = lines.linePos(error.pos[0]);
  return { path: `${file}:${line}:${col}`, expected: expectations[error.code] ?? otherwise };
}

/** One slip makes the parser stumble several times over the same place. */
function withoutRepeats(problems: readonly Problem[]): readonly Problem[] {
  return problems.filter(({ path }, index) => problems.findIndex((problem) => problem.path === path) === index);
}
