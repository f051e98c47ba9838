import { useNow } from '../clock.ts';
import { formatAge, formatTime } from '../format.ts';

/** A time as people say it; the exact one is in its title. */
export function Age({ at }: { readonly at: string }) {
  const now = useNow();
  return (
    <time dateTime={at} title={formatTime(at)}>
      {formatAge(at, now)}
    </time>
  );
}
