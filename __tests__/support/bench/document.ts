import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { format, resolveConfig } from 'prettier';

export const documentPath = fileURLToPath(new URL('../../../docs/benchmarks.md', import.meta.url));

const [begin, end] = ['<!-- npm run bench: begin -->', '<!-- npm run bench: end -->'];

/** Puts markdown in the place of the benchmark's own section, between its two comments; the rest of the page stays. */
export async function writeSection(path: string, section: string): Promise<void> {
  const page = await readFile(path, 'utf8');
  const [start, stop] = [page.indexOf(begin), page.indexOf(end)];
  if (start < 0 || stop < start) throw new Error(`${path} has no section between ${begin} and ${end}`);
  const text = `${page.slice(0, start + begin.length)}\n\n${section}\n\n${page.slice(stop)}`;
  await writeFile(path, await format(text, { ...(await resolveConfig(path)), filepath: path }));
}
