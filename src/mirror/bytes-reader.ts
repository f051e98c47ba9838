import type { BodyChunk, BodyReader } from './pull.ts';

/** Reads bytes that nobody reuses. */
export function createBytesReader(bytes: Uint8Array): BodyReader {
  let next: BodyChunk | undefined = bytes.length === 0 ? undefined : { bytes, release() {} };
  return {
    read() {
      const chunk = next;
      next = undefined;
      return Promise.resolve(chunk);
    },
    close() {
      next = undefined;
    },
  };
}
