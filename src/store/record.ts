/** True for anything with fields that may be looked at: what JSON gives for an object, an error, a row. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}
