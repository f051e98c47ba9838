import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';
import { createProgram } from '../../../src/cli/program.ts';
import { findProjectRoot } from '../config/project-root.ts';
import { createSwiftClock } from './swift-clock.ts';
import { run } from './run.ts';

const root = findProjectRoot(dirname(fileURLToPath(import.meta.url)));
const page = readFileSync(join(root, 'docs/cli.md'), 'utf8');
const program = createProgram({
  env: {},
  cwd: '/nowhere',
  version: '1.2.3',
  stdout: { write: () => undefined },
  stderr: { write: () => undefined },
  clock: createSwiftClock(),
  onInterrupt: () => () => undefined,
  serve: () => Promise.resolve(),
});

/** First and second cell of every table row whose first cell begins with this. */
function listRows(start: string): readonly (readonly [string, string])[] {
  return page
    .split('\n')
    .map((line) => line.split('|').map((cell) => cell.trim()))
    .filter((cells) => cells[1]?.startsWith(start))
    .map(([, first = '', second = '']) => [first, second]);
}

test('every command is documented with its arguments, and no other', () => {
  const commands = program.commands.map((command) => {
    const words = command.registeredArguments.map((argument) => {
      const name = `${argument.name().toUpperCase()}${argument.variadic ? '…' : ''}`;
      return ` ${argument.required ? name : `[${name}]`}`;
    });
    return `\`stowage ${command.name()}${words.join('')}\``;
  });
  expect(listRows('`stowage ').map(([first]) => first)).toEqual(commands);
});

test('every option is documented with its commands, and no other', () => {
  const atTheMirror = program.commands.filter(({ options }) => options.some(({ long }) => long === '--admin'));
  const documented = new Map(
    listRows('`--').map(([first, second]) => [
      first,
      second === 'all'
        ? program.commands.map((command) => command.name())
        : second === 'all below `status`'
          ? atTheMirror.map((command) => command.name())
          : second.replaceAll('`', '').split(', '),
    ]),
  );
  const options = new Map<string, readonly string[]>();
  for (const command of program.commands) {
    for (const { long = '', short, flags } of command.options) {
      const [, value] = /<(.+)>/.exec(flags) ?? [];
      const name = `\`${long}${value === undefined ? '' : ` ${value.toUpperCase()}`}\`${short === undefined ? '' : `, \`${short}\``}`;
      options.set(name, [...(options.get(name) ?? []), command.name()]);
    }
  }
  expect(Object.fromEntries(documented)).toEqual(Object.fromEntries(options));
});

test('exit statuses are documented, and in the help', async () => {
  const { stdout } = await run(['--help']);
  for (const status of [0, 1, 2]) {
    expect(listRows(`${status}`)).toHaveLength(1);
    expect(stdout).toMatch(new RegExp(`^ +${status} {2}it|^ +${status} {2}bad`, 'm'));
  }
});
