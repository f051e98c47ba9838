import type { CliContext } from '../context.ts';
import { toPrintable } from '../text/printable.ts';
import { resolveAdminTarget, type AdminOptions, type AdminTarget } from './admin-target.ts';
import { foreignFailure, toAnswerFailure, toConnectionFailure } from './answer-failure.ts';
import { exchange, type Answer, type Exchange } from './exchange.ts';

/**
 * The admin API of a running mirror. `mark` is a key that every answer of the kind has: without it somebody else
 * answers. All throw CliFailure, one line for whatever is in the way.
 */
export interface AdminApi {
  readonly url: string;
  get<T extends object>(path: string, mark: keyof T & string, query?: Query): Promise<T>;
  post<T extends object>(path: string, mark: keyof T & string, body: object): Promise<T>;
}

/** Undefined values are left out. */
export type Query = Readonly<Record<string, string | number | undefined>>;

/** Answers for people are made harmless for a terminal here, before anybody sees them; for `--json` they stay as they are. */
export function openAdminApi(options: AdminOptions, context: CliContext): AdminApi {
  const target = resolveAdminTarget(options, context);
  const isRaw = options.json === true;
  const call = async <T extends object>(
    mark: keyof T & string,
    parts: Pick<Exchange, 'method' | 'url' | 'body'>,
  ): Promise<T> => {
    const answer = await sendTo(target, parts);
    const value = answer.status >= 200 && answer.status <= 299 ? findObject(answer.text, isRaw) : undefined;
    if (value !== undefined && mark in value) return value as T;
    throw value === undefined && answer.status >= 400
      ? toAnswerFailure(answer, target)
      : foreignFailure(answer, target.url);
  };
  return {
    url: target.url,
    get: (path, mark, query = {}) => {
      const url = new URL(`${target.url}/api/v1${path}`);
      for (const [name, value] of Object.entries(query)) {
        if (value !== undefined) url.searchParams.set(name, String(value));
      }
      return call(mark, { method: 'GET', url, body: undefined });
    },
    post: (path, mark, body) =>
      call(mark, { method: 'POST', url: new URL(`${target.url}/api/v1${path}`), body: JSON.stringify(body) }),
  };
}

async function sendTo({ url, token }: AdminTarget, parts: Pick<Exchange, 'method' | 'url' | 'body'>): Promise<Answer> {
  const headers = {
    Accept: 'application/json',
    ...(parts.body !== undefined && { 'Content-Type': 'application/json' }),
    ...(token.type === 'text' && { Authorization: `Bearer ${token.text}` }),
  };
  try {
    return await exchange({ ...parts, headers });
  } catch (error) {
    throw toConnectionFailure(error, url);
  }
}

function findObject(text: string, isRaw: boolean): object | undefined {
  try {
    const value: unknown = JSON.parse(text, (_key, part: unknown) =>
      typeof part === 'string' && !isRaw ? toPrintable(part) : part,
    );
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}
