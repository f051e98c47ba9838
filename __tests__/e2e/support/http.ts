import { once } from 'node:events';
import { request, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface AskOptions {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** One request on a connection of its own; the path goes out as it is, dots and percent signs included. */
export async function ask(origin: string, path: string, options: AskOptions = {}): Promise<Answer> {
  const { hostname, port } = new URL(origin);
  const method = options.method ?? 'GET';
  const outgoing = request({ hostname, port, path, method, headers: { ...options.headers }, agent: false });
  outgoing.end(options.body);
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return { status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) };
}

/** Codes that the specification allows in an error body. */
const codes = new Set(
  (
    'BLOB_UNKNOWN BLOB_UPLOAD_INVALID BLOB_UPLOAD_UNKNOWN DIGEST_INVALID MANIFEST_BLOB_UNKNOWN MANIFEST_INVALID ' +
    'MANIFEST_UNKNOWN NAME_INVALID NAME_UNKNOWN SIZE_INVALID UNAUTHORIZED DENIED UNSUPPORTED TOOMANYREQUESTS'
  ).split(' '),
);

/** The codes of an error body; throws when the body has another form than the specification's. */
export function readErrorCodes(answer: Answer): string[] {
  const { errors } = JSON.parse(answer.body.toString()) as { errors?: { code?: unknown }[] };
  if (!Array.isArray(errors) || errors.length === 0) throw new Error(`no errors in ${answer.body.toString()}`);
  return errors.map(({ code }) => {
    if (typeof code !== 'string' || !codes.has(code)) throw new Error(`${String(code)} is not a code of the spec`);
    return code;
  });
}
