import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { run } from '../cli/run.ts';
import { findCodeBlocks, listPages, root } from './documents.ts';

const pages = listPages().filter(({ name }) => name !== 'CHANGELOG.md');
const sources = [
  ...pages,
  ...['docker-compose.yml', 'packaging/systemd/stowage.service', 'packaging/kubernetes/stowage.yaml', 'Dockerfile'].map(
    (name) => ({ name, text: readFileSync(join(root, name), 'utf8') }),
  ),
];

/** As `--help` lists them. */
async function listCommands(): Promise<readonly string[]> {
  const { stdout } = await run(['--help']);
  const [, list = ''] = stdout.split('Commands:\n');
  return [...list.matchAll(/^ {2}([a-z][a-z-]*)/gm)].map(([, name = '']) => name);
}

test('every command of the program that a document names is there', async () => {
  const commands = await listCommands();
  const named = sources.flatMap(({ name, text }) =>
    [...text.matchAll(/(?:dist\/main\.js|`stowage|^(?:\$ )?stowage|mirror stowage) ([a-z][a-z-]*)/gm)].map(
      ([, command = '']) => ({ name, command }),
    ),
  );
  expect(named.length).toBeGreaterThan(10);
  expect(named.filter(({ command }) => !commands.includes(command))).toEqual([]);
});

test('every command of the program is in a document', async () => {
  const own = (await listCommands()).filter((name) => name !== 'help');
  const texts = pages.map(({ text }) => text).join('\n');
  expect(own.filter((name) => !new RegExp(`stowage ${name}|main\\.js ${name}`).test(texts))).toEqual([]);
});

test('every npm script that a document names is there', () => {
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: object };
  const named = sources.flatMap(({ name, text }) =>
    [...text.matchAll(/npm run ([\w-]+(?::[\w-]+)*)/g)].map(([, script = '']) => ({ name, script })),
  );
  expect(named.filter(({ script }) => !(script in scripts))).toEqual([]);
});

test('docs/clients.md shows what client-config prints', async () => {
  const { text } = pages.find(({ name }) => name === 'docs/clients.md') ?? { text: '' };
  const shown = findCodeBlocks(text).filter(({ mark }) => mark?.startsWith('stowage client-config') === true);
  expect(shown.map(({ mark }) => mark?.split(' ').at(-1))).toEqual(['docker', 'containerd', 'podman', 'buildkit']);
  const env = {
    STOWAGE__PUBLIC_URL: 'http://mirror.lan:5000',
    ...Object.fromEntries(
      ['docker.io', 'ghcr.io', 'quay.io'].map((name, i) => [`STOWAGE__UPSTREAMS__${i}__NAME`, name]),
    ),
  };
  for (const { mark = '', language, text: block } of shown) {
    const { stdout } = await run(mark.split(' ').slice(1), { env });
    if (language === 'json') expect(JSON.parse(block)).toEqual(JSON.parse(stdout));
    else expect(block).toBe(stdout);
  }
});
