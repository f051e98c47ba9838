/** A snippet that can be pasted as it is, and what cannot be said within it. */
export interface ClientConfig {
  readonly text: string;
  readonly notes: readonly string[];
}
