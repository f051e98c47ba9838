import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { Config } from '../../config/config.ts';
import { describeFileError } from '../../config/file-error.ts';
import { ConfigError } from '../../config/problem.ts';
import { formatHttpUrl } from '../../config/public-url.ts';
import { addConfigOption, loadConfigOption, type ConfigOption } from '../config-option.ts';
import type { CliContext } from '../context.ts';
import { CliFailure } from '../failure.ts';

/** Of every command that speaks to a running mirror. */
export interface AdminOptions extends ConfigOption {
  readonly admin?: string;
  readonly tokenFile?: string;
  readonly json?: boolean;
}

/** Where the admin API is, and what lets us in. */
export interface AdminTarget {
  /** Without a slash at the end. */
  readonly url: string;
  readonly token: Token;
}

export type Token =
  | { readonly type: 'none' }
  | { readonly type: 'text'; readonly text: string; readonly file: string }
  /** The configuration names a file that holds no token yet; whether one is needed, the mirror knows. */
  | { readonly type: 'unreadable'; readonly file: string; readonly reason: string };

const variable = 'STOWAGE__ADMIN__URL';

export function addAdminOptions(command: Command, jsonMeaning: string): Command {
  return addConfigOption(command)
    .option('--admin <url>', `where the mirror's admin API is (default: ${variable}, else the configuration)`)
    .option('--token-file <file>', "file with the admin API's token (default: admin.tokenFile of the configuration)")
    .option('--json', jsonMeaning);
}

/** @throws CliFailure, ConfigError */
export function resolveAdminTarget(options: AdminOptions, context: CliContext): AdminTarget {
  const given = findGivenUrl(options, context);
  const config = findConfig(options, context, given !== undefined);
  return { url: given ?? configuredUrl(config), token: findToken(options, config, context) };
}

function findGivenUrl({ admin }: AdminOptions, { env }: CliContext): string | undefined {
  if (admin !== undefined) return parseAdminUrl(admin, '--admin');
  const set = env[variable];
  return set === undefined || set === '' ? undefined : parseAdminUrl(set, variable);
}

function parseAdminUrl(text: string, source: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.search !== '' || url.hash !== '') {
    throw new CliFailure(`${source}: expected a URL, as in http://127.0.0.1:5080, found ${JSON.stringify(text)}`, {
      status: 2,
    });
  }
  if (url.username !== '' || url.password !== '') {
    throw new CliFailure(`${source}: expected a URL without a login; --token-file says where a token is`, {
      status: 2,
    });
  }
  return url.href.replace(/\/+$/, '');
}

/** Where the URL is given, a configuration that is broken or not there must not stand in the way, unless it is named. */
function findConfig(options: AdminOptions, context: CliContext, isUrlGiven: boolean): Config | undefined {
  try {
    return loadConfigOption(options, context);
  } catch (error) {
    if (isUrlGiven && options.config === undefined && error instanceof ConfigError) return undefined;
    throw error;
  }
}

function configuredUrl(config: Config | undefined): string {
  const [address] = config?.admin.listen ?? [];
  if (address === undefined)
    throw new CliFailure('admin.listen is empty: --admin URL says where the mirror is', { status: 2 });
  return formatHttpUrl(address, config?.admin.tls);
}

function findToken(options: AdminOptions, config: Config | undefined, { cwd }: CliContext): Token {
  if (options.tokenFile !== undefined) {
    const token = readToken(resolve(cwd, options.tokenFile));
    if (token.type === 'unreadable') throw new CliFailure(`--token-file: ${token.reason}`, { status: 2 });
    return token;
  }
  const tokenFile = config?.admin.tokenFile;
  return tokenFile === undefined ? { type: 'none' } : readToken(tokenFile);
}

function readToken(file: string): Exclude<Token, { type: 'none' }> {
  let text: string;
  try {
    text = readFileSync(file, 'utf8').trim();
  } catch (error) {
    return { type: 'unreadable', file, reason: `${file} cannot be read (${describeFileError(error)})` };
  }
  // Nothing else fits into a header.
  if (/^[\x21-\x7e]+$/.test(text)) return { type: 'text', text, file };
  return { type: 'unreadable', file, reason: `${file} holds no token: expected one line of letters, digits and signs` };
}
