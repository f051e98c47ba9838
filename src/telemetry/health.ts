/**
 * What keeps the service from being whole, in sentences that an operator reads.
 * `degraded` reasons are shown and counted; they never make the service unready.
 */
export interface Health {
  /** Sets or, with undefined, clears the reason of one part. `part` comes from a closed set: `store`, `catalog`, `credentials:NAME`, `configuration`. */
  report(part: string, reason: string | undefined): void;
  readonly degraded: readonly { readonly part: string; readonly reason: string }[];
}

export function createHealth(): Health {
  const reasons = new Map<string, string>();
  return {
    report(part, reason) {
      if (reason === undefined) reasons.delete(part);
      else reasons.set(part, reason);
    },
    get degraded() {
      return [...reasons].map(([part, reason]) => ({ part, reason }));
    },
  };
}
