interface PagerProps {
  /** From 1. */
  readonly number: number;
  readonly hasNext: boolean;
  readonly isBusy: boolean;
  onNext(): void;
  onPrevious(): void;
}

/** Steps through pages; how many there are nobody counts. */
export function Pager({ number, hasNext, isBusy, onNext, onPrevious }: PagerProps) {
  return (
    <nav class="pager" aria-label="Pages">
      <button type="button" disabled={number === 1 || isBusy} onClick={() => onPrevious()}>
        Previous
      </button>
      <span aria-live="polite">{`Page ${number}`}</span>
      <button type="button" disabled={!hasNext || isBusy} onClick={() => onNext()}>
        Next
      </button>
    </nav>
  );
}
