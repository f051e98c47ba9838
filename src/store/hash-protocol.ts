import type { DigestAlgorithm } from '../oci/digest.ts';

/** What the hash worker does. `file` and `stream` are numbers that the main thread gives out. */
export type HashRequest =
  | { readonly type: 'open'; readonly file: number; readonly fd: number; readonly algorithm: DigestAlgorithm }
  | { readonly type: 'advance'; readonly file: number; readonly end: number }
  /** Answers the hex digest of bytes 0 to `end`. */
  | { readonly type: 'digest'; readonly file: number; readonly end: number }
  | { readonly type: 'fork'; readonly file: number; readonly end: number; readonly stream: number }
  /** Answered when the worker no longer touches the descriptor. */
  | { readonly type: 'close'; readonly file: number }
  | { readonly type: 'update'; readonly stream: number; readonly bytes: Uint8Array }
  /** Answers the hex digest and ends the stream. */
  | { readonly type: 'finish'; readonly stream: number }
  | { readonly type: 'drop'; readonly stream: number };

/** A hex digest, or undefined where nothing is answered. */
export type HashReply = string | undefined;

/** The code of a file that ends before the bytes that were said to be there. */
export const shortFileCode = 'SHORT_FILE';
