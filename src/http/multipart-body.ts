// The multipart body of several ranges, which is no part of what is stored.
import { createBytesReader } from '../mirror/bytes-reader.ts';
import type { BodyReader } from '../mirror/pull.ts';
import type { Span } from '../oci/span.ts';

export interface MultipartBody {
  readonly contentType: string;
  readonly sizeBytes: number;
  /** The caller must close it; the parts are opened one after the other. */
  readonly reader: BodyReader;
}

export interface MultipartOptions {
  readonly spans: readonly Span[];
  /** Size of the whole object. */
  readonly sizeBytes: number;
  /** A text that does not occur in the content: random, and long enough. */
  readonly boundary: string;
  openPart(span: Span): BodyReader;
}

/** `multipart/byteranges` (RFC 9110, section 14.6). */
export function createMultipartBody(options: MultipartOptions): MultipartBody {
  const { boundary, spans } = options;
  const heads = spans.map((span, index) => Buffer.from(formatHead(span, index, options)));
  const tail = Buffer.from(`\r\n--${boundary}--\r\n`);
  const partBytes = spans.reduce((sum, span) => sum + span.end - span.start, 0);
  const headBytes = heads.reduce((sum, head) => sum + head.length, 0);
  return {
    contentType: `multipart/byteranges; boundary=${boundary}`,
    sizeBytes: headBytes + partBytes + tail.length,
    reader: createSequenceReader([
      ...spans.flatMap((span, index) => [() => createBytesReader(heads[index] ?? tail), () => options.openPart(span)]),
      () => createBytesReader(tail),
    ]),
  };
}

function formatHead(span: Span, index: number, options: MultipartOptions): string {
  return (
    `${index === 0 ? '' : '\r\n'}--${options.boundary}\r\n` +
    'Content-Type: application/octet-stream\r\n' +
    `Content-Range: bytes ${span.start}-${span.end - 1}/${options.sizeBytes}\r\n\r\n`
  );
}

/** Each reader is opened when the one before it has ended. */
function createSequenceReader(openers: readonly (() => BodyReader)[]): BodyReader {
  let remaining = openers;
  let current: BodyReader | undefined;
  return {
    async read() {
      for (;;) {
        current ??= remaining[0]?.();
        if (current === undefined) return undefined;
        const chunk = await current.read();
        if (chunk !== undefined) return chunk;
        current.close();
        current = undefined;
        remaining = remaining.slice(1);
      }
    },
    close() {
      remaining = [];
      current?.close();
    },
  };
}
