import type { ApiFailure } from '../api/api-failure.ts';

interface FailureProps {
  /** What could not be shown or done. */
  readonly what: string;
  readonly failure: ApiFailure;
  onRetry?(): void;
}

/** What went wrong, and a way to try again. */
export function Failure({ what, failure, onRetry }: FailureProps) {
  return (
    <div class="failure" role="alert">
      <p>
        <strong>{`${what}: `}</strong>
        {failure.message}
      </p>
      {onRetry !== undefined && (
        <button type="button" class="small" onClick={() => onRetry()}>
          Try again
        </button>
      )}
    </div>
  );
}
