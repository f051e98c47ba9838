/** Stands where something will be; `what` is said to those who cannot see it. */
export function Skeleton({ what, lines = 3 }: { readonly what: string; readonly lines?: number }) {
  return (
    <div class="skeleton">
      <span class="visually-hidden">{`Loading ${what}`}</span>
      {Array.from({ length: lines }, (_, index) => (
        <span key={index} class="skeleton-line" aria-hidden="true" />
      ))}
    </div>
  );
}
