import type { ApiError } from '../../admin/api-types.ts';
import { CliFailure } from '../failure.ts';
import type { AdminTarget, Token } from './admin-target.ts';
import type { Answer } from './exchange.ts';

/** Why there was no answer, in one line. */
export function toConnectionFailure(error: unknown, url: string): CliFailure {
  const code = findCode(error);
  if (code.startsWith('HPE_'))
    return new CliFailure(`what answers at ${url} does not speak HTTP: --admin URL says where the mirror is`);
  return new CliFailure(
    `no mirror answers at ${url} (${describe(code, error)}): is it running? --admin URL says where`,
  );
}

/** What the mirror refused, in one line. */
export function toAnswerFailure(answer: Answer, { url, token }: AdminTarget): CliFailure {
  const refusal = findApiError(answer);
  if (answer.status === 401) return new CliFailure(tokenLine(url, token));
  if (refusal === undefined) return foreignFailure(answer, url);
  const field = refusal.field === undefined ? '' : ` (${refusal.field})`;
  if (answer.status === 400) return new CliFailure(`${refusal.error}${field}`, { status: 2 });
  if (answer.status === 403) {
    const { hostname } = new URL(url);
    return new CliFailure(
      `the mirror refuses requests to ${url} (${refusal.error}): admin.hosts of its configuration has to list ${hostname}`,
    );
  }
  return new CliFailure(`${refusal.error}${field}`);
}

/** Something answers, but not in the words of the admin API. */
export function foreignFailure({ status, contentType }: Answer, url: string): CliFailure {
  return new CliFailure(
    `what answers at ${url} is not a mirror's admin API (HTTP ${status}, ${contentType ?? 'no content type'}): --admin URL says where it is`,
  );
}

function tokenLine(url: string, token: Token): string {
  switch (token.type) {
    case 'none':
      return `${url} wants a token: --token-file FILE, or admin.tokenFile in the configuration, says where it is`;
    case 'unreadable':
      return `${url} wants a token, and ${token.reason}: --token-file FILE names another file`;
    case 'text':
      return `${url} does not take the token in ${token.file}: --token-file FILE names another file`;
  }
}

function findApiError({ text }: Answer): ApiError | undefined {
  try {
    const value: unknown = JSON.parse(text);
    const { error, field } = Object(value) as { readonly error?: unknown; readonly field?: unknown };
    if (typeof error !== 'string') return undefined;
    return { error, ...(typeof field === 'string' && { field }) };
  } catch {
    return undefined;
  }
}

/** A name with several addresses fails with one error for each. */
function findCode(error: unknown): string {
  const { code, errors } = Object(error) as { readonly code?: unknown; readonly errors?: readonly unknown[] };
  if (typeof code === 'string') return code;
  return errors === undefined ? '' : findCode(errors[0]);
}

function describe(code: string, error: unknown): string {
  switch (code) {
    case 'ECONNREFUSED':
      return 'connection refused';
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return 'no such host';
    case 'ECONNRESET':
    case 'EPIPE':
      return 'the connection broke';
    case 'ETIMEDOUT':
      return 'no answer in time';
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return 'no way to that host';
    default:
      return error instanceof Error && error.message !== '' ? error.message : code;
  }
}
