import { existsSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { expect, test } from '@jest/globals';
import { listAnchors, listPages, root, withoutCode } from './documents.ts';

const pages = listPages();
const anchors = new Map(pages.map(({ name, text }) => [name, listAnchors(text)]));

/** Targets of links and images, those in HTML too, that lead to somewhere in the project. */
function listLinks(text: string): readonly string[] {
  const plain = withoutCode(text);
  const inMarkdown = [...plain.matchAll(/\]\(([^)\s]+)[^)]*\)/g)].map(([, target = '']) => target);
  const inHtml = [...plain.matchAll(/(?:src|srcset|href)="([^"]+)"/g)].map(([, target = '']) => target);
  return [...inMarkdown, ...inHtml].filter((target) => !/^[a-z]+:/.test(target));
}

test('every link within the documentation leads somewhere', () => {
  const broken = pages.flatMap(({ name, text }) =>
    listLinks(text)
      .filter((link) => {
        const [file = '', anchor] = link.split('#');
        const target = file === '' ? name : relative(root, join(root, dirname(name), file));
        if (!existsSync(join(root, target))) return true;
        return anchor !== undefined && anchors.get(target)?.includes(anchor) !== true;
      })
      .map((link) => `${name}: ${link}`),
  );
  expect(broken).toEqual([]);
});

test('the README leads to every page', () => {
  const readme = pages.find(({ name }) => name === 'README.md')?.text ?? '';
  const linked = listLinks(readme);
  const pagesOfDocs = pages.map(({ name }) => name).filter((name) => /^docs\/[\w-]+\.md$/.test(name));
  expect(pagesOfDocs.filter((name) => !linked.includes(name))).toEqual([]);
});

test('sections that the alert rules send to are there', async () => {
  const { listAlertRules } = await import('../../support/promql.ts');
  const sent = listAlertRules().flatMap(({ annotations }) =>
    [...(annotations['description'] ?? '').matchAll(/"([^"]+)" in (docs\/\w+\.md)/g)].map(
      ([, title = '', page = '']) => ({
        title,
        page,
      }),
    ),
  );
  expect(sent.length).toBeGreaterThan(8);
  const missing = sent.filter(
    ({ title, page }) => pages.find(({ name }) => name === page)?.text.includes(`\n## ${title}\n`) !== true,
  );
  expect(missing).toEqual([]);
});
