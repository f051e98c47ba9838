/** What goes to a worker: `id` 0 wants no answer. */
export interface WorkerRequest<Request> {
  readonly id: number;
  readonly body: Request;
}

/** What comes back for an `id`. */
export type WorkerReply<Reply> =
  { readonly id: number; readonly value: Reply } | { readonly id: number; readonly failure: WorkerFailure };

/** An error in a form that crosses threads. `sqliteCode` is SQLite's primary result code. */
export interface WorkerFailure {
  readonly message: string;
  readonly code: string | undefined;
  readonly sqliteCode: number | undefined;
}

/** An error that a worker answered with. */
export class WorkerError extends Error {
  readonly code: string | undefined;
  readonly sqliteCode: number | undefined;

  constructor(failure: WorkerFailure) {
    super(failure.message);
    this.name = 'WorkerError';
    this.code = failure.code;
    this.sqliteCode = failure.sqliteCode;
  }
}
