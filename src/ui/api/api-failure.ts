import type { ApiError } from '../../admin/api-types.ts';

/** A call that did not give what was asked for. The message is a sentence for people. */
export class ApiFailure extends Error {
  /** Undefined: there was no answer. */
  readonly status: number | undefined;
  /** What was wrong in the request, as in `references[1]`. */
  readonly field: string | undefined;

  constructor(message: string, status?: number, field?: string) {
    super(message);
    this.status = status;
    this.field = field;
  }
}

/** What an answer of status 400 and above says. */
export async function readFailure(response: Response): Promise<ApiFailure> {
  const { status } = response;
  try {
    const { error, field } = (await response.json()) as Partial<ApiError>;
    if (typeof error === 'string') return new ApiFailure(error, status, typeof field === 'string' ? field : undefined);
  } catch {
    // No JSON: something between us and the mirror has answered.
  }
  return new ApiFailure(`the mirror answered with status ${status}`, status);
}

export function toFailure(error: unknown): ApiFailure {
  return error instanceof ApiFailure ? error : new ApiFailure('the mirror does not answer');
}
