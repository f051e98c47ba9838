import { accessSync, constants, readFileSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import { checkTokenFile } from './admin-rules.ts';
import { checkAccountsFile, checkListenerFiles } from './client-files.ts';
import { describeFileError } from './file-error.ts';
import type { Finding } from './problem.ts';
import { asList, asMap, asText, type Path } from './tree.ts';

/** Where secrets and certificates are looked for. */
export interface Surroundings {
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Relative file names count from here. */
  readonly directory: string;
}

/**
 * Whether everything the configuration points at is there: files readable and not empty, variables set.
 * Told at start, rather than at the first pull that needs it. What a wrong reference says is not repeated:
 * it may be the secret itself.
 */
export function checkReferences(tree: unknown, surroundings: Surroundings): readonly Finding[] {
  const ofUpstreams = asList(asMap(tree)['upstreams']).flatMap((item, index) => {
    const path = ['upstreams', index];
    const upstream = asMap(item);
    return [
      checkSecret(upstream, path, surroundings),
      asList(upstream['urls']).flatMap((url, at) => checkSecret(asMap(url), [...path, 'urls', at], surroundings)),
      ['caFile', 'certFile', 'keyFile'].flatMap((key) =>
        checkFile(asMap(upstream['tls'])[key], [...path, 'tls', key], surroundings),
      ),
    ].flat();
  });
  const { directory } = surroundings;
  const admin = asMap(asMap(tree)['admin']);
  return [
    ...checkTokenFile(admin, directory),
    ...checkListenerFiles(asMap(asMap(tree)['tls']), ['tls'], directory),
    ...checkListenerFiles(asMap(admin['tls']), ['admin', 'tls'], directory),
    ...checkAccountsFile(asMap(asMap(asMap(tree)['clients'])['accounts']), directory),
    ...ofUpstreams,
  ];
}

type Keys = Readonly<Record<string, unknown>>;

function checkSecret(place: Keys, path: Path, surroundings: Surroundings): readonly Finding[] {
  const variable = asText(place['passwordEnv']);
  const isMissing = variable !== undefined && (surroundings.environment[variable] ?? '') === '';
  return [
    ...checkFile(place['passwordFile'], [...path, 'passwordFile'], surroundings),
    ...(isMissing
      ? [{ path: [...path, 'passwordEnv'], expected: 'the name of an environment variable that is set' }]
      : []),
    ...checkHelper(asText(place['credentialHelper']), [...path, 'credentialHelper'], surroundings),
  ];
}

/** A helper is a program of its own, found as the shell finds programs. */
function checkHelper(helper: string | undefined, path: Path, { environment }: Surroundings): readonly Finding[] {
  if (helper === undefined || !/^[a-z0-9-]+$/.test(helper)) return [];
  const program = `docker-credential-${helper}`;
  const directories = (environment['PATH'] ?? '').split(delimiter).filter((directory) => directory !== '');
  if (directories.some((directory) => isExecutable(join(directory, program)))) return [];
  return [{ path, expected: `the program ${program} in a directory of PATH`, found: 'none' }];
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function checkFile(name: unknown, path: Path, { directory }: Surroundings): readonly Finding[] {
  const file = asText(name);
  if (file === undefined) return [];
  const expected = 'a readable file that is not empty';
  try {
    return readFileSync(resolve(directory, file)).some((byte) => byte > 0x20)
      ? []
      : [{ path, expected, found: 'an empty one' }];
  } catch (error) {
    return [{ path, expected, found: describeFileError(error) }];
  }
}
