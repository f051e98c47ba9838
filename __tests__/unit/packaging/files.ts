import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findProjectRoot } from '../config/project-root.ts';

const root = findProjectRoot(dirname(fileURLToPath(import.meta.url)));

/** Text of a file of the project; `name` is relative to its root. */
export function readProjectFile(name: string): string {
  return readFileSync(join(root, name), 'utf8');
}

export function hasProjectFile(name: string): boolean {
  return existsSync(join(root, name));
}

/** One instruction of the Dockerfile, with its continued lines joined. */
export interface Instruction {
  readonly word: string;
  readonly rest: string;
}

export function readDockerfile(): readonly Instruction[] {
  const lines = readProjectFile('Dockerfile')
    .replaceAll(/^#.*\n/gm, '')
    .replaceAll('\\\n', ' ')
    .split('\n');
  return lines
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const [, word = '', rest = ''] = /^(\w+)\s+(.*)$/.exec(line) ?? [];
      return { word, rest: rest.replaceAll(/\s+/g, ' ').trim() };
    });
}

/** The variables that the image sets for the mirror. */
export function readImageVariables(): Readonly<Record<string, string>> {
  const settings = readDockerfile()
    .filter(({ word }) => word === 'ENV')
    .flatMap(({ rest }) => [...rest.matchAll(/(\w+)=(\S+)/g)]);
  return Object.fromEntries(settings.map(([, name = '', value = '']) => [name, value]));
}

/** `${NAME:-default}` becomes the default, as compose does it without variables. */
export function withDefaults(text: string): string {
  return text.replaceAll(/\$\{\w+:-([^}]*)\}/g, '$1');
}

/** Seconds of `75`, `75s` or `75000ms`. */
export function toSeconds(text: string | number): number {
  const [, digits = '', unit = 's'] = /^(\d+)(ms|s)?$/.exec(String(text)) ?? [];
  if (digits === '') throw new Error(`not a number of seconds: ${text}`);
  return unit === 'ms' ? Number(digits) / 1000 : Number(digits);
}
