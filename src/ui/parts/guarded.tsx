import type { ComponentChildren } from 'preact';
import { useErrorBoundary } from 'preact/hooks';

/** A bug in what it holds costs that alone, not the whole page. */
export function Guarded({ children }: { readonly children: ComponentChildren }) {
  const [error, reset] = useErrorBoundary() as [unknown, () => void];
  if (error === undefined || error === null) return <>{children}</>;
  return (
    <div class="failure" role="alert">
      <p>
        <strong>This view cannot be shown: </strong>
        {error instanceof Error ? error.message : 'the page has a bug'}
      </p>
      <button type="button" class="small" onClick={() => reset()}>
        Try again
      </button>
    </div>
  );
}
