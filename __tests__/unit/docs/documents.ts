import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findProjectRoot } from '../config/project-root.ts';

export const root = findProjectRoot(dirname(fileURLToPath(import.meta.url)));

/** A page of the documentation. */
export interface Page {
  /** From the root of the project, as in `docs/clients.md`. */
  readonly name: string;
  readonly text: string;
}

/** README, change log, and everything below `docs`. */
export function listPages(): readonly Page[] {
  const below = readdirSync(join(root, 'docs'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.md'))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)));
  return ['README.md', 'CHANGELOG.md', ...below].map((name) => ({
    name,
    text: readFileSync(join(root, name), 'utf8'),
  }));
}

/** Everything that is not code. */
export function withoutCode(text: string): string {
  return text.replaceAll(/^```[\s\S]*?^```/gm, '').replaceAll(/`[^`\n]*`/g, '');
}

/** A fenced block. */
export interface CodeBlock {
  readonly language: string;
  /** The comment right before it, without its brackets. */
  readonly mark: string | undefined;
  readonly text: string;
}

export function findCodeBlocks(text: string): readonly CodeBlock[] {
  return [...text.matchAll(/(?:<!-- (.*?) -->\n\n?)?^ *```(\w*)\n([\s\S]*?)^ *```$/gm)].map(
    ([, mark, language = '', inside = '']) => ({ mark, language, text: inside }),
  );
}

/** As GitHub makes anchors of headings. */
export function listAnchors(text: string): readonly string[] {
  return [...text.matchAll(/^#+ (.*)$/gm)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}
